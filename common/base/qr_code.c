/* The only file that uses libqrencode. */
#include "common/base/qr_code.h"

#include <qrencode.h>

/* White modules around the code: the standard requires four, but readers need only two. */
enum { QUIET_ZONE = 4, LEAST_QUIET_ZONE = 2 };

static QRcode *encode(const char *text, QRecLevel level)
{
    return QRcode_encodeString(text, 0, level, QR_MODE_8, 1);
}

/* White outside the code. */
static bool is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return code->data[y * code->width + x] & 1;
}

static struct qr_code_place place_for(const QRcode *code, int quiet_zone, bool utf8)
{
    int size = code->width + 2 * quiet_zone;
    return (struct qr_code_place){utf8 ? (size + 1) / 2 : size, utf8 ? size : 2 * size, utf8};
}

static bool fits_into(const struct qr_code_place *needed, const struct qr_code_place *place)
{
    return needed->rows <= place->rows && needed->columns <= place->columns;
}

static void append_rows(struct buffer *out, const QRcode *code, int quiet_zone, bool utf8)
{
    for (int y = -quiet_zone; y < code->width + quiet_zone; y += utf8 ? 2 : 1) {
        if (utf8)
            buffer_append_text(out, "\033[40;37;1m"); /* draws the white modules */
        for (int x = -quiet_zone; x < code->width + quiet_zone; x++) {
            static const char *const halves[2][2] = {{"█", "▀"}, {"▄", " "}};
            if (utf8)
                buffer_append_text(out, halves[is_dark(code, x, y)][is_dark(code, x, y + 1)]);
            else
                buffer_append_text(out, is_dark(code, x, y) ? "\033[40m  " : "\033[47m  ");
        }
        buffer_append_text(out, "\033[0m\n");
    }
}

bool qr_code_write_terminal(struct buffer *out, const char *text, const struct qr_code_place *place,
                            bool *fits, struct qr_code_place *needed)
{
    QRcode *code = encode(text, QR_ECLEVEL_L);
    if (!code)
        return false;
    int quiet_zone = QUIET_ZONE;
    *needed = place_for(code, quiet_zone, place->utf8);
    if (!fits_into(needed, place)) {
        quiet_zone = LEAST_QUIET_ZONE;
        *needed = place_for(code, quiet_zone, place->utf8);
    }
    *fits = fits_into(needed, place);
    append_rows(out, code, quiet_zone, place->utf8);
    QRcode_free(code);
    return !out->failed;
}

bool qr_code_write_svg(struct buffer *out, const char *text)
{
    QRcode *code = encode(text, QR_ECLEVEL_M);
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

bool qr_code_put_rows(struct json_writer *json, const char *name, const char *text)
{
    enum { MOST_MODULES = 17 + 4 * QRSPEC_VERSION_MAX };
    char row[MOST_MODULES + 1];
    QRcode *code = encode(text, QR_ECLEVEL_M);
    if (!code)
        return false;
    json_begin_array(json, name);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++)
            row[x] = is_dark(code, x, y) ? '1' : '0';
        row[code->width] = '\0';
        json_put_text(json, NULL, row);
    }
    json_end_array(json);
    QRcode_free(code);
    return !json->out->failed;
}
