/* A device in JSON, as the API and the CLI show it: schema Device in api-fcgi/openapi.yaml. Any thread. */
#ifndef COMMON_STORE_DEVICE_JSON_H
#define COMMON_STORE_DEVICE_JSON_H

#include "common/base/json_write.h"
#include "common/process/settings.h"
#include "common/store/devices.h"

void device_json_put(struct json_writer *json, const struct store_device *device,
                     const struct settings *settings);

/* The members of a reading but its time. */
void device_json_put_power(struct json_writer *json, const struct store_reading *reading);

#endif
