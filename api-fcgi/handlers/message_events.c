/* GET /api/sms/{message_id}/events: the history of a message, oldest event first. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/query.h"
#include "common/base/url.h"
#include "common/model/message_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most messages have about five events; one whose offers return to the queue again and again may have thousands. */
enum { PAGE_EVENTS = 1000 };

/* An event is less than 4 KiB of JSON. */
_Static_assert(PAGE_EVENTS * 4096 <= (int)HTTP_MAX_RESPONSE_BYTES, "a page fits into an answer");

static const char cursor_prefix[] = "after-";

/* The number of events before the page. */
static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    size_t length = strlen(cursor_prefix);
    const char *digits = value + length;
    bool good = strncmp(value, cursor_prefix, length) == 0 && *digits >= '1' && *digits <= '9' &&
                strspn(digits, "0123456789") == strlen(digits);
    errno = 0;
    int64_t after = good ? strtoll(digits, NULL, 10) : 0;
    if (good && errno == 0)
        *(int64_t *)target = after;
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"cursor", " after next page offset "}, false, take_cursor},
};

/* As a member of the body and as a header (RFC 8288). */
static void put_next(struct http_exchange *exchange, struct json_writer *json, const char *id,
                     int64_t after)
{
    char url[128];
    snprintf(url, sizeof(url), "/api/sms/%s/events?cursor=%s%" PRId64, id, cursor_prefix, after);
    json_put_text(json, "next", url);
    http_add_header(exchange, "Link", "<%s>; rel=\"next\"", url);
}

/* `count` may be one more than a page has. */
static void answer_page(struct http_exchange *exchange, const struct message_id *id, int64_t after,
                        const struct message_event *events, size_t count)
{
    char id_text[MESSAGE_ID_TEXT_SIZE];
    struct json_writer json = {.out = &exchange->response.body};
    size_t shown = MIN(count, (size_t)PAGE_EVENTS);
    message_id_format(id, id_text);
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "message_id", id_text);
    json_begin_array(&json, "events");
    for (size_t i = 0; i < shown; i++)
        message_json_put_event(&json, &events[i]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)shown);
    if (count > shown)
        put_next(exchange, &json, id_text, after + PAGE_EVENTS);
    else
        json_put_null(&json, "next");
    json_end_object(&json);
}

enum http_outcome message_events_handle(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct message_id id;
    int64_t after = 0;
    struct message_event *events = NULL;
    size_t count = 0;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &after))
        return HTTP_ANSWERED;
    if (!message_id_parse(exchange->request.path_argument, &id))
        return messages_refuse_id(exchange);
    enum error error = store_read_history(exchange->reader, &id, after, PAGE_EVENTS + 1, &events,
                                          &count);
    if (error == ERROR_NONE)
        answer_page(exchange, &id, after, events, count);
    free(events);
    return error == ERROR_NONE ? HTTP_ANSWERED : messages_refuse(exchange, error);
}
