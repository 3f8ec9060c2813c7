/* GET and POST /api/opt-outs; GET and DELETE /api/opt-outs/{phone_number} */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/server/query.h"
#include "common/base/log.h"
#include "common/store/opt_out_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- GET /api/opt-outs ---- */

enum { DEFAULT_LIMIT = 100, MAX_LIMIT = 1000 };

/* An opt-out is less than 1 KiB of JSON. */
_Static_assert((int)MAX_LIMIT * 1024 <= (int)HTTP_MAX_RESPONSE_BYTES, "a page fits");

static const char cursor_prefix[] = "after-"; /* and the digits of a number */

struct list_query {
    int64_t limit;
    char after[PHONE_NUMBER_SIZE];
};

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct list_query *query = target;
    query_integer(exchange, name, value, 1, MAX_LIMIT, &query->limit);
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct list_query *query = target;
    size_t length = strlen(cursor_prefix);
    const char *digits = value + length;
    if (strncmp(value, cursor_prefix, length) == 0 && *digits &&
        strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < sizeof(query->after) - 1)
        snprintf(query->after, sizeof(query->after), "+%s", digits);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"limit", " size pagesize count max "}, true, take_limit},
    {{"cursor", " after next page offset "}, false, take_cursor},
};

static void put_next(struct http_exchange *exchange, struct json_writer *json, int64_t limit,
                     const struct opt_out *last)
{
    char url[96];
    snprintf(url, sizeof(url), "/api/opt-outs?limit=%lld&cursor=%s%s", (long long)limit,
             cursor_prefix, last->phone_number + 1);
    json_put_text(json, "next", url);
    http_add_header(exchange, "Link", "<%s>; rel=\"next\"", url);
}

/* `count` may be one more than a page has. */
static void answer_page(struct http_exchange *exchange, int64_t limit,
                        const struct opt_out opt_outs[], size_t count)
{
    struct json_writer json = {.out = &exchange->response.body};
    size_t shown = MIN(count, (size_t)limit);
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "opt_outs");
    for (size_t i = 0; i < shown; i++)
        opt_out_json_put(&json, &opt_outs[i]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)shown);
    if (count > shown)
        put_next(exchange, &json, limit, &opt_outs[shown - 1]);
    else
        json_put_null(&json, "next");
    json_end_object(&json);
}

enum http_outcome opt_outs_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct list_query query = {.limit = DEFAULT_LIMIT};
    size_t count = 0;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query))
        return HTTP_ANSWERED;
    struct opt_out *opt_outs = calloc((size_t)query.limit + 1, sizeof(*opt_outs));
    if (!opt_outs)
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the list.");
    enum error error = store_list_opt_outs(exchange->reader, query.after, (size_t)query.limit + 1,
                                           opt_outs, &count);
    if (error == ERROR_NONE)
        answer_page(exchange, query.limit, opt_outs, count);
    free(opt_outs);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* ---- One number ---- */

static enum http_outcome answer_opt_out(struct http_exchange *exchange, int status,
                                        const char *number)
{
    struct opt_out opt_out;
    bool found;
    enum error error = store_find_opt_out(exchange->reader, number, &opt_out, &found);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    if (!found)
        return http_problem(exchange, ERROR_OPT_OUT_NOT_FOUND, "%s is not on the list.", number);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, status);
    opt_out_json_put(&json, &opt_out);
    return HTTP_ANSWERED;
}

/* False after answering: what is no number is not on the list. */
static bool read_number(struct http_exchange *exchange, char number[PHONE_NUMBER_SIZE])
{
    char reason[PHONE_NUMBER_REASON_SIZE];
    if (phone_number_normalise(exchange->request.path_argument, number, reason))
        return true;
    http_problem(exchange, ERROR_OPT_OUT_NOT_FOUND, "A phone number %s.", reason);
    return false;
}

enum http_outcome opt_outs_handle_get(struct http_exchange *exchange)
{
    char number[PHONE_NUMBER_SIZE];
    return read_number(exchange, number) ? answer_opt_out(exchange, 200, number) : HTTP_ANSWERED;
}

static void answer_added(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const char *number = exchange->state->phone_number;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    bool is_new = write->change_opt_outs.changed > 0;
    if (is_new)
        log_info("recipient opted out", LOG_PHONE("phone_number", number),
                 LOG_TEXT_IF_ANY("key", exchange->key_id));
    answer_opt_out(exchange, is_new ? 201 : 200, number);
}

static void answer_removed(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const char *number = exchange->state->phone_number;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    if (write->change_opt_outs.changed == 0) {
        http_problem(exchange, ERROR_OPT_OUT_NOT_FOUND, "%s is not on the list.", number);
        return;
    }
    log_info("recipient opted in", LOG_PHONE("phone_number", number),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "phone_number", number);
    json_end_object(&json);
}

/* Of the number in the exchange's state. */
static enum http_outcome change(struct http_exchange *exchange, bool remove,
                                void (*answer)(struct http_exchange *exchange))
{
    exchange->write = (struct store_write){
        .verb = STORE_CHANGE_OPT_OUTS,
        .change_opt_outs = {.numbers = (const char(*)[PHONE_NUMBER_SIZE])
                                           exchange->state->phone_number,
                            .count = 1,
                            .remove = remove,
                            .source = OPT_OUT_BY_API},
    };
    return http_park(exchange, answer);
}

static void take_number(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    char reason[PHONE_NUMBER_REASON_SIZE];
    const char *text = json_body_text(exchange, pointer, value);
    if (text && !phone_number_normalise(text, target, reason))
        http_add_field_error(exchange, pointer, ERROR_INVALID_PHONE_NUMBER, "%s", reason);
}

enum http_outcome opt_outs_handle_add(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/phone_number", true, take_number, " to recipient number msisdn mobile phone "},
    };
    return json_body_take(exchange, fields, ARRAY_LENGTH(fields), exchange->state->phone_number)
               ? change(exchange, false, answer_added)
               : HTTP_ANSWERED;
}

enum http_outcome opt_outs_handle_remove(struct http_exchange *exchange)
{
    return read_number(exchange, exchange->state->phone_number)
               ? change(exchange, true, answer_removed)
               : HTTP_ANSWERED;
}
