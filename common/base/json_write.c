#include "common/base/json_write.h"

#include "common/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Characters that need an escape in a string (RFC 8259, 7). */
static bool is_special(unsigned char c)
{
    return c < ' ' || c == '"' || c == '\\';
}

/* Whether one of eight characters is special. In (x - n) & ~x the high bit of a byte tells that the byte was less than n,
   up to the first such byte; XOR turns a wanted byte into 0. */
static bool has_special(const char eight[8])
{
    const uint64_t ones = 0x0101010101010101, highs = ones << 7;
    uint64_t x;
    memcpy(&x, eight, sizeof(x));
    uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\';
    return (((x - ones * ' ') & ~x) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           highs;
}

/* The length of the start of a text that needs no escape. */
static size_t plain_length(const char *text, size_t length)
{
    size_t i = 0;
    while (length - i >= 8 && !has_special(text + i))
        i += 8;
    if (length >= 8 && length - i < 8 && !has_special(text + length - 8))
        return length;
    while (i < length && !is_special((unsigned char)text[i]))
        i++;
    return i;
}

static void put_escaped(struct buffer *out, char c)
{
    static const char letters[' '] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char letter = c < ' ' ? letters[(unsigned char)c] : c;
    if (letter)
        buffer_append(out, (const char[]){'\\', letter}, 2);
    else
        buffer_append_format(out, "\\u%04x", (unsigned)c);
}

static void put_string(struct buffer *out, const char *text)
{
    size_t left = strlen(text);
    buffer_append_char(out, '"');
    for (;;) {
        size_t plain = plain_length(text, left);
        buffer_append(out, text, plain);
        if (plain == left)
            break;
        put_escaped(out, text[plain]);
        text += plain + 1;
        left -= plain + 1;
    }
    buffer_append_char(out, '"');
}

static void put_comma(struct json_writer *json)
{
    if (json->needs_comma)
        buffer_append_char(json->out, ',');
    json->needs_comma = true;
}

/* Writes the comma before a value, and its name: an answer has more names than values of any length, so they are appended as
   one. */
static void begin_value(struct json_writer *json, const char *name)
{
    put_comma(json);
    size_t length = name ? strlen(name) : 0;
    char *start = name ? buffer_reserve(json->out, length + 3) : NULL;
    if (!start)
        return;
    start[0] = '"';
    memcpy(start + 1, name, length);
    memcpy(start + 1 + length, "\":", 3);
    json->out->length += length + 3;
}

void json_put_name(struct json_writer *json, const char *name)
{
    put_comma(json);
    put_string(json->out, name);
    buffer_append_char(json->out, ':');
    json->needs_comma = false;
}

void json_begin_object(struct json_writer *json, const char *name)
{
    begin_value(json, name);
    buffer_append_char(json->out, '{');
    json->needs_comma = false;
}

void json_end_object(struct json_writer *json)
{
    buffer_append_char(json->out, '}');
    json->needs_comma = true;
}

void json_begin_array(struct json_writer *json, const char *name)
{
    begin_value(json, name);
    buffer_append_char(json->out, '[');
    json->needs_comma = false;
}

void json_end_array(struct json_writer *json)
{
    buffer_append_char(json->out, ']');
    json->needs_comma = true;
}

void json_put_text(struct json_writer *json, const char *name, const char *text)
{
    begin_value(json, name);
    if (text)
        put_string(json->out, text);
    else
        buffer_append_text(json->out, "null");
}

void json_put_integer(struct json_writer *json, const char *name, int64_t integer)
{
    begin_value(json, name);
    buffer_append_integer(json->out, integer);
}

void json_put_number(struct json_writer *json, const char *name, double number)
{
    begin_value(json, name);
    char text[32];
    /* The shorter of the two forms, if it reads back as the same double. */
    snprintf(text, sizeof(text), "%.15g", number);
    if (strtod(text, NULL) != number)
        snprintf(text, sizeof(text), "%.17g", number);
    buffer_append_text(json->out, isfinite(number) ? text : "null");
}

void json_put_bool(struct json_writer *json, const char *name, bool value)
{
    begin_value(json, name);
    buffer_append_text(json->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *json, const char *name)
{
    begin_value(json, name);
    buffer_append_text(json->out, "null");
}

void json_put_time(struct json_writer *json, const char *name, int64_t wall_ms)
{
    if (wall_ms == 0) {
        json_put_null(json, name);
        return;
    }
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    json_put_text(json, name, text);
}

void json_put_raw(struct json_writer *json, const char *name, const char *value)
{
    begin_value(json, name);
    buffer_append_text(json->out, value);
}
