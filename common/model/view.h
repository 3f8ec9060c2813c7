/* How messages and phones look in JSON: in the API's answers and the operator tool's. The schemas are in
   api-fcgi/openapi.yaml. Any thread. */
#ifndef COMMON_MODEL_VIEW_H
#define COMMON_MODEL_VIEW_H

#include "common/base/json_write.h"
#include "common/model/device.h"
#include "common/model/message.h"

void view_message(struct json_writer *json, const struct message *message, bool with_text);
/* The same into an object that has begun. */
void view_message_members(struct json_writer *json, const struct message *message, bool with_text);

void view_device(struct json_writer *json, const struct device *device);

#endif
