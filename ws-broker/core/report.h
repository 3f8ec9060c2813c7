/* Reports of devices about their messages: stored, then acknowledged. */
#ifndef WS_BROKER_CORE_REPORT_H
#define WS_BROKER_CORE_REPORT_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* `status_update` or `report`, also on a connection that was replaced. */
void report_take(struct broker *broker, struct session *session, struct frame *frame,
                 int64_t now_ms);

#endif
