#include "api-fcgi/server/json_body.h"

#include "api-fcgi/server/suggest.h"
#include "common/base/character_name.h"
#include "common/base/utf8.h"
#include "common/process/option_rules.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Adds an error with the JSON pointer to a member of any name: "~" and "/" are escaped (RFC 6901, 3). */
static void refuse_unknown(struct http_exchange *exchange, const char *place, const char *name,
                           const char *meant)
{
    struct buffer pointer;
    buffer_init(&pointer, JSON_BODY_PLACE_SIZE + 128); /* longer names are cut */
    buffer_append_text(&pointer, place);
    buffer_append_char(&pointer, '/');
    for (const char *end = name + strlen(name);
         name < end && pointer.length < strlen(place) + 100;) {
        const char *start = name;
        if (*name == '~' || *name == '/') {
            buffer_append_text(&pointer, *name == '~' ? "~0" : "~1");
            name++;
        } else {
            (void)utf8_next(&name, end); /* the parser has checked it */
            buffer_append(&pointer, start, (size_t)(name - start));
        }
    }
    http_add_field_error(exchange, pointer.data ? pointer.data : "/", ERROR_UNKNOWN_FIELD,
                         meant ? "is not a known field; did you mean %s?"
                               : "is not a known field; remove it",
                         meant);
    buffer_fini(&pointer);
}

/* The missing field that an unknown name probably means; NULL: none. */
static const char *suggest_field(const struct json *body, const struct json_body_field *fields,
                                 size_t count, const char *name)
{
    const char *meant = NULL;
    int nearest = SUGGEST_FAR;
    for (size_t i = 0; i < count; i++) {
        struct suggestion field = {fields[i].pointer + 1, fields[i].aliases};
        int distance = suggest_distance(name, &field);
        if (distance < nearest && !json_member(body, field.name)) {
            nearest = distance;
            meant = field.name;
        }
    }
    return meant;
}

static bool has_field(const struct json_body_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].pointer + 1, name) == 0)
            return true;
    }
    return false;
}

const char *json_body_pointer(const char *place, const char *pointer,
                              char whole[JSON_BODY_POINTER_SIZE])
{
    if (*place == '\0')
        return pointer;
    snprintf(whole, JSON_BODY_POINTER_SIZE, "%s%s", place, pointer);
    return whole;
}

void json_body_refuse_others(struct http_exchange *exchange, const struct json *object,
                             const char *place, const struct json_body_field *fields, size_t count)
{
    if (exchange->is_smsgate)
        return;
    json_for_each (member, object) {
        if (!has_field(fields, count, json_name(member)))
            refuse_unknown(exchange, place, json_name(member),
                           suggest_field(object, fields, count, json_name(member)));
    }
}

static void take_members(struct http_exchange *exchange, const struct json *object,
                         const char *place, const struct json_body_field *fields, size_t count,
                         void *target)
{
    char whole[JSON_BODY_POINTER_SIZE];
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_member(object, fields[i].pointer + 1);
        if (exchange->is_smsgate && value && json_is_null(value))
            value = NULL;
        if (!value && !fields[i].required)
            continue;
        const char *pointer = json_body_pointer(place, fields[i].pointer, whole);
        if (value)
            fields[i].take(exchange, pointer, value, target);
        else
            http_add_field_error(exchange, pointer, ERROR_REQUIRED, "is required");
    }
    json_body_refuse_others(exchange, object, place, fields, count);
}

