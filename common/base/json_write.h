/*
 * Writing JSON into a buffer.
 *
 *   struct json_writer json = {.out = &buffer};
 *   json_begin_object(&json, NULL);
 *   json_put_text(&json, "status", "queued");
 *   json_end_object(&json);
 *
 * The writer adds the commas. With a NULL name the value is an element of an array, the whole document, or that of
 * json_put_name. Names are the program's own, and have nothing to escape. Texts must be valid UTF-8. The buffer tells whether writing failed.
 */
#ifndef COMMON_BASE_JSON_WRITE_H
#define COMMON_BASE_JSON_WRITE_H

#include "common/base/buffer.h"

struct json_writer {
    struct buffer *out;
    bool needs_comma;
};

/* Any other name; the value with it is written next. */
void json_put_name(struct json_writer *json, const char *name);

void json_begin_object(struct json_writer *json, const char *name);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json, const char *name);
void json_end_array(struct json_writer *json);

void json_put_text(struct json_writer *json, const char *name, const char *text); /* NULL: null */
void json_put_integer(struct json_writer *json, const char *name, int64_t integer);
void json_put_number(struct json_writer *json, const char *name, double number);
void json_put_bool(struct json_writer *json, const char *name, bool value);
void json_put_null(struct json_writer *json, const char *name);
/* An RFC 3339 text; 0 means "never" and is written as null. */
void json_put_time(struct json_writer *json, const char *name, int64_t wall_ms);
/* Writes text that is already JSON. */
void json_put_raw(struct json_writer *json, const char *name, const char *value);

#endif
