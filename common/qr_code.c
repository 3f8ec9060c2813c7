/* The only file that knows libqrencode. */
#include "qr_code.h"

#include <qrencode.h>

enum { QUIET_ZONE = 4 }; /* modules of white around it: the standard wants them */

static QRcode *encode(const char *text)
{
    return QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
}

/* Outside of the code everything is white. */
static bool is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return code->data[y * code->width + x] & 1;
}

bool qr_code_write_terminal(struct buffer *out, const char *text)
{
    QRcode *code = encode(text);
    if (!code)
        return false;
    for (int y = -QUIET_ZONE; y < code->width + QUIET_ZONE; y += 2) {
        buffer_append_text(out, "\033[40;37;1m"); /* what is drawn is the white */
        for (int x = -QUIET_ZONE; x < code->width + QUIET_ZONE; x++) {
            static const char *const halves[2][2] = {{"█", "▀"}, {"▄", " "}};
            buffer_append_text(out, halves[is_dark(code, x, y)][is_dark(code, x, y + 1)]);
        }
        buffer_append_text(out, "\033[0m\n");
    }
    QRcode_free(code);
    return !out->failed;
}

bool qr_code_write_svg(struct buffer *out, const char *text)
{
    QRcode *code = encode(text);
    if (!code)
        return false;
    int size = code->width + 2 * QUIET_ZONE;
    buffer_append_format(out,
                         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
                         " shape-rendering=\"crispEdges\"><rect width=\"%d\" height=\"%d\""
                         " fill=\"#fff\"/><path d=\"",
                         size, size, size, size);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0, end; x < code->width; x = end) {
            for (end = x; is_dark(code, end, y); end++)
                ;
            if (end > x)
                buffer_append_format(out, "M%d %dh%dv1h-%dz", x + QUIET_ZONE, y + QUIET_ZONE,
                                     end - x, end - x);
            else
                end++;
        }
    }
    buffer_append_text(out, "\"/></svg>");
    QRcode_free(code);
    return !out->failed;
}
