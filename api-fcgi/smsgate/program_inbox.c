/* GET /inbox: incoming SMS; POST /inbox/refresh and its older names, which have nothing to do here */
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/smsgate_error.h"

#include <string.h>

/* ---- Parameters ---- */

struct inbox_query {
    struct store_inbox_query filters;
    int64_t limit;
    bool other_type; /* that nothing here has */
};

static void take_from(struct http_exchange *exchange, const char *name, const char *value,
                      void *target)
{
    struct store_inbox_query *query = &((struct inbox_query *)target)->filters;
    query->has_stored_after = list_page_take_time(exchange, name, value, &query->stored_after_ms);
}

static void take_to(struct http_exchange *exchange, const char *name, const char *value,
                    void *target)
{
    struct store_inbox_query *query = &((struct inbox_query *)target)->filters;
    query->has_stored_before = list_page_take_time(exchange, name, value, &query->stored_before_ms);
}

/* By kind. */
static const char *const types[INCOMING_KIND_COUNT] = {"SMS", "DATA_SMS", "MMS"};

static void take_type(struct http_exchange *exchange, const char *name, const char *value,
                      void *target)
{
    struct inbox_query *query = target;
    for (int i = 0; i < INCOMING_KIND_COUNT && !query->filters.has_kind; i++) {
        query->filters.has_kind = strcmp(value, types[i]) == 0;
        query->filters.kind = (enum incoming_kind)i;
    }
    query->other_type = !query->filters.has_kind;
    if (query->other_type && strcmp(value, "MMS_DOWNLOADED") != 0)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be SMS, DATA_SMS, MMS or MMS_DOWNLOADED");
}

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    list_page_take_device(exchange, name, value, ((struct inbox_query *)target)->filters.device_id);
}

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    query_integer(exchange, name, value, 1, PROGRAM_MAX_LIMIT,
                  &((struct inbox_query *)target)->limit);
}

static void take_offset(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    query_integer(exchange, name, value, 0, INT32_MAX,
                  &((struct inbox_query *)target)->filters.offset);
}

static const struct query_parameter parameters[] = {
    {{"from", NULL}, true, take_from},   {{"to", NULL}, true, take_to},
    {{"type", NULL}, true, take_type},   {{"deviceId", NULL}, true, take_device},
    {{"limit", NULL}, true, take_limit}, {{"offset", NULL}, true, take_offset},
};

/* ---- Answers ---- */

static void put_incoming(struct json_writer *json, const struct incoming_sms *sms)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&sms->id, id);
    json_begin_object(json, NULL);
    json_put_text(json, "id", id);
    json_put_text(json, "type", types[sms->kind]);
    json_put_text(json, "deviceId", sms->device_id);
    json_put_text(json, "sender", sms->sender);
    if (*sms->recipient)
        json_put_text(json, "recipient", sms->recipient);
    if (sms->sim)
        json_put_integer(json, "simNumber", sms->sim);
    json_put_text(json, "contentPreview", sms->text);
    json_put_time(json, "createdAt", message_id_time_ms(&sms->id));
    json_end_object(json);
}

static void answer_page(struct http_exchange *exchange, const struct store_inbox_page *page)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    http_add_header(exchange, "X-Total-Count", "%lld", (long long)page->total);
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < page->count; i++)
        put_incoming(&json, &page->incoming[i]);
    json_end_array(&json);
}

enum http_outcome program_inbox_handle_list(struct http_exchange *exchange)
{
    struct inbox_query asked = {.limit = PROGRAM_DEFAULT_LIMIT};
    struct query_values values = {0};
    struct store_inbox_page page = {0};
    enum error error = ERROR_NONE;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &asked))
        return HTTP_ANSWERED;
    asked.filters.limit = (size_t)asked.limit;
    if (!asked.other_type)
        error = store_list_inbox(exchange->reader, &asked.filters, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &page);
    store_inbox_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* In SMSGate it has a phone post what it received before. Here every SMS is stored, and posted, as soon as a device has it. */
enum http_outcome program_inbox_handle_refresh(struct http_exchange *exchange)
{
    return smsgate_answer_empty(exchange, 202);
}
