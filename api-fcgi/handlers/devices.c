/* GET /api/devices */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/query.h"
#include "common/base/url.h"
#include "common/model/device_json.h"

#include <string.h>

enum { MAX_PAGE_BYTES = 16 << 20 }; /* some thousand devices with 4 KiB of `extra` each */

_Static_assert((int)MAX_PAGE_BYTES + (64 << 10) <= (int)HTTP_MAX_RESPONSE_BYTES,
               "one more device fits");

static const char cursor_prefix[] = "after-";

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    size_t length = strlen(cursor_prefix);
    const char **cursor = target;
    if (strncmp(value, cursor_prefix, length) == 0 && device_id_valid(value + length))
        *cursor = value + length;
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be a cursor from `next` of another page");
}

static const struct query_parameter parameters[] = {
    {{"cursor", " after next "}, false, take_cursor},
};

static void put_next(struct http_exchange *exchange, struct json_writer *json,
                     const struct device *last)
{
    char cursor[sizeof(cursor_prefix) + DEVICE_ID_SIZE];
    struct buffer url;
    strcpy(stpcpy(cursor, cursor_prefix), last->device_id);
    buffer_init(&url, 1024);
    buffer_append_text(&url, "/api/devices");
    url_append_parameter(&url, "cursor", cursor);
    json_put_text(json, "next", url.data);
    if (url.data)
        http_add_header(exchange, "Link", "<%s>; rel=\"next\"", url.data);
    buffer_fini(&url);
}

/* Devices by id, after `cursor`: as many as fit, and a link to the rest. */
static void answer_page(struct http_exchange *exchange, const struct device *devices, size_t total,
                        const char *cursor)
{
    struct json_writer json = {.out = &exchange->response.body};
    size_t first = 0;
    while (first < total && strcmp(devices[first].device_id, cursor) <= 0)
        first++;
    size_t end = first;
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "devices");
    while (end < total && exchange->response.body.length < MAX_PAGE_BYTES)
        device_json_put(&json, &devices[end++]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)(end - first));
    if (end < total)
        put_next(exchange, &json, &devices[end - 1]);
    json_end_object(&json);
}

enum http_outcome devices_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    const char *cursor = "";
    struct device *devices = NULL;
    size_t count = 0;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &cursor))
        return HTTP_ANSWERED;
    enum error error = store_list_connected_devices(exchange->reader, &devices, &count);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    answer_page(exchange, devices, count, cursor);
    store_devices_free(devices, count);
    return HTTP_ANSWERED;
}
