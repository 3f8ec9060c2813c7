/*
 * The pages of a list that is newest first: which one a client asks for, and the links to its neighbours.
 *
 * A list's table of query parameters has those of LIST_PAGE_PARAMETERS first, and its target begins with a struct
 * list_place.
 */
#ifndef API_FCGI_HANDLERS_LIST_PAGE_H
#define API_FCGI_HANDLERS_LIST_PAGE_H

#include "api-fcgi/server/query.h"
#include "common/base/json_write.h"
#include "common/store/store.h"

enum {
    LIST_PAGE_DEFAULT_LIMIT = 50,
    LIST_PAGE_MAX_LIMIT = 1000,
    LIST_PAGE_MAX_TEXT_BYTES = 4 << 20, /* of a page; 1,000 texts of 26 segments fit */
};

/* As in struct store_query. */
struct list_place {
    size_t limit;
    enum store_position position;
    int64_t offset;
    struct message_id cursor;
};

enum list_page_parameter { LIST_LIMIT, LIST_CURSOR, LIST_OFFSET, LIST_PAGE_PARAMETER_COUNT };

#define LIST_PAGE_PARAMETERS                                                                       \
    [LIST_LIMIT] = {{"limit", " size pagesize perpage count max maxresults top take first "},      \
                    true,                                                                          \
                    list_page_take_limit},                                                         \
    [LIST_CURSOR] = {{"cursor", " after before next previous pagetoken "},                         \
                     false,                                                                        \
                     list_page_take_cursor},                                                       \
    [LIST_OFFSET] = {{"offset", " page skip start "}, false, list_page_take_offset}

void list_page_take_limit(struct http_exchange *exchange, const char *name, const char *value,
                          void *target);
void list_page_take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                           void *target);
void list_page_take_offset(struct http_exchange *exchange, const char *name, const char *value,
                           void *target);

/* For filters: a time, or a field error and false. */
MUST_CHECK bool list_page_take_time(struct http_exchange *exchange, const char *name,
                                    const char *value, int64_t *wall_ms);

/* For filters by a device: copies its id, or adds an error. */
void list_page_take_device(struct http_exchange *exchange, const char *name, const char *value,
                           char device_id[DEVICE_ID_SIZE]);

/* For filters by a phone number: the value, whose + may have become a space on its way. */
void list_page_restore_plus(const char *value, char with_plus[QUERY_VALUE_SIZE + 1]);

/* A page that was read. */
struct list_page {
    const char *path; /* of the list */
    const struct query_parameter *parameters;
    size_t parameter_count;
    const struct query_values *values;
    const struct list_place *place;
    size_t count;
    int64_t total;
    bool has_older, has_newer;
    const struct message_id *newest, *oldest; /* on the page, if it has any */
};

/* The member `next` of a list whose only neighbour is its next page, and the header (RFC 8288): `path` with the filters that
   the client gave, and `cursor`. */
void list_page_put_next(struct http_exchange *exchange, struct json_writer *json, const char *path,
                        const struct query_parameter *parameters, size_t parameter_count,
                        const struct query_values *values, const char *cursor);

/* The members `count` to `previous`, and the headers (RFC 8288). */
void list_page_put(struct http_exchange *exchange, struct json_writer *json,
                   const struct list_page *page);

#endif
