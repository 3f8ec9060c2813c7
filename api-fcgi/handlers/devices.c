/* GET /api/devices, GET and PATCH /api/devices/{device_id}, and its readings */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/list_page.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/server/query.h"
#include "common/base/clock.h"
#include "common/store/device_json.h"

#include <string.h>

/* ---- GET /api/devices ---- */

/* What a page has at most: it is read in a fraction of the time limit, also beside load. */
enum { MAX_PAGE_DEVICES = 1000, MAX_PAGE_EXTRA_BYTES = 2 << 20, MAX_PAGE_IN_FLIGHT = 100000 };

_Static_assert((int)MAX_PAGE_DEVICES * 8192 + (int)MAX_PAGE_EXTRA_BYTES <=
                   (int)HTTP_MAX_RESPONSE_BYTES,
               "a page fits: without `extra` a device takes less than 8 KiB");

static const char cursor_prefix[] = "after-";

static void take_connected(struct http_exchange *exchange, const char *name, const char *value,
                           void *target)
{
    struct store_device_query *query = target;
    query->connected = strcmp(value, "true") == 0;
    query->has_connected = query->connected || strcmp(value, "false") == 0;
    if (!query->has_connected)
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE, "must be true or false");
}

static void take_group(struct http_exchange *exchange, const char *name, const char *value,
                       void *target)
{
    struct store_device_query *query = target;
    if (device_group_valid(value))
        strcpy(query->group, value);
    else
        http_add_parameter_error(exchange, name, ERROR_INVALID_VALUE,
                                 "must be 1 to 32 letters, digits, dots, _ and -");
}

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
    {{"connected", " online state status "}, true, take_connected},
    {{"group", " label tag device_group "}, true, take_group},
    {{"cursor", " after next "}, false, take_cursor},
};

static void put_next(struct http_exchange *exchange, struct json_writer *json,
                     const struct device *last, const struct query_values *values)
{
    char cursor[sizeof(cursor_prefix) + DEVICE_ID_SIZE];
    strcpy(stpcpy(cursor, cursor_prefix), last->device_id);
    list_page_put_next(exchange, json, "/api/devices", parameters, ARRAY_LENGTH(parameters), values,
                       cursor);
}

static void answer_page(struct http_exchange *exchange, const struct store_device_page *page,
                        const struct query_values *values)
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
        put_next(exchange, &json, &page->devices[page->count - 1].device, values);
    json_end_object(&json);
}

enum http_outcome devices_handle_list(struct http_exchange *exchange)
{
    struct query_values values = {0};
    struct store_device_query query = {
        .limit = MAX_PAGE_DEVICES,
        .max_extra_bytes = MAX_PAGE_EXTRA_BYTES,
        .max_in_flight = MAX_PAGE_IN_FLIGHT,
    };
    struct store_device_page page;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &query))
        return HTTP_ANSWERED;
    enum error error = store_list_devices(exchange->reader, &query, &page);
    if (error == ERROR_NONE)
        answer_page(exchange, &page, &values);
    store_device_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* ---- GET /api/devices/{device_id} ---- */

static enum http_outcome refuse_device(struct http_exchange *exchange, const char *device_id)
{
    return device_id_valid(device_id)
               ? http_problem(exchange, ERROR_DEVICE_NOT_PAIRED, "No device has the id %s.",
                              device_id)
               : http_problem(exchange, ERROR_DEVICE_NOT_PAIRED,
                              "A device id has 1 to 64 letters, digits, _ and -.");
}

static enum http_outcome answer_device(struct http_exchange *exchange, const char *device_id)
{
    struct store_device device;
    bool found = false;
    enum error error = device_id_valid(device_id)
                           ? store_find_device(exchange->reader, device_id, &device, &found)
                           : ERROR_NONE;
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    if (!found)
        return refuse_device(exchange, device_id);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    device_json_put(&json, &device, exchange->api->settings);
    device_info_fini(&device.device.info);
    return HTTP_ANSWERED;
}

enum http_outcome devices_handle_get(struct http_exchange *exchange)
{
    return answer_device(exchange, exchange->request.path_argument);
}

/* ---- GET /api/devices/{device_id}/readings ---- */

enum { READINGS_OF_MS = 24 * 3600 * 1000 };

static void put_reading(struct json_writer *json, const struct store_reading *reading)
{
    json_begin_object(json, NULL);
    json_put_time(json, "at", reading->at_ms);
    device_json_put_power(json, reading);
    json_end_object(json);
}

static void answer_readings(struct http_exchange *exchange, const char *device_id,
                            const struct store_reading readings[], size_t count)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "device_id", device_id);
    json_begin_array(&json, "readings");
    for (size_t i = 0; i < count; i++)
        put_reading(&json, &readings[i]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)count);
    json_end_object(&json);
}

