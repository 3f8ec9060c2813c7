/* GET /messages: what programs have sent, with its states */
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/program_state.h"
#include "common/access/api_key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Parameters ---- */

struct list_query {
    struct store_external_query filters;
    int64_t limit;
    bool with_content;
};

static void take_from(struct http_exchange *exchange, const char *name, const char *value,
                      void *target)
{
    struct store_external_query *query = &((struct list_query *)target)->filters;
    query->has_created_after = list_page_take_time(exchange, name, value, &query->created_after_ms);
}

static void take_to(struct http_exchange *exchange, const char *name, const char *value,
                    void *target)
{
    struct store_external_query *query = &((struct list_query *)target)->filters;
    query->has_created_before = list_page_take_time(exchange, name, value,
                                                    &query->created_before_ms);
}

static void take_state(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_external_query *query = &((struct list_query *)target)->filters;
    query->matches = program_state_matches;
    if (!program_state_parse(value, &query->wanted))
        http_add_parameter_error(
            exchange, name, ERROR_INVALID_VALUE,
            "must be Pending, Processed, Sent, Delivered, Failed or Cancelled");
}

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    list_page_take_device(exchange, name, value, ((struct list_query *)target)->filters.device_id);
}

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    query_integer(exchange, name, value, 1, PROGRAM_MAX_LIMIT,
                  &((struct list_query *)target)->limit);
}

static void take_offset(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    query_integer(exchange, name, value, 0, INT32_MAX,
                  &((struct list_query *)target)->filters.offset);
}

/* In any case: as Go's ParseBool, by which SMSGate reads it, and as Python's "True". */
static bool means(const char *value, const char *word, const char *digit)
{
    return strcasecmp(value, word) == 0 || strcmp(value, digit) == 0 ||
           (strncasecmp(value, word, 1) == 0 && value[1] == '\0');
}

static void take_content(struct http_exchange *exchange, const char *name, const char *value,
                         void *target)
{
    bool *wanted = &((struct list_query *)target)->with_content;
    *wanted = means(value, "true", "1");
    if (!*wanted && !means(value, "false", "0"))
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE, "must be true or false");
}

static void take_sort(struct http_exchange *exchange, const char *name, const char *value,
                      void *target)
{
    bool *oldest_first = &((struct list_query *)target)->filters.oldest_first;
    *oldest_first = strcmp(value, "created_at") == 0;
    if (!*oldest_first && strcmp(value, "-created_at") != 0)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be created_at or -created_at");
}

static const struct query_parameter parameters[] = {
    {{"from", NULL}, true, take_from},
    {{"to", NULL}, true, take_to},
    {{"state", NULL}, true, take_state},
    {{"deviceId", NULL}, true, take_device},
    {{"limit", NULL}, true, take_limit},
    {{"offset", NULL}, true, take_offset},
    {{"includeContent", NULL}, true, take_content},
    {{"sort", NULL}, true, take_sort},
};

/* ---- The answer ---- */

/* Reads the rows of one batch at a time: of all batches of a page they might be long. */
static enum error put_batch(struct http_exchange *exchange, struct json_writer *json,
                            const struct store_batch *batch, bool with_text)
{
    const struct store_query query = {.batch_id = batch->id, .limit = PROGRAM_MAX_NUMBERS};
    struct store_page page;
    enum error error = store_list_messages(exchange->reader, &query, &page);
    if (error == ERROR_NONE && page.count > 0)
        program_state_put(json, &(struct program_view){.id = batch->external_id,
                                                       .messages = page.messages,
                                                       .count = page.count,
                                                       .newest_first = true,
                                                       .with_text = with_text});
    store_page_fini(&page);
    return error;
}

enum http_outcome program_list_handle(struct http_exchange *exchange)
{
    struct list_query asked = {.limit = PROGRAM_DEFAULT_LIMIT};
    struct query_values values = {0};
    struct store_batch batches[PROGRAM_MAX_LIMIT];
    struct json_writer json = {.out = &exchange->response.body};
    size_t count;
    int64_t total;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &asked))
        return HTTP_ANSWERED;
    asked.filters.limit = (size_t)asked.limit;
    enum error error = store_list_external_batches(exchange->reader, &asked.filters, batches,
                                                   &count, &total);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    http_begin_json(exchange, 200);
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = put_batch(exchange, &json, &batches[i],
                          asked.with_content && exchange->scopes & API_SCOPE_TEXT);
    json_end_array(&json);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    http_add_header(exchange, "X-Total-Count", "%lld", (long long)total);
    return HTTP_ANSWERED;
}
