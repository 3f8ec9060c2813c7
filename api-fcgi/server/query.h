/*
 * The query of a request, by a table of parameters. Every route refuses a parameter that it does not know,
 * one that occurs twice, and one that cannot be decoded.
 */
#ifndef API_FCGI_SERVER_QUERY_H
#define API_FCGI_SERVER_QUERY_H

#include "api-fcgi/server/http.h"
#include "api-fcgi/server/suggest.h"

enum { QUERY_MAX_PARAMETERS = 12, QUERY_VALUE_SIZE = 128 };

struct query_parameter {
    struct suggestion name; /* case-sensitive */
    bool is_filter;         /* part of the links to the other pages of a list */
    /* Stores the value in `target`, or adds a parameter error. */
    void (*take)(struct http_exchange *exchange, const char *name, const char *value, void *target);
};

/* The values as the client gave them, in the order of the table. */
struct query_values {
    bool present[QUERY_MAX_PARAMETERS];
    char text[QUERY_MAX_PARAMETERS][QUERY_VALUE_SIZE];
};

/*
 * Reads the query and takes its parameters in the order of the table. False after answering with all
 * that is wrong. `table` may be NULL if `count` is 0: every parameter is refused.
 */
MUST_CHECK bool query_take(struct http_exchange *exchange, const struct query_parameter *table,
                           size_t count, struct query_values *values, void *target);

/* The same for values of less than `size` bytes, which are taken in the order of the query and are not kept: `value` is
   room for one of them. Adds errors; it does not answer. */
void query_take_long(struct http_exchange *exchange, const struct query_parameter *table,
                     size_t count, char *value, size_t size, void *target);

/* Appends the filters that were given to the URL of a list. */
void query_append_filters(struct buffer *url, const struct query_parameter *table, size_t count,
                          const struct query_values *values);

/*
 * Decodes the next name=value of a query string, and moves *query past it. False at the end. *good is
 * false for a bad escape, U+0000, invalid UTF-8, or a text too long for its buffer; `name` then has the
 * part that could be decoded.
 */
bool query_next_parameter(const char **query, char *name, size_t name_size, char *value,
                          size_t value_size, bool *good);

/* Reads a parameter that is an integer; leaves *integer alone after adding an error. */
void query_integer(struct http_exchange *exchange, const char *name, const char *value, int64_t low,
                   int64_t high, int64_t *integer);

#endif
