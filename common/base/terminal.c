#include "common/base/terminal.h"

#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LINE_BYTES = 1 << 20, PIECE_BYTES = 65536, MOST_ESCAPED_BYTES = 12 };

static void escape_text(struct buffer *out, int32_t point, unsigned char byte)
{
    if (point < 0)
        buffer_append_format(out, "\\x%02x", byte);
    else if (point == '\n' || point == '\r' || point == '\t')
        buffer_append_text(out, point == '\n' ? "\\n" : point == '\r' ? "\\r" : "\\t");
    else
        buffer_append_format(out, point < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)point);
}

/* JSON cannot hold a byte that is not UTF-8. Line feeds between values stay. */
static void escape_json(struct buffer *out, int32_t point, unsigned char byte)
{
    unsigned unit = point < 0 ? 0xfffd : (unsigned)point;
    if (point == '\n')
        buffer_append_char(out, (char)byte);
    else if (unit < 0x10000)
        buffer_append_format(out, "\\u%04x", unit);
    else
        buffer_append_format(out, "\\u%04x\\u%04x", 0xd7c0 + (unit >> 10), 0xdc00 | (unit & 0x3ff));
}

/* Appends the text up to `end` or until the piece is full; returns where it stopped. */
static const char *append(struct buffer *out, const char *text, const char *end,
                          void (*escape)(struct buffer *out, int32_t point, unsigned char byte),
                          size_t most)
{
    const char *plain = text;
    while (text < end && out->length + (size_t)(text - plain) < most) {
        const char *start = text;
        int32_t point = utf8_next(&text, end);
        text += point < 0;
        if (!utf8_is_control(point))
            continue;
        buffer_append(out, plain, (size_t)(start - plain));
        escape(out, point, (unsigned char)*start);
        plain = text;
    }
    buffer_append(out, plain, (size_t)(text - plain));
    return text;
}

void terminal_append(struct buffer *out, const char *text)
{
    append(out, text, text + strlen(text), escape_text, SIZE_MAX);
}

void terminal_append_json(struct buffer *out, const char *json, size_t length)
{
    append(out, json, json + length, escape_json, SIZE_MAX);
}

/* In pieces, so that long answers take little memory. */
static void put(FILE *out, const char *text, size_t length,
                void (*escape)(struct buffer *out, int32_t point, unsigned char byte))
{
    struct buffer piece;
    buffer_init(&piece, PIECE_BYTES + MOST_ESCAPED_BYTES);
    for (const char *end = text + length; text < end && !piece.failed;) {
        text = append(&piece, text, end, escape, PIECE_BYTES);
        fwrite(piece.data ? piece.data : "", 1, piece.length, out);
        piece.length = 0;
    }
    buffer_fini(&piece);
}

void terminal_put(FILE *out, const char *text)
{
    put(out, text, strlen(text), escape_text);
}

void terminal_put_json(FILE *out, const char *json, size_t length)
{
    put(out, json, length, escape_json);
}

void terminal_print_list(FILE *out, const char *format, va_list arguments)
{
    struct buffer line;
    size_t length = strlen(format);
    buffer_init(&line, MAX_LINE_BYTES);
    buffer_append_format_list(&line, format, arguments);
    bool ends = length > 0 && format[length - 1] == '\n' && line.length > 0;
    if (ends)
        line.data[--line.length] = '\0';
    if (line.data)
        terminal_put(out, line.data);
    if (ends)
        fputc('\n', out);
    buffer_fini(&line);
}

void terminal_print(FILE *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    terminal_print_list(out, format, arguments);
    va_end(arguments);
}
