/* A message in JSON, as the API and the operator's tool show it: schema Message in api-fcgi/openapi.yaml.
   Any thread. */
#ifndef COMMON_MODEL_MESSAGE_JSON_H
#define COMMON_MODEL_MESSAGE_JSON_H

#include "common/base/json_write.h"
#include "common/model/message.h"

/* An object. Without `with_text` its text is null. */
void message_json_put(struct json_writer *json, const struct message *message, bool with_text);

/* Its members alone, into an object that has begun. */
void message_json_put_members(struct json_writer *json, const struct message *message,
                              bool with_text);

#endif
