/* An event in JSON, the same in the stream and in webhooks: schema Event in api-fcgi/openapi.yaml. Any thread. */
#ifndef COMMON_STORE_EVENT_JSON_H
#define COMMON_STORE_EVENT_JSON_H

#include "common/base/json_write.h"
#include "common/store/events.h"

/* {"id", "type", "timestamp", "data": {...}}, on one line. Without `with_text` the data has no member `message`, the text of
   an SMS. */
void event_json_put(struct json_writer *json, const struct store_event *event, bool with_text);

#endif
