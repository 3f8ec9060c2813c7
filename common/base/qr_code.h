/* QR codes (ISO/IEC 18004), for a terminal or a web page. */
#ifndef COMMON_BASE_QR_CODE_H
#define COMMON_BASE_QR_CODE_H

#include "common/base/buffer.h"
#include "common/base/json_write.h"

/* The size of a terminal. */
struct qr_code_place {
    int rows, columns; /* of characters */
    bool utf8; /* half blocks show two rows of modules in a line; else a module takes two columns */
};

/* Appends the code for a terminal, black on white regardless of the terminal's colours, with the lowest error correction
   and, if there is room, the full quiet zone. `fits`: whether the terminal is large enough; `needed` is the size that it
   needs. False without memory, or if the text is too long for a code. */
MUST_CHECK bool qr_code_write_terminal(struct buffer *out, const char *text,
                                       const struct qr_code_place *place, bool *fits,
                                       struct qr_code_place *needed);

/* Appends the code as a scalable SVG document. False as above. */
MUST_CHECK bool qr_code_write_svg(struct buffer *out, const char *text);

/* Puts the same code as an array with a text of 0 and 1, which is dark, for each row of modules, without the quiet zone.
   False as above. */
MUST_CHECK bool qr_code_put_rows(struct json_writer *json, const char *name, const char *text);

#endif
