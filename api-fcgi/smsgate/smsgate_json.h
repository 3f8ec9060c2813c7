/*
 * What both of SMSGate's APIs have in their JSON. Times are those of json_put_time: three decimals and Z, as the app needs them.
 */
#ifndef API_FCGI_SMSGATE_SMSGATE_JSON_H
#define API_FCGI_SMSGATE_SMSGATE_JSON_H

#include "common/base/json_write.h"
#include "common/model/message.h"

/* "Pending", "Processed", "Sent", "Delivered", "Failed", "Cancelled": what programs are told of a status. `unknown` is
   Processed, because programs send again what is Failed. Any thread. */
const char *smsgate_state_name(enum message_status status);

/* The member textMessage, or dataMessage. Any thread. */
void smsgate_content_put(struct json_writer *json, const struct message *message);

#endif
