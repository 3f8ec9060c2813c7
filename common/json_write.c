#include "json_write.h"

#include "clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What cannot stand in a string as it is (RFC 8259, 7), and the end of one. */
static const bool is_special[256] = {[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true};

static void put_string(struct buffer *out, const char *text)
{
    const char *plain = text; /* start of what needs no escape and is copied in one go */
    buffer_append_char(out, '"');
    for (const char *p = text;; p++) {
        unsigned char c = (unsigned char)*p;
        if (!is_special[c])
            continue;
        buffer_append(out, plain, (size_t)(p - plain));
        plain = p + 1;
        if (c == '\0')
            break;
        if (c == '"' || c == '\\')
            buffer_append(out, (const char[]){'\\', *p}, 2);
        else if (c == '\n')
            buffer_append(out, "\\n", 2);
        else
            buffer_append_format(out, "\\u%04x", c);
    }
    buffer_append_char(out, '"');
}

/* The comma before a value, and its name. */
static void begin_value(struct json_writer *json, const char *name)
{
    if (json->needs_comma)
        buffer_append_char(json->out, ',');
    json->needs_comma = true;
    if (name) {
        put_string(json->out, name);
        buffer_append_char(json->out, ':');
    }
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
    /* The shortest of the two that reads back as the same double. */
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
