/* The events of SMSGate's webhooks that this gateway has, and the types of its own that they stand for. Any thread. */
#ifndef COMMON_MODEL_SMSGATE_EVENTS_H
#define COMMON_MODEL_SMSGATE_EVENTS_H

#include "common/model/event_types.h"

/* The bits of the types that "sms:sent" and so on stand for; 0: this gateway has no such event. */
uint32_t smsgate_event_types(const char *name);

/* The event that a type is told as: "sms:sent". A test is told as "system:ping". */
const char *smsgate_event_name(enum event_type type);

/* The event of a webhook, by its types. */
const char *smsgate_event_of_types(uint32_t types);

#define SMSGATE_EVENTS "sms:received, sms:sent, sms:delivered, sms:failed or sms:cancelled"

#endif
