/*
 * The query of a request: parameters that are a table. One rule for every route: a name that the route does
 * not know, one that is there twice, and one that cannot be read are refused, each by its name.
 */
#ifndef API_FCGI_SERVER_QUERY_H
#define API_FCGI_SERVER_QUERY_H

#include "api-fcgi/server/http.h"
#include "api-fcgi/server/suggest.h"

enum { QUERY_MAX_PARAMETERS = 8, QUERY_VALUE_SIZE = 128 };

struct query_parameter {
    struct suggestion name; /* case counts */
    bool is_filter;         /* stays the same on every page of a list */
    /* Keeps the value in `target`, or adds a parameter error. */
    void (*take)(struct http_exchange *exchange, const char *name, const char *value, void *target);
};

/* As they were given, in the table's order. */
struct query_values {
    bool present[QUERY_MAX_PARAMETERS];
    char text[QUERY_MAX_PARAMETERS][QUERY_VALUE_SIZE];
};

/*
 * Reads the query, and takes what is there in the table's order. False when it has answered what is wrong with
 * it: all that is, in one answer. `table` may be NULL where `count` is 0: then every parameter is refused.
 */
MUST_CHECK bool query_take(struct http_exchange *exchange, const struct query_parameter *table,
                           size_t count, struct query_values *values, void *target);

/* Appends the address of a list with the filters that were given; what follows is url_append_parameter's. */
void query_append_filters(struct buffer *url, const struct query_parameter *table, size_t count,
                          const struct query_values *values);

/*
 * The next name=value of a query string: decodes it into the two texts, moves *query past it.
 * False at the end. `*good` is false when it is not valid: a bad escape, U+0000, invalid UTF-8, or
 * a text too long for its place; `name` is then readable as far as it goes.
 */
bool query_next_parameter(const char **query, char *name, size_t name_size, char *value,
                          size_t value_size, bool *good);

/* A whole number as a parameter; `integer` stays as it is after adding an error. */
void query_integer(struct http_exchange *exchange, const char *name, const char *value, int64_t low,
                   int64_t high, int64_t *integer);

#endif
