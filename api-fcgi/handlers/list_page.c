#include "api-fcgi/handlers/list_page.h"

#include "common/base/clock.h"
#include "common/base/url.h"
#include "common/process/option_rules.h"

#include <stdio.h>
#include <string.h>

enum { MAX_OFFSET = 100000 /* skipped rows are read; cursors skip none */ };

static const char older_prefix[] = "before-", newer_prefix[] = "after-";

/* ---- Parameters: each takes its value, or adds a field error ---- */

void list_page_take_limit(struct http_exchange *exchange, const char *name, const char *value,
                          void *target)
{
    struct list_place *place = target;
    int64_t limit = LIST_PAGE_DEFAULT_LIMIT;
    query_integer(exchange, name, value, 1, LIST_PAGE_MAX_LIMIT, &limit);
    place->limit = (size_t)limit;
}

void list_page_take_offset(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct list_place *place = target;
    if (place->position != STORE_AT_OFFSET)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "cannot be combined with cursor; remove one of them");
    else
        query_integer(exchange, name, value, 0, MAX_OFFSET, &place->offset);
}

void list_page_take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct list_place *place = target;
    const char *id = NULL;
    if (strncmp(value, older_prefix, strlen(older_prefix)) == 0) {
        place->position = STORE_OLDER_THAN;
        id = value + strlen(older_prefix);
    } else if (strncmp(value, newer_prefix, strlen(newer_prefix)) == 0) {
        place->position = STORE_NEWER_THAN;
        id = value + strlen(newer_prefix);
    }
    if (!id || !message_id_parse(id, &place->cursor))
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` or `previous` of another page");
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

bool list_page_take_time(struct http_exchange *exchange, const char *name, const char *value,
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

void list_page_take_device(struct http_exchange *exchange, const char *name, const char *value,
                           char device_id[DEVICE_ID_SIZE])
{
    if (device_id_valid(value))
        strcpy(device_id, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 64 letters, digits, _ and -");
}

void list_page_restore_plus(const char *value, char with_plus[QUERY_VALUE_SIZE + 1])
{
    /* An unescaped + in a URL means a space. */
    bool plus_lost = value[0] == ' ' && value[1] >= '1' && value[1] <= '9';
    snprintf(with_plus, QUERY_VALUE_SIZE + 1, "%s%s", plus_lost ? "+" : "", value + plus_lost);
}

/* ---- Links ---- */

/* Begins the URL of another page: the list with its filters. */
static void begin_link(struct buffer *url, const struct list_page *page)
{
    buffer_clear(url);
    buffer_append_text(url, page->path);
    query_append_filters(url, page->parameters, page->parameter_count, page->values);
}

static void link_to_offset(struct buffer *url, const struct list_page *page, int64_t offset)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)offset);
    begin_link(url, page);
    url_append_parameter(url, "offset", text);
}

static void link_to_cursor(struct buffer *url, const struct list_page *page, const char *prefix,
                           const struct message_id *id)
{
    char text[sizeof(older_prefix) + MESSAGE_ID_TEXT_SIZE], id_text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(id, id_text);
    snprintf(text, sizeof(text), "%s%s", prefix, id_text);
    begin_link(url, page);
    url_append_parameter(url, "cursor", text);
}

/* By offset if the client gave one, else by cursor. */
static bool link_next(struct buffer *url, const struct list_page *page, bool by_offset)
{
    if (!page->has_older || page->count == 0)
        return false;
    int64_t offset = page->place->offset + (int64_t)page->count;
    if (by_offset && offset <= MAX_OFFSET)
        link_to_offset(url, page, offset);
    else
        link_to_cursor(url, page, older_prefix, page->oldest);
    return true;
}

/* By cursor, also if the client gave an offset: the page before may end early (max_text_bytes), and an offset
   would leave a gap. By offset for an empty page beyond the end. */
static bool link_previous(struct buffer *url, const struct list_page *page, bool by_offset)
{
    if (!page->has_newer)
        return false;
    if (page->count > 0)
        link_to_cursor(url, page, newer_prefix, page->newest);
    else if (by_offset)
        link_to_offset(url, page,
                       MAX(0, MIN(page->place->offset, page->total) - (int64_t)page->place->limit));
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

void list_page_put(struct http_exchange *exchange, struct json_writer *json,
                   const struct list_page *page)
{
    bool by_offset = page->values->present[LIST_OFFSET];
    struct buffer url;
    buffer_init(&url, 2048);
    json_put_integer(json, "count", (int64_t)page->count);
    json_put_integer(json, "total", page->total);
    json_put_integer(json, "limit", (int64_t)page->place->limit);
    if (page->place->position == STORE_AT_OFFSET)
        json_put_integer(json, "offset", page->place->offset);
    else
        json_put_null(json, "offset");
    bool there = link_next(&url, page, by_offset);
    put_link(exchange, json, "next", "next", there, &url);
    there = link_previous(&url, page, by_offset);
    put_link(exchange, json, "previous", "prev", there, &url);
    buffer_fini(&url);
}

void list_page_put_next(struct http_exchange *exchange, struct json_writer *json, const char *path,
                        const struct query_parameter *parameters, size_t parameter_count,
                        const struct query_values *values, const char *cursor)
{
    struct buffer url;
    buffer_init(&url, 1024);
    buffer_append_text(&url, path);
    query_append_filters(&url, parameters, parameter_count, values);
    url_append_parameter(&url, "cursor", cursor);
    json_put_text(json, "next", url.data);
    if (url.data)
        http_add_header(exchange, "Link", "<%s>; rel=\"next\"", url.data);
    buffer_fini(&url);
}
