/* GET /api/devices */
#include "../common/view.h"
#include "handlers.h"

enum http_outcome handle_list_devices(struct http_exchange *exchange)
{
    struct device *devices = NULL;
    size_t count = 0;
    enum error error = store_list_devices(exchange->reader, &devices, &count);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);

    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "devices");
    for (size_t i = 0; i < count; i++)
        view_device(&json, &devices[i]);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)count);
    json_end_object(&json);
    store_devices_free(devices, count);
    return HTTP_ANSWERED;
}
