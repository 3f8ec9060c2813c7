#include "api-fcgi/server/query.h"

#include "common/base/url.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Parsing ---- */

static bool decode(const char **query, const char *stops, char *text, size_t size)
{
    size_t length = strcspn(*query, stops);
    bool good = url_decode(*query, length, text, size);
    *query += length;
    return good;
}

bool query_next_parameter(const char **query, char *name, size_t name_size, char *value,
                          size_t value_size, bool *good)
{
    while (**query == '&')
        (*query)++;
    if (**query == '\0')
        return false;
    *good = decode(query, "=&", name, name_size);
    *value = '\0';
    if (**query == '=') {
        (*query)++;
        if (!decode(query, "&", value, value_size))
            *good = false;
    }
    return true;
}

/* ---- The parameters of a route ---- */

static size_t find_parameter(const struct query_parameter *table, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(table[i].name.name, name) != 0)
        i++;
    return i;
}

static void refuse_unknown(struct http_exchange *exchange, const struct query_parameter *table,
                           size_t count, const char *name)
{
    const char *shown = utf8_valid(name, strlen(name)) ? name : "?", *meant = NULL;
    int nearest = SUGGEST_FAR;
    for (size_t i = 0; i < count; i++) {
        int distance = suggest_distance(name, &table[i].name);
        if (distance < nearest) {
            nearest = distance;
            meant = table[i].name.name;
        }
    }
    if (meant)
        http_add_parameter_error(exchange, shown, ERROR_UNKNOWN_FIELD,
                                 "is not a known parameter; did you mean %s?", meant);
    else if (strcmp(exchange->request.method, "POST") == 0)
        http_add_parameter_error(exchange, shown, ERROR_UNKNOWN_FIELD,
                                 exchange->request.is_csv
                                     ? "is not a known parameter; the values of a message are cells"
                                     : "is not a known parameter; send a JSON object as the body");
    else
        http_add_parameter_error(exchange, shown, ERROR_UNKNOWN_FIELD,
                                 count > 0 ? "is not a known parameter; remove it"
                                           : "is not a known parameter; this path has none");
}

/* The next parameter that is known, good and new, by its index; `count` at the end. Adds errors for the others. */
static size_t next_parameter(struct http_exchange *exchange, const struct query_parameter *table,
                             size_t count, const char **query, bool present[], char *value,
                             size_t size)
{
    char name[32];
    bool good;
    while (query_next_parameter(query, name, sizeof(name), value, size, &good)) {
        size_t i = find_parameter(table, count, name);
        if (exchange->is_smsgate && (i == count || (good && *value == '\0'))) {
            continue; /* as SMSGate takes it */
        } else if (i == count) {
            refuse_unknown(exchange, table, count, name);
        } else if (!good) {
            http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                     "must be percent-encoded UTF-8 of at most %zu bytes",
                                     size - 1);
        } else if (present[i]) {
            http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE, "occurs more than once");
        } else {
            present[i] = true;
            return i;
        }
    }
    return count;
}

static void read_values(struct http_exchange *exchange, const struct query_parameter *table,
                        size_t count, struct query_values *values)
{
    const char *query = exchange->request.query;
    char value[QUERY_VALUE_SIZE];
    size_t i;
    while ((i = next_parameter(exchange, table, count, &query, values ? values->present : NULL,
                               value, sizeof(value))) < count)
        strcpy(values->text[i], value);
}

void query_take_long(struct http_exchange *exchange, const struct query_parameter *table,
                     size_t count, char *value, size_t size, void *target)
{
    const char *query = exchange->request.query;
    bool present[QUERY_MAX_PARAMETERS] = {false};
    size_t i;
    while ((i = next_parameter(exchange, table, count, &query, present, value, size)) < count)
        table[i].take(exchange, table[i].name.name, value, target);
}

bool query_take(struct http_exchange *exchange, const struct query_parameter *table, size_t count,
                struct query_values *values, void *target)
{
    if (*exchange->request.query == '\0')
        return true;
    read_values(exchange, table, count, values);
    for (size_t i = 0; i < count; i++) {
        if (values->present[i])
            table[i].take(exchange, table[i].name.name, values->text[i], target);
    }
    if (!http_has_field_errors(exchange))
        return true;
    http_problem(exchange, ERROR_VALIDATION_FAILED, "See `errors` for the parameters to change.");
    return false;
}

void query_append_filters(struct buffer *url, const struct query_parameter *table, size_t count,
                          const struct query_values *values)
{
    for (size_t i = 0; i < count; i++) {
        if (values->present[i] && table[i].is_filter)
            url_append_parameter(url, table[i].name.name, values->text[i]);
    }
}

void query_integer(struct http_exchange *exchange, const char *name, const char *value, int64_t low,
                   int64_t high, int64_t *integer)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (!(isdigit((unsigned char)*value) || *value == '-') || *end != '\0')
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE, "must be an integer%s",
                                 *value ? "" : "; remove it, or give a number");
    else if (errno != 0 || number < low || number > high)
        http_add_parameter_error(exchange, name, ERROR_OUT_OF_RANGE,
                                 "must be between %lld and %lld", (long long)low, (long long)high);
    else
        *integer = number;
}
