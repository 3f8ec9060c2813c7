#include "ws-broker/core/session_state.h"

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

bool session_state_takes(enum session_state state, enum frame_type type)
{
    return session_states[state].frames & 1u << type;
}

enum frame_stage session_state_stage(enum session_state state,
                                     const struct device_protocol *protocol)
{
    return protocol->stages[session_states[state].phase];
}