/* What the whole body was encoded as before it was sent, or its bytes; NULL: nothing else. */
static const char *other_encoding(const struct buffer *text, size_t offset)
{
    static const struct {
        const char *start, *name;
    } starts[] = {
        {"%7B", "percent-encoded, as a part of a URL"},
        {"%7b", "percent-encoded, as a part of a URL"},
        {"{&quot;", "escaped as HTML"},
        {"{&#34;", "escaped as HTML"},
        {"{+ACI-", "in UTF-7"},
        {"ey", "in Base64"}, /* of a {, and of one before a line feed */
        {"ewo", "in Base64"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(starts); i++) {
        if (strncmp(text->data, starts[i].start, strlen(starts[i].start)) == 0)
            return starts[i].name;
    }
    const unsigned char *bytes = (const unsigned char *)text->data + offset;
    if (offset + 1 < text->length && bytes[0] == 0xed && bytes[1] >= 0xa0)
        return "in CESU-8, with halves of surrogate pairs";
    if (offset + 1 < text->length && bytes[0] == 0xc0 && bytes[1] == 0x80)
        return "in Java's modified UTF-8";
    return NULL;
}

/* Names the character at the error, as in: a comma or } is expected here, but found the letter "m". */
static void refuse_json(struct http_exchange *exchange, const struct json_problem *problem)
{
    const struct buffer *text = &exchange->request.body;
    size_t length = strlen(problem->reason);
    char found[CHARACTER_NAME_SIZE + 16] = "";
    bool names = length > 4 && strcmp(problem->reason + length - 4, "here") == 0;
    if (names && problem->offset < text->length) {
        const char *p = text->data + problem->offset;
        character_name(utf8_next(&p, text->data + text->length), stpcpy(found, ", but found "));
    } else if (names) {
        strcpy(found, ", but the body ends");
    }
    const char *encoding = other_encoding(text, problem->offset);
    if (encoding)
        http_problem(exchange, ERROR_MALFORMED_JSON,
                     "The body is not valid JSON: it is %s; send JSON in UTF-8 as it is (at byte"
                     " %zu).",
                     encoding, problem->offset);
    else if (strncmp(text->data, "{\\", 2) == 0 || *text->data == '\'')
        http_problem(exchange, ERROR_MALFORMED_JSON,
                     "The body is not valid JSON: %s%s (at byte %zu). The shell seems to have "
                     "passed on quotes"
                     " or backslashes; on Windows write -d \"{\\\"phone_number\\\": ...}\".",
                     problem->reason, found, problem->offset);
    else if (strncmp(text->data, "[object ", strlen("[object ")) == 0)
        http_problem(
            exchange, ERROR_MALFORMED_JSON,
            "The body is not valid JSON: it is what JavaScript makes of an object that is sent"
            " as a text; send JSON.stringify(object) (at byte %zu).",
            problem->offset);
    else if (text->data[strcspn(text->data, "={[\"<")] == '=')
        http_problem(
            exchange, ERROR_MALFORMED_JSON,
            "The body is not valid JSON: it looks like form data; send a JSON object such as"
            " {\"phone_number\": \"+4915112345678\"} (at byte %zu).",
            problem->offset);
    else
        http_problem(exchange, ERROR_MALFORMED_JSON,
                     "The body is not valid JSON: %s%s (at byte %zu).", problem->reason, found,
                     problem->offset);
}

static void refuse_body(struct http_exchange *exchange, const struct json *body)
{
    const char *text = json_text(body);
    if (text && *text == '{')
        http_add_field_error(exchange, "", ERROR_WRONG_TYPE,
                             "the body must be an object, not a string of JSON: it was encoded"
                             " twice");
    else
        http_add_field_error(exchange, "", ERROR_WRONG_TYPE, "the body must be an object, not %s%s",
                             json_type_name(body),
                             json_is_array(body) ? "; send one request per value" : "");
}

struct json *json_body_parse(struct http_exchange *exchange)
{
    const struct buffer *text = &exchange->request.body;
    struct json_problem problem;
    struct json *body = text->length > 0 ? json_parse(text->data, text->length, &problem)
                                         : json_parse("{}", 2, &problem);
    if (!body && problem.no_memory)
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the body.");
    else if (!body)
        refuse_json(exchange, &problem);
    return body;
}

bool json_body_is_object(struct http_exchange *exchange, const struct json *value,
                         const char *place)
{
    if (json_is_object(value))
        return true;
    if (*place == '\0')
        refuse_body(exchange, value);
    else
        http_add_field_error(exchange, place, ERROR_WRONG_TYPE, "must be an object, not %s",
                             json_type_name(value));
    return false;
}

void json_body_take_object(struct http_exchange *exchange, const struct json *object,
                           const char *place, const struct json_body_field *fields, size_t count,
                           void *target)
{
    assert(strlen(place) < JSON_BODY_PLACE_SIZE);
    if (json_body_is_object(exchange, object, place))
        take_members(exchange, object, place, fields, count, target);
}

bool json_body_accept(struct http_exchange *exchange)
{
    if (!http_has_field_errors(exchange))
        return true;
    http_problem(exchange, ERROR_VALIDATION_FAILED,
                 "The request was not accepted; see `errors` for what to change.");
    return false;
}

bool json_body_take(struct http_exchange *exchange, const struct json_body_field *fields,
                    size_t count, void *target)
{
    struct json *body = json_body_parse(exchange);
    if (!body)
        return false;
    json_body_take_object(exchange, body, "", fields, count, target);
    json_free(body);
    return json_body_accept(exchange);
}

void json_body_boolean(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, bool *boolean)
{
    if (json_is_boolean(value))
        *boolean = json_true(value);
    else
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be true or false, not %s%s",
                             json_type_name(value),
                             json_text(value) ? "; write it without quotes" : "");
}

bool json_body_integer(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, int64_t low, int64_t high, int64_t *integer)
{
    double number;
    bool is_number = json_number(value, &number), is_integer = json_integer(value, integer);
    if (is_integer && *integer >= low && *integer <= high)
        return true;
    if (is_integer)
        http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE, "must be between %lld and %lld",
                             (long long)low, (long long)high);
    else if (is_number)
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be a whole number");
    else
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be an integer, not %s%s",
                             json_type_name(value),
                             json_text(value) ? "; write it without quotes" : "");
    return false;
}

const char *json_body_text(struct http_exchange *exchange, const char *pointer,
                           const struct json *value)
{
    const char *text = json_text(value);
    if (!text)
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be a string, not %s%s",
                             json_type_name(value),
                             json_is_array(value)  ? "; send one request per value"
                             : json_is_null(value) ? ""
                                                   : "; put it in double quotes");
    return text;
}

bool json_body_time(struct http_exchange *exchange, const char *pointer, const struct json *value,
                    int64_t *wall_ms)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    double number;
    if (json_number(value, &number)) { /* since 1970; quotes would not help */
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an RFC 3339 time such as \"2026-11-23T09:45:00Z\", not a"
                             " number");
        return false;
    }
    const char *text = json_body_text(exchange, pointer, value);
    enum error error = text ? option_rules_parse_time(text, wall_ms, reason) : ERROR_NONE;
    if (error != ERROR_NONE)
        http_add_field_error(exchange, pointer, error, "%s", reason);
    return text && error == ERROR_NONE;
}

const char *json_body_device_id(struct http_exchange *exchange, const char *pointer,
                                const struct json *value)
{
    const char *text = json_body_text(exchange, pointer, value);
    if (!text || device_id_valid(text))
        return text;
    http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                         "must be 1 to 64 letters, digits, _ and -");
    return NULL;
}
