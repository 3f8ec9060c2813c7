/* The way of a session through its states (session_states.def), with the deadline of each. */
#ifndef WS_BROKER_CORE_LIFECYCLE_H
#define WS_BROKER_CORE_LIFECYCLE_H

#include "ws-broker/core/session.h"

struct broker;

/* SESSION_NEW, from session->opened_at_ms on. */
void lifecycle_begin(const struct broker *broker, struct session *session);

/* Changes the state, to one that may follow, and sets its deadline. For SESSION_CLOSING close_error is set before. */
void lifecycle_enter(const struct broker *broker, struct session *session, enum session_state state,
                     int64_t now_ms);

#endif
