/* GET /api/sms: filters, pages, and the links between pages. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/query.h"
#include "common/base/clock.h"
#include "common/base/json_write.h"
#include "common/base/url.h"
#include "common/model/message_json.h"
#include "common/process/option_rules.h"

#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_LIMIT = 50,
    MAX_LIMIT = 1000,
    MAX_OFFSET = 100000,      /* skipped rows are read; cursors skip none */
    MAX_TEXT_BYTES = 4 << 20, /* of a page; 1,000 texts of 26 segments fit */
};

/* A byte of text needs at most six in JSON; the rest of a message needs less than 8 KiB. */
_Static_assert(6 * (int)MAX_TEXT_BYTES + MAX_LIMIT * 8192 <= (int)HTTP_MAX_RESPONSE_BYTES,
               "a page of the longest messages fits into an answer");

static const char older_prefix[] = "before-", newer_prefix[] = "after-";

/* ---- Parameters: each takes its value, or adds a field error ---- */

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_query *query = target;
    int64_t limit = DEFAULT_LIMIT;
    query_integer(exchange, name, value, 1, MAX_LIMIT, &limit);
    query->limit = (size_t)limit;
}

static void take_offset(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = target;
    if (query->position != STORE_AT_OFFSET)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "cannot be combined with cursor; remove one of them");
    else
        query_integer(exchange, name, value, 0, MAX_OFFSET, &query->offset);
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = target;
    const char *id = NULL;
    if (strncmp(value, older_prefix, strlen(older_prefix)) == 0) {
        query->position = STORE_OLDER_THAN;
        id = value + strlen(older_prefix);
    } else if (strncmp(value, newer_prefix, strlen(newer_prefix)) == 0) {
        query->position = STORE_NEWER_THAN;
        id = value + strlen(newer_prefix);
    }
    if (!id || !message_id_parse(id, &query->cursor))
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` or `previous` of another page");
}

static void take_status(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = target;
    query->has_status = message_status_parse(value, &query->status);
    if (!query->has_status)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be queued, dispatched, accepted, sending, sent, delivered, "
                                 "failed, expired, cancelled or unknown");
}

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = target;
    if (device_id_valid(value))
        strcpy(query->device_id, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 64 letters, digits, _ and -");
}

static void take_number(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    struct store_query *query = target;
    char with_plus[QUERY_VALUE_SIZE + 1];
    char reason[PHONE_NUMBER_REASON_SIZE];
    /* An unescaped + in a URL means a space. */
    bool plus_lost = value[0] == ' ' && value[1] >= '1' && value[1] <= '9';
    snprintf(with_plus, sizeof(with_plus), "%s%s", plus_lost ? "+" : "", value + plus_lost);
    if (!phone_number_normalise(with_plus, query->phone_number, reason))
        http_add_parameter_error(exchange, name, ERROR_INVALID_PHONE_NUMBER, "%s", reason);
}

/* "…00 01:00": the + of the offset arrived as a space. */
static bool plus_became_a_space(const char *value)
{
    int64_t wall_ms;
    char with_plus[QUERY_VALUE_SIZE];
    const char *space = strrchr(value, ' ');
    if (!space)
        return false;
    strcpy(with_plus, value);
    with_plus[space - value] = '+';
    return clock_parse(with_plus, &wall_ms);
}

static bool take_time(struct http_exchange *exchange, const char *name, const char *value,
                      int64_t *wall_ms)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = option_rules_parse_time(value, wall_ms, reason);
    if (error != ERROR_NONE && plus_became_a_space(value))
        http_add_parameter_error(
            exchange, name, ERROR_INVALID_VALUE,
            "has a space before the UTC offset: a + in a URL means a space; write %%2B");
    else if (error != ERROR_NONE)
        http_add_parameter_error(exchange, name, error, "%s", reason);
    return error == ERROR_NONE;
}

static void take_created_after(struct http_exchange *exchange, const char *name, const char *value,
                               void *target)
{
    struct store_query *query = target;
    query->has_created_after = take_time(exchange, name, value, &query->created_after_ms);
}

static void take_created_before(struct http_exchange *exchange, const char *name, const char *value,
                                void *target)
{
    struct store_query *query = target;
    query->has_created_before = take_time(exchange, name, value, &query->created_before_ms);
}

static void take_reference(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct store_query *query = target;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = option_rules_copy_reference(value, query->reference, reason);
    if (error != ERROR_NONE)
        http_add_parameter_error(exchange, name, error, "%s", reason);
}

static void take_batch(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    static const struct message_id none;
    struct store_query *query = target;
    if (!message_id_parse(value, &query->batch_id) || message_id_equal(&query->batch_id, &none))
        http_add_parameter_error(
            exchange, name, ERROR_INVALID_VALUE,
            "must be a batch id, such as 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1");
}

static void take_group(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_query *query = target;
    if (device_group_valid(value))
        strcpy(query->device_group, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 32 letters, digits, ., _ and -");
}

enum {
    LIMIT,
    CURSOR,
    OFFSET,
    STATUS,
    DEVICE_ID,
    PHONE_NUMBER,
    REFERENCE,
    BATCH_ID,
    DEVICE_GROUP,
    CREATED_AFTER,
    CREATED_BEFORE
};

static const struct query_parameter parameters[] = {
    [LIMIT] = {{"limit", " size pagesize perpage count max maxresults top take first "},
               true,
               take_limit},
    [CURSOR] = {{"cursor", " after before next previous pagetoken "}, false, take_cursor},
    [OFFSET] = {{"offset", " page skip start "}, false, take_offset},
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

/* ---- Links ---- */

/* Begins the URL of another page: the list with its filters. */
static void begin_link(struct buffer *url, const struct query_values *values)
{
    buffer_clear(url);
    buffer_append_text(url, "/api/sms");
    query_append_filters(url, parameters, PARAMETER_COUNT, values);
}

static void link_to_offset(struct buffer *url, const struct query_values *values, int64_t offset)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)offset);
    begin_link(url, values);
    url_append_parameter(url, "offset", text);
}

static void link_to_cursor(struct buffer *url, const struct query_values *values,
                           const char *prefix, const struct message_id *id)
{
    char text[sizeof(older_prefix) + MESSAGE_ID_TEXT_SIZE], id_text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(id, id_text);
    snprintf(text, sizeof(text), "%s%s", prefix, id_text);
    begin_link(url, values);
    url_append_parameter(url, "cursor", text);
}

/* By offset if the client gave one, else by cursor. */
static bool link_next(struct buffer *url, const struct query_values *values,
                      const struct store_query *query, const struct store_page *page,
                      bool by_offset)
{
    if (!page->has_older || page->count == 0)
        return false;
    int64_t offset = query->offset + (int64_t)page->count;
    if (by_offset && offset <= MAX_OFFSET)
        link_to_offset(url, values, offset);
    else
        link_to_cursor(url, values, older_prefix, &page->messages[page->count - 1].id);
    return true;
}

/* By cursor, also if the client gave an offset: the page before may end early (max_text_bytes), and an offset
   would leave a gap. By offset for an empty page beyond the end. */
static bool link_previous(struct buffer *url, const struct query_values *values,
                          const struct store_query *query, const struct store_page *page,
                          bool by_offset)
{
    if (!page->has_newer)
        return false;
    if (page->count > 0)
        link_to_cursor(url, values, newer_prefix, &page->messages[0].id);
    else if (by_offset)
        link_to_offset(url, values,
                       MAX(0, MIN(query->offset, page->total) - (int64_t)query->limit));
    else
        return false;
    return true;
}

/* The link as a member of the body and as a header (RFC 8288). */
static void put_link(struct http_exchange *exchange, struct json_writer *json, const char *member,
                     const char *relation, bool there, const struct buffer *url)
{
    json_put_text(json, member, there ? url->data : NULL);
    if (there)
        http_add_header(exchange, "Link", "<%s>; rel=\"%s\"", url->data, relation);
}

static void answer_page(struct http_exchange *exchange, const struct query_values *values,
                        const struct store_query *query, const struct store_page *page)
{
    bool by_offset = values->present[OFFSET];
    struct json_writer json = {.out = &exchange->response.body};
    struct buffer url;
    buffer_init(&url, 2048);

    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "messages");
    for (size_t i = 0; i < page->count; i++)
        message_json_put(&json, &page->messages[i], exchange->scopes & API_SCOPE_TEXT);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)page->count);
    json_put_integer(&json, "total", page->total);
    json_put_integer(&json, "limit", (int64_t)query->limit);
    if (query->position == STORE_AT_OFFSET)
        json_put_integer(&json, "offset", query->offset);
    else
        json_put_null(&json, "offset");
    bool there = link_next(&url, values, query, page, by_offset);
    put_link(exchange, &json, "next", "next", there, &url);
    there = link_previous(&url, values, query, page, by_offset);
    put_link(exchange, &json, "previous", "prev", there, &url);
    json_end_object(&json);
    buffer_fini(&url);
}

enum http_outcome message_list_handle(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct store_query query = {.limit = DEFAULT_LIMIT, .max_text_bytes = MAX_TEXT_BYTES};
    struct store_page page;

    if (!query_take(exchange, parameters, PARAMETER_COUNT, &values, &query))
        return HTTP_ANSWERED;
    enum error error = store_list_messages(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &values, &query, &page);
    store_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
