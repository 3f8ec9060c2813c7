/* GET /api/sms: its filters and its pages. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "common/base/json_write.h"
#include "common/model/message_json.h"
#include "common/process/option_rules.h"

#include <stdio.h>
#include <string.h>

/* A byte of text needs at most six in JSON; the rest of a message needs less than 8 KiB. */
_Static_assert(6 * (int)LIST_PAGE_MAX_TEXT_BYTES + LIST_PAGE_MAX_LIMIT * 8192 <=
                   (int)HTTP_MAX_RESPONSE_BYTES,
               "a page of the longest messages fits into an answer");

struct message_query {
    struct list_place place;
    struct store_query filters;
};

/* ---- Parameters: each takes its value, or adds a field error ---- */

static void take_status(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    query->has_status = message_status_parse(value, &query->status);
    if (!query->has_status)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be queued, dispatched, accepted, sending, sent, delivered, "
                                 "failed, expired, cancelled or unknown");
}

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    list_page_take_device(exchange, name, value,
                          ((struct message_query *)target)->filters.device_id);
}

static void take_number(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    char with_plus[QUERY_VALUE_SIZE + 1];
    char reason[PHONE_NUMBER_REASON_SIZE];
    list_page_restore_plus(value, with_plus);
    if (!phone_number_normalise(with_plus, query->phone_number, reason))
        http_add_parameter_error(exchange, name, ERROR_INVALID_PHONE_NUMBER, "%s", reason);
}

static void take_created_after(struct http_exchange *exchange, const char *name, const char *value,
                               void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    query->has_created_after = list_page_take_time(exchange, name, value, &query->created_after_ms);
}

static void take_created_before(struct http_exchange *exchange, const char *name, const char *value,
                                void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    query->has_created_before = list_page_take_time(exchange, name, value,
                                                    &query->created_before_ms);
}

static void take_reference(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = option_rules_copy_reference(value, query->reference, reason);
    if (error != ERROR_NONE)
        http_add_parameter_error(exchange, name, error, "%s", reason);
}

static void take_batch(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    static const struct message_id none;
    struct store_query *query = &((struct message_query *)target)->filters;
    if (!message_id_parse(value, &query->batch_id) || message_id_equal(&query->batch_id, &none))
        http_add_parameter_error(
            exchange, name, ERROR_INVALID_VALUE,
            "must be a batch id, such as 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1");
}

static void take_group(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_query *query = &((struct message_query *)target)->filters;
    if (device_group_valid(value))
        strcpy(query->device_group, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 32 letters, digits, ., _ and -");
}

enum {
    STATUS = LIST_PAGE_PARAMETER_COUNT,
    DEVICE_ID,
    PHONE_NUMBER,
    REFERENCE,
    BATCH_ID,
    DEVICE_GROUP,
    CREATED_AFTER,
    CREATED_BEFORE
};

static const struct query_parameter parameters[] = {
    LIST_PAGE_PARAMETERS,
    [STATUS] = {{"status", " state "}, true, take_status},
    [DEVICE_ID] = {{"device_id", " device phone phoneid "}, true, take_device},
    [PHONE_NUMBER] = {{"phone_number", " to recipient number msisdn mobile "}, true, take_number},
    [REFERENCE] = {{"reference", " ref clientref clientreference externalid tag "},
                   true,
                   take_reference},
    [BATCH_ID] = {{"batch_id", " batch "}, true, take_batch},
    [DEVICE_GROUP] = {{"device_group", " group devicegroups "}, true, take_group},
    [CREATED_AFTER] = {{"created_after", " since from startdate "}, true, take_created_after},
    [CREATED_BEFORE] = {{"created_before", " until enddate "}, true, take_created_before},
};

enum { PARAMETER_COUNT = ARRAY_LENGTH(parameters) };
_Static_assert((int)PARAMETER_COUNT <= (int)QUERY_MAX_PARAMETERS, "query_values is too small");

static void answer_page(struct http_exchange *exchange, const struct query_values *values,
                        const struct list_place *place, const struct store_page *page)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "messages");
    for (size_t i = 0; i < page->count; i++)
        message_json_put(&json, &page->messages[i], exchange->scopes & API_SCOPE_TEXT);
    json_end_array(&json);
    list_page_put(exchange, &json,
                  &(struct list_page){
                      .path = "/api/sms",
                      .parameters = parameters,
                      .parameter_count = PARAMETER_COUNT,
                      .values = values,
                      .place = place,
                      .count = page->count,
                      .total = page->total,
                      .has_older = page->has_older,
                      .has_newer = page->has_newer,
                      .newest = page->count > 0 ? &page->messages[0].id : NULL,
                      .oldest = page->count > 0 ? &page->messages[page->count - 1].id : NULL,
                  });
    json_end_object(&json);
}

enum http_outcome message_list_handle(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct message_query asked = {.place.limit = LIST_PAGE_DEFAULT_LIMIT};
    struct store_page page;

    if (!query_take(exchange, parameters, PARAMETER_COUNT, &values, &asked))
        return HTTP_ANSWERED;
    struct store_query query = asked.filters;
    query.max_text_bytes = LIST_PAGE_MAX_TEXT_BYTES;
    query.limit = asked.place.limit;
    query.position = asked.place.position;
    query.offset = asked.place.offset;
    query.cursor = asked.place.cursor;
    enum error error = store_list_messages(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &values, &asked.place, &page);
    store_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
