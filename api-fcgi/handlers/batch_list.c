/* GET /api/batches */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/server/query.h"
#include "common/store/batch_json.h"

#include <string.h>

enum { DEFAULT_LIMIT = 20, MAX_LIMIT = 100 };

static const char cursor_prefix[] = "before-";

struct batch_query {
    int64_t limit;
    bool has_before;
    struct message_id before;
};

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct batch_query *query = target;
    query_integer(exchange, name, value, 1, MAX_LIMIT, &query->limit);
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct batch_query *query = target;
    size_t length = strlen(cursor_prefix);
    query->has_before = strncmp(value, cursor_prefix, length) == 0 &&
                        message_id_parse(value + length, &query->before);
    if (!query->has_before)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"limit", " count size pagesize per_page max "}, true, take_limit},
    {{"cursor", " before after next pagetoken "}, false, take_cursor},
};

static void put_next(struct http_exchange *exchange, struct json_writer *json,
                     const struct message_id *last, const struct query_values *values)
{
    char cursor[sizeof(cursor_prefix) + MESSAGE_ID_TEXT_SIZE];
    message_id_format(last, stpcpy(cursor, cursor_prefix));
    list_page_put_next(exchange, json, "/api/batches", parameters, ARRAY_LENGTH(parameters), values,
                       cursor);
}

enum http_outcome batches_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct batch_query query = {.limit = DEFAULT_LIMIT};
    struct store_batch batches[MAX_LIMIT + 1];
    struct json_writer json = {.out = &exchange->response.body};
    size_t count, limit;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query))
        return HTTP_ANSWERED;
    limit = (size_t)query.limit;
    enum error error = store_list_batches(exchange->reader, query.has_before ? &query.before : NULL,
                                          limit + 1, batches,
                                          &count); /* one more tells of a next page */
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "batches");
    for (size_t i = 0; i < MIN(count, limit); i++)
        batch_json_put(&json, &batches[i]);
    json_end_array(&json);
    json_put_integer(&json, "limit", query.limit);
    if (count > limit)
        put_next(exchange, &json, &batches[limit - 1].id, &values);
    json_end_object(&json);
    return HTTP_ANSWERED;
}
