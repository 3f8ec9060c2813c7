/* GET /api/sms: filters, pages, and the links between pages. */
#include "../common/clock.h"
#include "../common/json_write.h"
#include "../common/url.h"
#include "../common/utf8.h"
#include "../common/view.h"
#include "api.h"
#include "handlers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_LIMIT = 50,
    MAX_LIMIT = 1000,
    MAX_OFFSET = 100000, /* each skipped row is read; cursors go deeper at no cost */
    PARAMETER_SIZE = 128,
};

static const char older_prefix[] = "before-", newer_prefix[] = "after-";

/* ---- Parameters: each takes its value, or adds a field error ---- */

static bool take_integer(struct http_exchange *exchange, const char *name, const char *value,
                         int64_t low, int64_t high, int64_t *integer)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool is_integer = (isdigit((unsigned char)*value) || *value == '-') && *end == '\0';
    if (!is_integer)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE, "must be a whole number");
    else if (errno != 0 || number < low || number > high)
        http_add_parameter_error(exchange, name, ERROR_OUT_OF_RANGE, "must be from %lld to %lld",
                                 (long long)low, (long long)high);
    else
        *integer = number;
    return is_integer;
}

static void take_limit(struct http_exchange *exchange, const char *name, const char *value,
                       struct store_query *query)
{
    int64_t limit = DEFAULT_LIMIT;
    take_integer(exchange, name, value, 1, MAX_LIMIT, &limit);
    query->limit = (size_t)limit;
}

static void take_offset(struct http_exchange *exchange, const char *name, const char *value,
                        struct store_query *query)
{
    if (query->position != STORE_AT_OFFSET)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "goes without a cursor; remove one of the two");
    else
        take_integer(exchange, name, value, 0, MAX_OFFSET, &query->offset);
}

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        struct store_query *query)
{
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
                                 "must be taken from `next` or `previous` of another page");
}

static void take_status(struct http_exchange *exchange, const char *name, const char *value,
                        struct store_query *query)
{
    query->has_status = message_status_parse(value, &query->status);
    if (!query->has_status)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be queued, dispatched, accepted, sending, sent, delivered, "
                                 "failed, expired, cancelled or unknown");
}

static void take_device(struct http_exchange *exchange, const char *name, const char *value,
                        struct store_query *query)
{
    if (device_id_valid(value))
        strcpy(query->device_id, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 64 letters, digits, _ and -");
}

static void take_number(struct http_exchange *exchange, const char *name, const char *value,
                        struct store_query *query)
{
    char with_plus[PARAMETER_SIZE + 1];
    char reason[PHONE_NUMBER_REASON_SIZE];
    /* Who writes + into a URL without escaping it sends a space. */
    bool plus_lost = value[0] == ' ' && value[1] >= '1' && value[1] <= '9';
    snprintf(with_plus, sizeof(with_plus), "%s%s", plus_lost ? "+" : "", value + plus_lost);
    if (!phone_number_normalise(with_plus, query->phone_number, reason))
        http_add_parameter_error(exchange, name, ERROR_INVALID_PHONE_NUMBER, "%s", reason);
}

static bool take_time(struct http_exchange *exchange, const char *name, const char *value,
                      int64_t *wall_ms)
{
    bool good = clock_parse(value, wall_ms);
    if (!good)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a time in RFC 3339, as 2026-11-23T09:45:00Z");
    return good;
}

static void take_created_after(struct http_exchange *exchange, const char *name, const char *value,
                               struct store_query *query)
{
    query->has_created_after = take_time(exchange, name, value, &query->created_after_ms);
}

static void take_created_before(struct http_exchange *exchange, const char *name, const char *value,
                                struct store_query *query)
{
    query->has_created_before = take_time(exchange, name, value, &query->created_before_ms);
}

enum { LIMIT, CURSOR, OFFSET, STATUS, DEVICE_ID, PHONE_NUMBER, CREATED_AFTER, CREATED_BEFORE };

/* In the order in which they are taken. */
static const struct parameter {
    const char *name;
    bool is_filter; /* stays the same on every page */
    void (*take)(struct http_exchange *exchange, const char *name, const char *value,
                 struct store_query *query);
} parameters[] = {
    [LIMIT] = {"limit", true, take_limit},
    [CURSOR] = {"cursor", false, take_cursor},
    [OFFSET] = {"offset", false, take_offset},
    [STATUS] = {"status", true, take_status},
    [DEVICE_ID] = {"device_id", true, take_device},
    [PHONE_NUMBER] = {"phone_number", true, take_number},
    [CREATED_AFTER] = {"created_after", true, take_created_after},
    [CREATED_BEFORE] = {"created_before", true, take_created_before},
};

struct values {
    bool present[ARRAY_LENGTH(parameters)];
    char text[ARRAY_LENGTH(parameters)][PARAMETER_SIZE];
};

static size_t find_parameter(const char *name)
{
    size_t i = 0;
    while (i < ARRAY_LENGTH(parameters) && strcmp(parameters[i].name, name) != 0)
        i++;
    return i;
}

/* Sorts the query's values by parameter. */
static void read_values(struct http_exchange *exchange, struct values *values)
{
    const char *query = exchange->request.query;
    char name[32], value[PARAMETER_SIZE];
    bool good;
    while (http_next_parameter(&query, name, sizeof(name), value, sizeof(value), &good)) {
        size_t i = find_parameter(name);
        if (i == ARRAY_LENGTH(parameters)) {
            http_add_parameter_error(exchange, utf8_valid(name, strlen(name)) ? name : "?",
                                     ERROR_UNKNOWN_FIELD,
                                     "is not a parameter of this list; remove it");
        } else if (!good) {
            http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                     "is not a short text in percent-encoded UTF-8");
        } else if (values->present[i]) {
            http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                     "is there more than once");
        } else {
            values->present[i] = true;
            strcpy(values->text[i], value);
        }
    }
}

