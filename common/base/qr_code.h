/* QR codes (ISO/IEC 18004), for a terminal or a web page. */
#ifndef COMMON_BASE_QR_CODE_H
#define COMMON_BASE_QR_CODE_H

#include "common/base/buffer.h"

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

#endif
