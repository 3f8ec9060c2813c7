#include "body.h"

#include "../common/utf8.h"

#include <string.h>

/* A JSON pointer to a member by any name: "~" and "/" are escaped (RFC 6901, 3). */
static void refuse_unknown(struct http_exchange *exchange, const char *name, const char *what)
{
    struct buffer pointer;
    buffer_init(&pointer, 128); /* a longer name is cut: the client knows what it sent */
    buffer_append_char(&pointer, '/');
    for (const char *end = name + strlen(name); name < end && pointer.length < 100;) {
        const char *start = name;
        if (*name == '~' || *name == '/') {
            buffer_append_text(&pointer, *name == '~' ? "~0" : "~1");
            name++;
        } else {
            (void)utf8_next(&name, end); /* valid: the strict scan let it through */
            buffer_append(&pointer, start, (size_t)(name - start));
        }
    }
    http_add_field_error(exchange, pointer.data ? pointer.data : "/", ERROR_UNKNOWN_FIELD,
                         "is not a field of %s; remove it", what);
    buffer_fini(&pointer);
}

static bool has_field(const struct body_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].pointer + 1, name) == 0)
            return true;
    }
    return false;
}

static void take_members(struct http_exchange *exchange, const struct json *body,
                         const struct body_field *fields, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_member(body, fields[i].pointer + 1);
        if (value)
            fields[i].take(exchange, fields[i].pointer, value);
        else if (fields[i].required)
            http_add_field_error(exchange, fields[i].pointer, ERROR_REQUIRED, "is required");
    }
    json_for_each (member, body) {
        if (!has_field(fields, count, json_name(member)))
            refuse_unknown(exchange, json_name(member), what);
    }
}

bool body_take(struct http_exchange *exchange, const struct body_field *fields, size_t count,
               const char *what)
{
    const struct buffer *text = &exchange->request.body;
    struct json_problem problem;
    struct json *body = json_parse(text->data, text->length, &problem);
    if (!body && problem.no_memory) {
        http_problem(exchange, ERROR_INTERNAL, "There is no memory for the body.");
        return false;
    }
    if (!body) {
        http_problem(exchange, ERROR_MALFORMED_JSON,
                     "The body is not valid JSON: %s (at byte %zu).", problem.reason,
                     problem.offset);
        return false;
    }
    if (json_is_object(body))
        take_members(exchange, body, fields, count, what);
    else
        http_add_field_error(exchange, "", ERROR_WRONG_TYPE, "the body must be an object");
    json_free(body);
    if (!http_has_field_errors(exchange))
        return true;
    http_problem(exchange, ERROR_VALIDATION_FAILED,
                 "The request was not accepted; `errors` says what to change.");
    return false;
}

const char *body_text(struct http_exchange *exchange, const char *pointer, const struct json *value)
{
    const char *text = json_text(value);
    if (!text)
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be a string");
    return text;
}
