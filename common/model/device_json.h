/* A device in JSON, as the API shows it: schema Device in api-fcgi/openapi.yaml. Any thread. */
#ifndef COMMON_MODEL_DEVICE_JSON_H
#define COMMON_MODEL_DEVICE_JSON_H

#include "common/base/json_write.h"
#include "common/model/device.h"

void device_json_put(struct json_writer *json, const struct device *device);

#endif
