/* What a webhook was sent: the deliveries, a test, and what is to be sent again. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/server/query.h"
#include "common/process/option_rules.h"
#include "common/store/webhook_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- GET /api/webhooks/{webhook_id}/deliveries ---- */

enum { PAGE_DELIVERIES = 100, MOST_DELIVERIES = 1000 };

static const char cursor_prefix[] = "before-";

static void take_state(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_delivery_query *query = target;
    for (int state = 0; state < WEBHOOK_DELIVERY_STATE_COUNT; state++) {
        if (strcmp(value, webhook_delivery_state_name((enum webhook_delivery_state)state)) == 0)
            query->state = state;
    }
    if (query->state < 0)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be waiting, delivered or given_up");
}

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_delivery_query *query = target;
    int64_t limit = PAGE_DELIVERIES;
    query_integer(exchange, name, value, 1, MOST_DELIVERIES, &limit);
    query->limit = (size_t)limit;
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_delivery_query *query = target;
    const char *digits = value + strlen(cursor_prefix);
    if (strncmp(value, cursor_prefix, strlen(cursor_prefix)) == 0 && *digits >= '1' &&
        *digits <= '9' && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 19)
        query->before = strtoll(digits, NULL, 10);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"state", " status result "}, true, take_state},
    {{"limit", " count size per_page page_size "}, true, take_limit},
    {{"cursor", " after before next page "}, false, take_cursor},
};

static void put_next(struct http_exchange *exchange, struct json_writer *json, const char *id,
                     int64_t last, const struct query_values *values)
{
    char cursor[sizeof(cursor_prefix) + 24], path[64];
    snprintf(cursor, sizeof(cursor), "%s%" PRId64, cursor_prefix, last);
    snprintf(path, sizeof(path), "/api/webhooks/%s/deliveries", id);
    list_page_put_next(exchange, json, path, parameters, ARRAY_LENGTH(parameters), values, cursor);
}

/* `count` may be one more than a page has. */
static void answer_page(struct http_exchange *exchange, const struct store_delivery_query *query,
                        const struct query_values *values,
                        const struct webhook_delivery *deliveries, size_t count)
{
    struct json_writer json = {.out = &exchange->response.body};
    size_t shown = MIN(count, query->limit - 1);
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "webhook_id", query->webhook_id);
    json_begin_array(&json, "deliveries");
    for (size_t i = 0; i < shown; i++)
        webhook_json_put_delivery(&json, &deliveries[i]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)shown);
    if (count > shown)
        put_next(exchange, &json, query->webhook_id, deliveries[shown - 1].event_id, values);
    else
        json_put_null(&json, "next");
    json_end_object(&json);
}

static enum error check_webhook(struct http_exchange *exchange, const char *id)
{
    bool found = false;
    struct webhook *webhook = malloc(sizeof(*webhook));
    enum error error = webhook ? store_find_webhook(exchange->reader, id, webhook, &found)
                               : ERROR_INTERNAL;
    if (webhook)
        explicit_bzero(webhook, sizeof(*webhook));
    free(webhook);
    return error == ERROR_NONE && !found ? ERROR_WEBHOOK_NOT_FOUND : error;
}

enum http_outcome webhooks_handle_deliveries(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct store_delivery_query query = {.state = -1, .limit = PAGE_DELIVERIES};
    struct webhook_delivery *deliveries = NULL;
    size_t count = 0;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query) ||
        !webhooks_take_id(exchange, query.webhook_id))
        return HTTP_ANSWERED;
    query.limit++;
    enum error error = check_webhook(exchange, query.webhook_id);
    if (error == ERROR_NONE)
        error = store_list_deliveries(exchange->reader, &query, &deliveries, &count);
    if (error == ERROR_NONE)
        answer_page(exchange, &query, &values, deliveries, count);
    free(deliveries);
    return error == ERROR_NONE ? HTTP_ANSWERED : webhooks_refuse(exchange, error);
}

/* ---- POST /api/webhooks/{webhook_id}/test ---- */

static void answer_test(struct http_exchange *exchange)
{
    const struct store_test_webhook *test = &exchange->write.test_webhook;
    char name[WEBHOOK_DELIVERY_NAME_SIZE];
    if (exchange->write.result != ERROR_NONE) {
        webhooks_refuse(exchange, exchange->write.result);
        return;
    }
    log_info("webhook test asked for", LOG_TEXT("webhook", test->id),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    struct json_writer json = {.out = &exchange->response.body};
    webhook_delivery_name(test->event_id, test->event_at_ms, name);
    http_begin_json(exchange, 202);
    json_begin_object(&json, NULL);
    json_put_text(&json, "webhook_id", test->id);
    json_put_integer(&json, "event_id", test->event_id);
    json_put_text(&json, "sent_as", name);
    json_end_object(&json);
}

enum http_outcome webhooks_handle_test(struct http_exchange *exchange)
{
    exchange->write = (struct store_write){.verb = STORE_TEST_WEBHOOK};
    if (!webhooks_take_id(exchange, exchange->write.test_webhook.id))
        return HTTP_ANSWERED;
    return http_park(exchange, answer_test);
}

/* ---- POST /api/webhooks/{webhook_id}/redeliver ---- */

enum { LATEST_EVENT_ID_BITS = 53 };

static void take_event_id(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct store_redeliver *request = target;
    if (!json_body_integer(exchange, pointer, value, 1, (INT64_C(1) << LATEST_EVENT_ID_BITS) - 1,
                           &request->event_id))
        request->event_id = 0;
}

static void take_since(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, void *target)
{
    struct store_redeliver *request = target;
    request->is_since = json_body_time(exchange, pointer, value, &request->since_ms);
    if (request->is_since && request->event_id)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "cannot be combined with event_id; remove one of them");
}

static void answer_redelivered(struct http_exchange *exchange)
{
    const struct store_redeliver *request = &exchange->write.redeliver;
    if (exchange->write.result != ERROR_NONE) {
        webhooks_refuse(exchange, exchange->write.result);
        return;
    }
    log_info("webhook events to be sent again", LOG_TEXT("webhook", request->id),
             LOG_NUMBER("from_event_id", request->first_event),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 202);
    json_begin_object(&json, NULL);
    json_put_text(&json, "webhook_id", request->id);
    if (request->first_event)
        json_put_integer(&json, "from_event_id", request->first_event);
    else
        json_put_null(&json, "from_event_id");
    json_end_object(&json);
}

enum http_outcome webhooks_handle_redeliver(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/event_id", false, take_event_id, " id event "},
        {"/since", false, take_since, " from after time start begin "},
    };
    exchange->write = (struct store_write){.verb = STORE_REDELIVER};
    struct store_redeliver *request = &exchange->write.redeliver;
    if (!webhooks_take_id(exchange, request->id))
        return HTTP_ANSWERED;
    struct json *body = json_body_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    json_body_take_object(exchange, body, "", fields, ARRAY_LENGTH(fields), request);
    json_free(body);
    if (!http_has_field_errors(exchange) && !request->event_id && !request->is_since)
        http_add_field_error(exchange, "/event_id", ERROR_REQUIRED,
                             "is required, or since: the time of the first event to send again");
    if (!json_body_accept(exchange))
        return HTTP_ANSWERED;
    return http_park(exchange, answer_redelivered);
}
