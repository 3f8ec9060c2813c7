#include "ws-broker/stream/stream_request.h"

#include "common/base/json_write.h"
#include "common/base/url.h"
#include "common/base/utf8.h"
#include "common/model/device.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char path[] = "GET /api/events";

/* Also a list of all types by name fits. */
enum { NAME_SIZE = 32, VALUE_SIZE = 1024 };

/* What is being read. */
struct reading {
    struct stream_request *request;
    struct buffer *errors;
    bool in_header; /* the last id is that of the header */
};

static void add_error(struct reading *reading, const char *name, enum error error,
                      const char *detail)
{
    struct json_writer json = {.out = reading->errors, .needs_comma = reading->errors->length > 0};
    json_begin_object(&json, NULL);
    json_put_text(&json, "parameter", utf8_valid(name, strlen(name)) ? name : "?");
    json_put_text(&json, "code", error_code(error));
    json_put_text(&json, "detail", detail);
    json_end_object(&json);
}

/* ---- The parameters ---- */

static void take_types(struct reading *reading, const char *name, const char *value)
{
    char type[NAME_SIZE];
    for (;;) {
        size_t length = strcspn(value, ",");
        uint32_t bits = 0;
        if (length < sizeof(type)) {
            memcpy(type, value, length);
            type[length] = '\0';
            bits = event_types_named(type);
        }
        if (!bits) {
            add_error(reading, name, ERROR_INVALID_VALUE,
                      "must be types of events separated by commas, as message.sent or device.*");
            return;
        }
        if (strcmp(type, "*") == 0)
            reading->request->all_types = true;
        else
            reading->request->filter.types |= bits;
        if (value[length] == '\0')
            return;
        value += length + 1;
    }
}

static void take_id(struct reading *reading, const char *name, const char *value,
                    struct message_id *id)
{
    if (!message_id_parse(value, id))
        add_error(reading, name, ERROR_INVALID_VALUE, "must be a UUID");
}

static void take_message_id(struct reading *reading, const char *name, const char *value)
{
    take_id(reading, name, value, &reading->request->filter.message_id);
}

static void take_batch_id(struct reading *reading, const char *name, const char *value)
{
    take_id(reading, name, value, &reading->request->filter.batch_id);
}

static void take_device_id(struct reading *reading, const char *name, const char *value)
{
    if (device_id_valid(value))
        strcpy(reading->request->filter.device_id, value);
    else
        add_error(reading, name, ERROR_INVALID_VALUE, "must be 1 to 64 letters, digits, _ and -");
}

static void take_queue(struct reading *reading, const char *name, const char *value)
{
    reading->request->with_queue = strcmp(value, "true") == 0;
    if (!reading->request->with_queue && strcmp(value, "false") != 0)
        add_error(reading, name, ERROR_INVALID_VALUE, "must be true or false");
}

static void take_last_id(struct reading *reading, const char *name, const char *value)
{
    struct stream_request *request = reading->request;
    if (reading->in_header)
        return;
    errno = 0;
    int64_t id = isdigit((unsigned char)*value) ? strtoll(value, NULL, 10) : -1;
    request->has_last_id = id >= 0 && errno == 0 && strspn(value, "0123456789") == strlen(value);
    if (request->has_last_id)
        request->last_id = id;
    else
        add_error(reading, name, ERROR_INVALID_VALUE, "must be the id of an event, or 0");
}

static void take_ticket(struct reading *reading, const char *name, const char *value)
{
    if (*value && strlen(value) < sizeof(reading->request->ticket))
        strcpy(reading->request->ticket, value);
    else
        add_error(reading, name, ERROR_INVALID_VALUE,
                  "must be a ticket from POST /api/events/ticket");
}

static const struct parameter {
    const char *name;
    bool may_repeat;
    void (*take)(struct reading *reading, const char *name, const char *value);
} parameters[] = {
    {"types", true, take_types},        {"message_id", false, take_message_id},
    {"batch_id", false, take_batch_id}, {"device_id", false, take_device_id},
    {"queue", false, take_queue},       {"last_event_id", false, take_last_id},
    {"ticket", false, take_ticket},
};
enum { PARAMETER_COUNT = ARRAY_LENGTH(parameters) };

/* ---- The query ---- */

