/* QR codes (ISO/IEC 18004), for phones to read off a terminal or a page. */
#ifndef COMMON_QR_CODE_H
#define COMMON_QR_CODE_H

#include "buffer.h"

/* Appends the code for a terminal: two rows of modules in a line, black on white whatever its colours
   are. False without memory, or when the text is too long for a code. */
MUST_CHECK bool qr_code_write_terminal(struct buffer *out, const char *text);

/* Appends it as an SVG document that scales. Likewise. */
MUST_CHECK bool qr_code_write_svg(struct buffer *out, const char *text);

#endif
