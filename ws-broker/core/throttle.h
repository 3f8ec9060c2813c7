/* When a device is read from: not while many answers are owed to it, nor while it has made too much work. */
#ifndef WS_BROKER_CORE_THROTTLE_H
#define WS_BROKER_CORE_THROTTLE_H

#include "ws-broker/core/session.h"

struct broker;

/* Pauses or resumes reading by what is owed to the device. So nothing grows without bound, whether the store is slow or
   the device does not read its answers. Also updates the session's eligibility. */
void throttle_update(struct broker *broker, struct session *session, int64_t now_ms);

/* Counts work of a device; one that makes too much is not read from for a while. */
void throttle_count_work(struct broker *broker, struct session *session, double work,
                         int64_t now_ms);

/* At a tick: reads again from a device whose pause is over. */
void throttle_end(struct broker *broker, struct session *session, int64_t now_ms);

#endif
