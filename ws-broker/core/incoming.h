/* SMS that devices received: stored, then acknowledged. */
#ifndef WS_BROKER_CORE_INCOMING_H
#define WS_BROKER_CORE_INCOMING_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* `sms_received`, also on a connection that was replaced or is closing: then it is stored, and acknowledged when it comes
   again. */
void incoming_take(struct broker *broker, struct session *session, struct frame *frame,
                   int64_t now_ms);

#endif
