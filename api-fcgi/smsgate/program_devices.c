/* GET /devices, DELETE /devices/{id} */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/json_write.h"

#include <string.h>

/* As many are read at a time. */
enum { PAGE_DEVICES = 1000, PAGE_EXTRA_BYTES = 2 << 20 };

static bool is_paired(const struct store_device *device)
{
    return !*device->token.id || device->token.revoked_at_ms == 0;
}

/* Clients refuse a device without a time: one that never connected was last seen when it was paired. */
static void put_device(struct json_writer *json, const struct store_device *known)
{
    const struct device *device = &known->device;
    const char *name = device->configuration.name;
    int64_t created_ms = *known->token.id ? known->token.created_at_ms : device->connected_at_ms;
    int64_t seen_ms = device->connected ? known->read_at_ms
                                        : MAX(device->last_seen_at_ms, device->disconnected_at_ms);
    if (created_ms == 0)
        created_ms = known->read_at_ms;
    if (!*name)
        name = *device->info.name ? device->info.name : device->device_id;
    json_begin_object(json, NULL);
    json_put_text(json, "id", device->device_id);
    json_put_text(json, "name", name);
    json_put_time(json, "createdAt", created_ms);
    json_put_time(json, "updatedAt", MAX(device->connected_at_ms, created_ms));
    json_put_time(json, "lastSeen", MAX(seen_ms, created_ms));
    json_end_object(json);
}

enum http_outcome program_devices_handle_list(struct http_exchange *exchange)
{
    struct store_device_query query = {.limit = PAGE_DEVICES, .max_extra_bytes = PAGE_EXTRA_BYTES};
    struct json_writer json = {.out = &exchange->response.body};
    enum error error;
    bool more;
    http_begin_json(exchange, 200);
    json_begin_array(&json, NULL);
    do {
        struct store_device_page page;
        error = store_list_devices(exchange->reader, &query, &page);
        more = error == ERROR_NONE && page.has_more;
        for (size_t i = 0; i < page.count && error == ERROR_NONE; i++)
            if (is_paired(&page.devices[i]))
                put_device(&json, &page.devices[i]);
        if (more)
            strcpy(query.after, page.devices[page.count - 1].device.device_id);
        store_device_page_fini(&page);
    } while (more);
    json_end_array(&json);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

static void answer_removed(struct http_exchange *exchange)
{
    if (pairing_revoked(exchange))
        smsgate_answer_empty(exchange, 204);
}

enum http_outcome program_devices_handle_remove(struct http_exchange *exchange)
{
    return pairing_revoke(exchange, answer_removed);
}