static void take_parameter(struct reading *reading, const char *text, size_t length,
                           bool present[PARAMETER_COUNT])
{
    char name[NAME_SIZE] = "", value[VALUE_SIZE] = "";
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    bool known = url_decode(text, name_length, name, sizeof(name));
    bool good = !equals || url_decode(equals + 1, length - name_length - 1, value, sizeof(value));
    size_t i = 0;
    while (i < PARAMETER_COUNT && (!known || strcmp(name, parameters[i].name) != 0))
        i++;
    if (i == PARAMETER_COUNT)
        add_error(
            reading, known ? name : "?", ERROR_UNKNOWN_FIELD,
            "is not a known parameter: the stream has types, message_id, batch_id, device_id, "
            "last_event_id and ticket");
    else if (!good)
        add_error(reading, name, ERROR_INVALID_VALUE, "must be percent-encoded UTF-8");
    else if (present[i] && !parameters[i].may_repeat)
        add_error(reading, name, ERROR_INVALID_VALUE, "occurs more than once");
    else
        parameters[i].take(reading, name, value);
    if (i < PARAMETER_COUNT)
        present[i] = true;
}

static void take_query(struct reading *reading, const char *query, size_t length)
{
    bool present[PARAMETER_COUNT] = {false};
    while (length > 0) {
        const char *end = memchr(query, '&', length);
        size_t part = end ? (size_t)(end - query) : length;
        if (part > 0)
            take_parameter(reading, query, part, present);
        part += end ? 1 : 0;
        query += part;
        length -= part;
    }
}

/* ---- The head ---- */

bool stream_request_is_one(const char *head, size_t length)
{
    size_t start = sizeof(path) - 1;
    return length > start && memcmp(head, path, start) == 0 &&
           (head[start] == ' ' || head[start] == '?');
}

/* A value that is too long becomes "?", which is never valid. */
static void take_value(char *place, size_t size, const char *value)
{
    strcpy(place, strlen(value) < size ? value : "?");
}

static bool take_header(struct reading *reading, const char *line, size_t length)
{
    struct stream_request *request = reading->request;
    char text[512];
    const char *colon = memchr(line, ':', length);
    if (!colon)
        return false;
    size_t name_length = (size_t)(colon - line);
    const char *value = colon + 1, *end = line + length;
    while (value < end && *value == ' ')
        value++;
    if ((size_t)(end - value) >= sizeof(text))
        return false;
    memcpy(text, value, (size_t)(end - value));
    text[end - value] = '\0';
    if (name_length == 13 && strncasecmp(line, "authorization", 13) == 0) {
        const char *token = secret_bearer_token(text);
        take_value(request->token, sizeof(request->token), token ? token : "");
    } else if (name_length == 12 && strncasecmp(line, "x-request-id", 12) == 0) {
        take_value(request->request_id, sizeof(request->request_id), text);
    } else if (name_length == 13 && strncasecmp(line, "last-event-id", 13) == 0 && *text) {
        take_last_id(reading, "Last-Event-ID", text);
        reading->in_header = true;
    }
    return true;
}

/* Reads the headers, from after the first line. */
static bool take_headers(struct reading *reading, const char *line, const char *end)
{
    while (line < end) {
        const char *line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (!line_end)
            return false;
        if (line_end == line)
            return line_end + 2 == end;
        if (!take_header(reading, line, (size_t)(line_end - line)))
            return false;
        line = line_end + 2;
    }
    return false;
}

enum error stream_request_read(const char *head, size_t length, struct stream_request *request,
                               struct buffer *errors)
{
    static const char protocol[] = " HTTP/1.1\r\n";
    struct reading reading = {.request = request, .errors = errors};
    *request = (struct stream_request){0};
    if (!stream_request_is_one(head, length) || memchr(head, '\0', length))
        return ERROR_MALFORMED_REQUEST;
    const char *query = head + sizeof(path) - 1;
    const char *line_end = memmem(query, length - (sizeof(path) - 1), protocol,
                                  sizeof(protocol) - 1);
    if (!line_end || memchr(head, '\n', (size_t)(line_end - head)) ||
        memchr(query, ' ', (size_t)(line_end - query)))
        return ERROR_MALFORMED_REQUEST;
    if (!take_headers(&reading, line_end + sizeof(protocol) - 1, head + length))
        return ERROR_MALFORMED_REQUEST;
    if (*query == '?')
        take_query(&reading, query + 1, (size_t)(line_end - query - 1));
    return errors->length > 0 || errors->failed ? ERROR_VALIDATION_FAILED : ERROR_NONE;
}
