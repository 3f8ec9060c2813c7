/* GET /api/conversations: the last SMS of each number, received or, for who may read messages, sent. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/server/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of sent and of received SMS: a page looks at that many, whatever there is. So a number may come again on a later page. */
enum { LOOKED_AT = 300, DEFAULT_LIMIT = 50, MAX_LIMIT = 200 };

struct conversations_query {
    int64_t limit;
    bool has_cursor;
    struct message_id cursor; /* the SMS that the page before looked at last */
};

/* Both lists, newest first, and how far they were walked. */
struct conversations {
    struct store_page sent;
    struct store_inbox_page received;
    size_t next_sent, next_received;
    const char *numbers[MAX_LIMIT]; /* of this page */
    size_t count;
    struct message_id last;
    bool any, more;
};

/* ---- The query ---- */

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct conversations_query *query = target;
    query_integer(exchange, name, value, 1, MAX_LIMIT, &query->limit);
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct conversations_query *query = target;
    query->has_cursor = message_id_parse(value, &query->cursor);
    if (!query->has_cursor)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"limit", " size pagesize count max "}, true, take_limit},
    {{"cursor", " after next page offset "}, false, take_cursor},
};

/* ---- Reading ---- */

static enum error read_lists(struct http_exchange *exchange,
                             const struct conversations_query *query, struct conversations *lists)
{
    enum store_position position = query->has_cursor ? STORE_OLDER_THAN : STORE_AT_OFFSET;
    const struct store_query sent = {
        .limit = LOOKED_AT,
        .max_text_bytes = LIST_PAGE_MAX_TEXT_BYTES,
        .position = position,
        .cursor = query->cursor,
    };
    const struct store_inbox_query received = {
        .without_total = true,
        .limit = LOOKED_AT,
        .max_text_bytes = LIST_PAGE_MAX_TEXT_BYTES,
        .position = position,
        .cursor = query->cursor,
    };
    enum error error = exchange->scopes & API_SCOPE_READ
                           ? store_list_messages(exchange->reader, &sent, &lists->sent)
                           : ERROR_NONE;
    return error == ERROR_NONE ? store_list_inbox(exchange->reader, &received, &lists->received)
                               : error;
}

static void free_lists(struct conversations *lists)
{
    store_page_fini(&lists->sent);
    store_inbox_page_fini(&lists->received);
}

/* ---- Walking ---- */

static bool is_known(const struct conversations *lists, const char *number)
{
    for (size_t i = 0; i < lists->count; i++) {
        if (strcmp(lists->numbers[i], number) == 0)
            return true;
    }
    return false;
}

static void put_conversation(struct http_exchange *exchange, struct json_writer *json,
                             const struct message *sent, const struct incoming_sms *received)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    const struct message_id *of = sent ? &sent->id : &received->id;
    const char *device_id = sent ? sent->device_id : received->device_id;
    bool shows_text = received || (exchange->scopes & API_SCOPE_TEXT);
    message_id_format(of, id);
    json_begin_object(json, NULL);
    json_put_text(json, "phone_number", sent ? sent->phone_number : received->sender);
    json_put_text(json, "direction", sent ? "out" : "in");
    json_put_text(json, "id", id);
    json_put_time(json, "at", message_id_time_ms(of));
    json_put_text(json, "text", !shows_text ? NULL : sent ? sent->text : received->text);
    json_put_text(json, "status", sent ? message_status_name(sent->status) : NULL);
    json_put_text(json, "device_id", *device_id ? device_id : NULL);
    json_end_object(json);
}

/* The next SMS of both lists, newest first. False: neither has one, or the next of one is on its next page. */
static bool take_next(struct conversations *lists, const struct message **sent,
                      const struct incoming_sms **received)
{
    bool any_sent = lists->next_sent < lists->sent.count;
    bool any_received = lists->next_received < lists->received.count;
    *sent = any_sent ? &lists->sent.messages[lists->next_sent] : NULL;
    *received = any_received ? &lists->received.incoming[lists->next_received] : NULL;
    lists->more = any_sent || any_received || lists->sent.has_older || lists->received.has_older;
    if ((!any_sent && (lists->sent.has_older || !any_received)) ||
        (!any_received && (lists->received.has_older || !any_sent)))
        return false;
    if (any_sent && any_received) {
        bool sent_is_newer = memcmp((*sent)->id.bytes, (*received)->id.bytes, MESSAGE_ID_BYTES) > 0;
        *(sent_is_newer ? (const void **)received : (const void **)sent) = NULL;
    }
    return true;
}

static void walk(struct http_exchange *exchange, struct json_writer *json, size_t limit,
                 struct conversations *lists)
{
    const struct message *sent;
    const struct incoming_sms *received;
    while (take_next(lists, &sent, &received) && lists->count < limit) {
        const char *number = sent ? sent->phone_number : received->sender;
        lists->next_sent += sent != NULL;
        lists->next_received += received != NULL;
        lists->last = sent ? sent->id : received->id;
        lists->any = true;
        bool is_opaque = sent &&
                         sent->options.content == MESSAGE_ENCRYPTED; /* to whom, is not known */
        if (!*number || is_opaque || is_known(lists, number))
            continue;
        lists->numbers[lists->count++] = number;
        put_conversation(exchange, json, sent, received);
    }
}

static void answer(struct http_exchange *exchange, const struct query_values *values, size_t limit,
                   struct conversations *lists)
{
    char cursor[MESSAGE_ID_TEXT_SIZE];
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "conversations");
    walk(exchange, &json, limit, lists);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)lists->count);
    if (lists->more && lists->any) {
        message_id_format(&lists->last, cursor);
        list_page_put_next(exchange, &json, "/api/conversations", parameters,
                           ARRAY_LENGTH(parameters), values, cursor);
    } else {
        json_put_null(&json, "next");
    }
    json_end_object(&json);
}

enum http_outcome conversations_handle(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct conversations_query query = {.limit = DEFAULT_LIMIT};
    struct conversations lists = {0};
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query))
        return HTTP_ANSWERED;
    enum error error = read_lists(exchange, &query, &lists);
    if (error == ERROR_NONE)
        answer(exchange, &values, (size_t)query.limit, &lists);
    free_lists(&lists);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
