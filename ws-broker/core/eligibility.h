/* Which devices may be given a message now: the sessions in the phone heap. */
#ifndef WS_BROKER_CORE_ELIGIBILITY_H
#define WS_BROKER_CORE_ELIGIBILITY_H

#include "ws-broker/core/session.h"

struct broker;

/* Between two tries with a device that has reached its daily limit. */
enum { ELIGIBILITY_DAILY_LIMIT_MS = 60000 };

/* Puts a session into the phone heap, moves it there, or removes it. To be called after any change of the session. */
void eligibility_update(struct broker *broker, struct session *session, int64_t now_ms);

/* Why a session's device is given no message; *for_ms: for how long, 0: that depends on other things than time.
   MESSAGE_WAIT_NONE: it is given one. */
enum message_wait_reason eligibility_wait(const struct broker *broker, struct session *session,
                                          int64_t now_ms, int64_t *for_ms);

#endif