/* Devices are never removed: one that has readings is there. */
static enum error list_readings(struct http_exchange *exchange, const char *device_id,
                                struct store_reading readings[STORE_MAX_READINGS], size_t *count,
                                bool *found)
{
    struct store_device device;
    enum error error = store_list_readings(exchange->reader, device_id,
                                           clock_wall_ms() - READINGS_OF_MS, readings, count);
    *found = error == ERROR_NONE && *count > 0;
    if (error != ERROR_NONE || *found)
        return error;
    error = store_find_device(exchange->reader, device_id, &device, found);
    if (error == ERROR_NONE && *found)
        device_info_fini(&device.device.info);
    return error;
}

enum http_outcome devices_handle_readings(struct http_exchange *exchange)
{
    const char *device_id = exchange->request.path_argument;
    struct store_reading readings[STORE_MAX_READINGS];
    size_t count = 0;
    bool found = false;
    enum error error = device_id_valid(device_id)
                           ? list_readings(exchange, device_id, readings, &count, &found)
                           : ERROR_NONE;
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    if (!found)
        return refuse_device(exchange, device_id);
    answer_readings(exchange, device_id, readings, count);
    return HTTP_ANSWERED;
}

/* ---- PATCH /api/devices/{device_id} ---- */

static void take_name(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      void *target)
{
    struct store_configure_device *configure = target;
    char *name = configure->configuration.name;
    const char *text = json_is_null(value) ? "" : json_body_text(exchange, pointer, value);
    configure->set |= STORE_SET_NAME;
    if (text && strlen(text) < sizeof(configure->configuration.name))
        strcpy(name, text);
    else if (text)
        http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE, "must have at most %d bytes",
                             DEVICE_NAME_SIZE - 1);
}

void devices_take_groups(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, struct device_groups *groups)
{
    if (!json_is_array(value)) {
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE, "must be an array, not %s",
                             json_type_name(value));
        return;
    }
    json_for_each (label, value) {
        const char *text = json_text(label);
        if (!text || !device_group_valid(text)) {
            http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                                 "each must be 1 to 32 letters, digits, dots, _ and -");
            return;
        }
        if (!device_groups_add(groups, text)) {
            http_add_field_error(exchange, pointer, ERROR_OUT_OF_RANGE, "may have at most %d",
                                 DEVICE_MAX_GROUPS);
            return;
        }
    }
}

static void take_groups(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    struct store_configure_device *configure = target;
    configure->set |= STORE_SET_GROUPS;
    devices_take_groups(exchange, pointer, value, &configure->configuration.groups);
}

static void take_enabled(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct store_configure_device *configure = target;
    bool enabled = true;
    configure->set |= STORE_SET_DISABLED;
    json_body_boolean(exchange, pointer, value, &enabled);
    configure->configuration.disabled = !enabled;
}

static void take_limit(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, struct device_limit *limit)
{
    limit->is_own = !json_is_null(value);
    if (limit->is_own &&
        !json_body_integer(exchange, pointer, value, 0, DEVICE_MOST_SEGMENTS, &limit->most))
        limit->is_own = false;
}

static void take_daily_segments(struct http_exchange *exchange, const char *pointer,
                                const struct json *value, void *target)
{
    struct store_configure_device *configure = target;
    configure->set |= STORE_SET_DAILY_SEGMENTS;
    take_limit(exchange, pointer, value, &configure->configuration.daily_segments);
}

static void take_window_segments(struct http_exchange *exchange, const char *pointer,
                                 const struct json *value, void *target)
{
    struct store_configure_device *configure = target;
    configure->set |= STORE_SET_WINDOW_SEGMENTS;
    take_limit(exchange, pointer, value, &configure->configuration.window_segments);
}

static void answer_configured(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const char *device_id = write->configure.device_id;
    if (write->result == ERROR_DEVICE_NOT_PAIRED) {
        refuse_device(exchange, device_id);
    } else if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
    } else {
        if (write->configure.changed)
            log_info("device configured", LOG_TEXT("device_id", device_id),
                     LOG_TEXT_IF_ANY("key", exchange->key_id));
        answer_device(exchange, device_id);
    }
}

enum http_outcome devices_handle_configure(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/name", false, take_name, " device_name title "},
        {"/groups", false, take_groups, " group labels tags device_groups "},
        {"/enabled", false, take_enabled, " active disabled "},
        {"/daily_segments", false, take_daily_segments, " daily_limit daily "},
        {"/segments_per_window", false, take_window_segments, " window_segments burst "},
    };
    const char *device_id = exchange->request.path_argument;
    if (!device_id_valid(device_id))
        return refuse_device(exchange, device_id);
    exchange->write = (struct store_write){.verb = STORE_CONFIGURE_DEVICE};
    strcpy(exchange->write.configure.device_id, device_id);
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), &exchange->write.configure))
        return HTTP_ANSWERED;
    return http_park(exchange, answer_configured);
}
