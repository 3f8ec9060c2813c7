#include "ws-broker/core/lifecycle.h"

#include "ws-broker/core/broker_state.h"

#include <assert.h>

enum { CLOSE_GRACE_MS = 3000 }; /* for a device to answer a close frame */

static int64_t deadline_ms(const struct broker *broker, const struct session *session,
                           int64_t now_ms)
{
    switch (session_states[session->state].deadline) {
    case DEADLINE_NONE:
        break;
    case DEADLINE_GREETED:
        return session->opened_at_ms + broker->options.device_info_timeout_ms;
    case DEADLINE_CLOSED:
        return is_drain_reason(session->close_error) ? broker->drain.until_ms
                                                     : now_ms + CLOSE_GRACE_MS;
    }
    return INT64_MAX;
}

void lifecycle_begin(const struct broker *broker, struct session *session)
{
    session->state = SESSION_NEW;
    session->state_deadline_ms = deadline_ms(broker, session, session->opened_at_ms);
}

void lifecycle_enter(const struct broker *broker, struct session *session, enum session_state state,
                     int64_t now_ms)
{
    assert(session_states[session->state].next & 1u << state);
    session->state = state;
    session->state_deadline_ms = deadline_ms(broker, session, now_ms);
}