static void take_values(struct http_exchange *exchange, const struct values *values,
                        struct store_query *query)
{
    query->limit = DEFAULT_LIMIT;
    for (size_t i = 0; i < ARRAY_LENGTH(parameters); i++) {
        if (values->present[i])
            parameters[i].take(exchange, parameters[i].name, values->text[i], query);
    }
}

/* ---- Links ---- */

/* The list again, with its filters, at another place. */
static void begin_link(struct buffer *url, const struct values *values)
{
    buffer_clear(url);
    buffer_append_text(url, "/api/sms");
    for (size_t i = 0; i < ARRAY_LENGTH(parameters); i++) {
        if (values->present[i] && parameters[i].is_filter)
            url_append_parameter(url, parameters[i].name, values->text[i]);
    }
}

static void link_to_offset(struct buffer *url, const struct values *values, int64_t offset)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)offset);
    begin_link(url, values);
    url_append_parameter(url, "offset", text);
}

static void link_to_cursor(struct buffer *url, const struct values *values, const char *prefix,
                           const struct message_id *id)
{
    char text[sizeof(older_prefix) + MESSAGE_ID_TEXT_SIZE], id_text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(id, id_text);
    snprintf(text, sizeof(text), "%s%s", prefix, id_text);
    begin_link(url, values);
    url_append_parameter(url, "cursor", text);
}

/* `next` goes on as the client began: by offset if it gave one, else by cursor. */
static bool link_next(struct buffer *url, const struct values *values,
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

static bool link_previous(struct buffer *url, const struct values *values,
                          const struct store_query *query, const struct store_page *page,
                          bool by_offset)
{
    if (!page->has_newer)
        return false;
    if (by_offset)
        link_to_offset(url, values, MAX(0, query->offset - (int64_t)query->limit));
    else if (page->count > 0)
        link_to_cursor(url, values, newer_prefix, &page->messages[0].id);
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

static void answer_page(struct http_exchange *exchange, const struct values *values,
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
        view_message(&json, &page->messages[i], exchange->scopes & API_SCOPE_TEXT);
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

enum http_outcome handle_list_messages(struct http_exchange *exchange)
{
    struct values values = {0};
    struct store_query query = {0};
    struct store_page page;

    read_values(exchange, &values);
    take_values(exchange, &values, &query);
    if (http_has_field_errors(exchange))
        return http_problem(exchange, ERROR_VALIDATION_FAILED,
                            "`errors` says which parameters to change.");

    enum error error = store_list_messages(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &values, &query, &page);
    store_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
