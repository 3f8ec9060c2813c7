/* GET /api/devices */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/query.h"
#include "common/base/url.h"
#include "common/store/device_json.h"

#include <string.h>

/* What a page has at most: it is read in a fraction of the time limit, also beside load. */
enum { MAX_PAGE_DEVICES = 1000, MAX_PAGE_EXTRA_BYTES = 2 << 20, MAX_PAGE_IN_FLIGHT = 100000 };

_Static_assert((int)MAX_PAGE_DEVICES * 4096 + (int)MAX_PAGE_EXTRA_BYTES <=
                   (int)HTTP_MAX_RESPONSE_BYTES,
               "a page fits: without `extra` a device takes less than 4 KiB");

static const char cursor_prefix[] = "after-";

static void take_cursor(struct http_exchange *exchange, const char *name, const char *value,
                        void *target)
{
    size_t length = strlen(cursor_prefix);
    struct store_device_query *query = target;
    if (strncmp(value, cursor_prefix, length) == 0 && device_id_valid(value + length))
        strcpy(query->after, value + length);
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

static void answer_page(struct http_exchange *exchange, const struct store_device_page *page)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "devices");
    for (size_t i = 0; i < page->count; i++)
        device_json_put(&json, &page->devices[i], exchange->api->settings);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)page->count);
    if (page->has_more)
        put_next(exchange, &json, &page->devices[page->count - 1].device);
    json_end_object(&json);
}

enum http_outcome devices_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct store_device_query query = {
        .has_connected = true,
        .connected = true,
        .limit = MAX_PAGE_DEVICES,
        .max_extra_bytes = MAX_PAGE_EXTRA_BYTES,
        .max_in_flight = MAX_PAGE_IN_FLIGHT,
    };
    struct store_device_page page;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query))
        return HTTP_ANSWERED;
    enum error error = store_list_devices(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &page);
    store_device_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
