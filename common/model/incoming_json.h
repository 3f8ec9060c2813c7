/* An incoming SMS as JSON: what the API and the operator's tool answer. Any thread. */
#ifndef COMMON_MODEL_INCOMING_JSON_H
#define COMMON_MODEL_INCOMING_JSON_H

#include "common/base/json_write.h"
#include "common/model/incoming_sms.h"

/* Writes it as an object, with its text. */
void incoming_json_put(struct json_writer *json, const struct incoming_sms *sms);

/* received_at_ms, where it is a time that can be written as a date: in the years 0 to 9999. Else 0. */
int64_t incoming_sms_device_time_ms(const struct incoming_sms *sms);

/* Whether retention has removed the text. */
bool incoming_sms_text_is_removed(const struct incoming_sms *sms);

#endif
