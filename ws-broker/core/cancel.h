/* Cancel requests: clients no longer want a message that a device has, and the device is asked to cancel it. */
#ifndef WS_BROKER_CORE_CANCEL_H
#define WS_BROKER_CORE_CANCEL_H

#include "ws-broker/core/session.h"

struct broker;

/* Searches the store for cancel requests and asks the devices. Too early for another search, it is only noted. True when
   a search has begun. */
bool cancel_search(struct broker *broker, int64_t now_ms);

/* Asks the device to cancel a message, once on a connection; nothing when the message is not in flight. */
void cancel_send(struct broker *broker, struct session *session, const struct message_id *id,
                 unsigned attempt);

#endif
