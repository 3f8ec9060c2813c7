/* The states of a session: session_states.def is their table. */
#ifndef WS_BROKER_CORE_SESSION_STATE_H
#define WS_BROKER_CORE_SESSION_STATE_H

#include "ws-broker/core/device_protocol.h"

enum session_state {
    SESSION_NEW,        /* open; the device has not said who it is */
    SESSION_SYNCING,    /* it has, and sends its journal */
    SESSION_CONNECTING, /* its presence is being committed */
    SESSION_READY,      /* greeted; it is given messages */
    SESSION_ASIDE, /* of a polled device that has opened another stream: it stays open, and is told nothing */
    SESSION_CLOSING, /* it is sent what is queued, then a close frame; its reports still count */
    SESSION_STATE_COUNT
};

enum session_deadline { DEADLINE_NONE, DEADLINE_GREETED, DEADLINE_CLOSED };
enum session_expiry { EXPIRY_NOTHING, EXPIRY_CLOSE, EXPIRY_DROP };

struct session_state_rule {
    const char *name;
    enum protocol_phase phase;
    unsigned frames; /* bits 1 << enum frame_type */
    unsigned next;   /* bits 1 << enum session_state */
    enum session_deadline deadline;
    enum session_expiry expiry;
};

extern const struct session_state_rule session_states[SESSION_STATE_COUNT];

/* Whether a frame of that type, once read, counts in a state. */
bool session_state_takes(enum session_state state, enum frame_type type);

/* What frame_read accepts in a state from a device of that level. */
enum frame_stage session_state_stage(enum session_state state,
                                     const struct device_protocol *protocol);

#endif
