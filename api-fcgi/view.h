/* How messages and phones look in JSON. The schemas are in openapi.yaml. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include "../common/json_write.h"
#include "../common/store/store.h"

void view_message(struct json_writer *json, const struct message *message, bool with_text);
void view_device(struct json_writer *json, const struct device *device);

#endif
