/* GET /api/inbox and GET /api/inbox/{incoming_id}: incoming SMS, with their texts. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "common/base/utf8.h"
#include "common/model/incoming_json.h"

#include <string.h>

/* A byte of text needs at most six in JSON; the rest of an SMS needs less than 2 KiB. */
_Static_assert(6 * (int)LIST_PAGE_MAX_TEXT_BYTES + LIST_PAGE_MAX_LIMIT * 2048 <=
                   (int)HTTP_MAX_RESPONSE_BYTES,
               "a page of the longest texts fits into an answer");

/* ---- Parameters: each takes its value, or adds a field error ---- */

struct inbox_query {
    struct list_place place;
    struct store_inbox_query filters;
};

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    list_page_take_device(exchange, name, value, ((struct inbox_query *)target)->filters.device_id);
}

static void take_sim(struct http_exchange *exchange, const char *name, const char *value,
                     void *target)
{
    struct inbox_query *query = target;
    int64_t sim = 0;
    query_integer(exchange, name, value, 1, MESSAGE_MAX_SIM, &sim);
    query->filters.sim = (unsigned)sim;
}

static void take_sender(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct inbox_query *query = target;
    char with_plus[QUERY_VALUE_SIZE + 1];
    list_page_restore_plus(value, with_plus);
    incoming_sms_address(with_plus, query->filters.sender);
    if (!*query->filters.sender || strlen(value) >= INCOMING_ADDRESS_SIZE)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a phone number, a short code or the letters of a sender, "
                                 "1 to 64 bytes");
}

static void take_stored_after(struct http_exchange *exchange, const char *name, const char *value,
                              void *target)
{
    struct store_inbox_query *query = &((struct inbox_query *)target)->filters;
    query->has_stored_after = list_page_take_time(exchange, name, value, &query->stored_after_ms);
}

static void take_stored_before(struct http_exchange *exchange, const char *name, const char *value,
                               void *target)
{
    struct store_inbox_query *query = &((struct inbox_query *)target)->filters;
    query->has_stored_before = list_page_take_time(exchange, name, value, &query->stored_before_ms);
}

enum { DEVICE_ID = LIST_PAGE_PARAMETER_COUNT, SIM, FROM, STORED_AFTER, STORED_BEFORE };

static const struct query_parameter parameters[] = {
    LIST_PAGE_PARAMETERS,
    [DEVICE_ID] = {{"device_id", " device phone phoneid "}, true, take_device},
    [SIM] = {{"sim", " slot simslot "}, true, take_sim},
    [FROM] = {{"from", " sender phonenumber number msisdn "}, true, take_sender},
    [STORED_AFTER] = {{"stored_after", " since receivedafter createdafter startdate "},
                      true,
                      take_stored_after},
    [STORED_BEFORE] = {{"stored_before", " until receivedbefore createdbefore enddate "},
                       true,
                       take_stored_before},
};

enum { PARAMETER_COUNT = ARRAY_LENGTH(parameters) };
_Static_assert((int)PARAMETER_COUNT <= (int)QUERY_MAX_PARAMETERS, "query_values is too small");

/* ---- Answers ---- */

static void answer_page(struct http_exchange *exchange, const struct query_values *values,
                        const struct list_place *place, const struct store_inbox_page *page)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "incoming");
    for (size_t i = 0; i < page->count; i++)
        incoming_json_put(&json, &page->incoming[i]);
    json_end_array(&json);
    list_page_put(exchange, &json,
                  &(struct list_page){
                      .path = "/api/inbox",
                      .parameters = parameters,
                      .parameter_count = PARAMETER_COUNT,
                      .values = values,
                      .place = place,
                      .count = page->count,
                      .total = page->total,
                      .has_older = page->has_older,
                      .has_newer = page->has_newer,
                      .newest = page->count > 0 ? &page->incoming[0].id : NULL,
                      .oldest = page->count > 0 ? &page->incoming[page->count - 1].id : NULL,
                  });
    json_end_object(&json);
}

enum http_outcome inbox_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct inbox_query asked = {.place.limit = LIST_PAGE_DEFAULT_LIMIT};
    struct store_inbox_page page;

    if (!query_take(exchange, parameters, PARAMETER_COUNT, &values, &asked))
        return HTTP_ANSWERED;
    struct store_inbox_query query = asked.filters;
    query.max_text_bytes = LIST_PAGE_MAX_TEXT_BYTES;
    query.limit = asked.place.limit;
    query.position = asked.place.position;
    query.offset = asked.place.offset;
    query.cursor = asked.place.cursor;
    enum error error = store_list_inbox(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &values, &asked.place, &page);
    store_inbox_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

enum http_outcome inbox_handle_get(struct http_exchange *exchange)
{
    struct message_id id;
    struct incoming_sms sms;
    if (!message_id_parse(exchange->request.path_argument, &id))
        return http_problem(exchange, ERROR_INCOMING_NOT_FOUND,
                            "The id of an incoming SMS is a UUID, as in GET /api/inbox.");
    enum error error = store_find_incoming(exchange->reader, &id, &sms);
    if (error == ERROR_INCOMING_NOT_FOUND)
        return http_problem(exchange, error, "No incoming SMS has the id %s.",
                            exchange->request.path_argument);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    incoming_json_put(&json, &sms);
    incoming_sms_fini(&sms);
    return HTTP_ANSWERED;
}
