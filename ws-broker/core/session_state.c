#include "ws-broker/core/session_state.h"

#include "ws-broker/core/broker_state.h"

#include <assert.h>

enum { CLOSE_GRACE_MS = 3000 }; /* for a device to answer a close frame */

const struct session_state_rule session_states[SESSION_STATE_COUNT] = {
#define FRAME(type) (1u << FRAME_IS_##type)
#define STATE(name) (1u << SESSION_##name)
#define SESSION_STATE(name, phase, frames, next, deadline, expiry)                                 \
    [SESSION_##name] = {#name, PHASE_##phase, frames, next, DEADLINE_##deadline, EXPIRY_##expiry},
#include "ws-broker/core/session_states.def"
#undef SESSION_STATE
#undef STATE
#undef FRAME
};

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

void session_state_begin(const struct broker *broker, struct session *session)
{
    session->state = SESSION_NEW;
    session->state_deadline_ms = deadline_ms(broker, session, session->opened_at_ms);
}

void session_state_enter(const struct broker *broker, struct session *session,
                         enum session_state state, int64_t now_ms)
{
    assert(session_states[session->state].next & 1u << state);
    session->state = state;
    session->state_deadline_ms = deadline_ms(broker, session, now_ms);
}

bool session_state_takes(const struct session *session, enum frame_type type)
{
    return session_states[session->state].frames & 1u << type;
}

enum frame_stage session_state_stage(const struct session *session)
{
    return session->protocol->stages[session_states[session->state].phase];
}
