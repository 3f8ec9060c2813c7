/* QR codes (ISO/IEC 18004), for phones to read off a terminal or a page. */
#ifndef COMMON_BASE_QR_CODE_H
#define COMMON_BASE_QR_CODE_H

#include "common/base/buffer.h"

/* The place for a code in a terminal. */
struct qr_code_place {
    int rows, columns; /* of characters */
    bool
        utf8; /* half blocks can be shown: two rows of modules in a line. Else each has two columns */
};

/* Appends the code for a terminal, black on white whatever its colours are, with the least error correction and, where
   there is room for it, the whole quiet zone. `fits`: whether the place is large enough; `needed` is what it would
   take. False without memory, or when the text is too long for a code. */
MUST_CHECK bool qr_code_write_terminal(struct buffer *out, const char *text,
                                       const struct qr_code_place *place, bool *fits,
                                       struct qr_code_place *needed);

/* Appends it as an SVG document that scales. False likewise. */
MUST_CHECK bool qr_code_write_svg(struct buffer *out, const char *text);

#endif
