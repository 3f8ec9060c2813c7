/* Cancel requests: clients no longer want a message that a device has, and the device is asked to cancel it. */
#ifndef WS_BROKER_CORE_CANCEL_H
#define WS_BROKER_CORE_CANCEL_H

#include "common/store/work.h"
#include "ws-broker/core/session.h"

struct broker;

/* The store has a cancel request for a message: asks its device. */
void cancel_requested(struct broker *broker, const struct store_cancel_request *request,
                      int64_t now_ms);

/* Asks the device to cancel a message, once on a connection; nothing when the message is not in flight. */
void cancel_send(struct broker *broker, struct session *session, const struct message_ref *ref);

#endif
