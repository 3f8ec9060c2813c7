/* A message in JSON, as the API and the operator's tool show it: schema Message in api-fcgi/openapi.yaml.
   Any thread. */
#ifndef COMMON_MODEL_MESSAGE_JSON_H
#define COMMON_MODEL_MESSAGE_JSON_H

#include "common/base/json_write.h"
#include "common/model/message.h"

/* As an object. Without `with_text` the text is null. */
void message_json_put(struct json_writer *json, const struct message *message, bool with_text);

/* The members only, into an object that is open. */
void message_json_put_members(struct json_writer *json, const struct message *message,
                              bool with_text);

/* An event, as an object: schema MessageEvent. */
void message_json_put_event(struct json_writer *json, const struct message_event *event);

#endif
