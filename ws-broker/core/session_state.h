/* The states of a session: session_states.def is their table. */
#ifndef WS_BROKER_CORE_SESSION_STATE_H
#define WS_BROKER_CORE_SESSION_STATE_H

#include "ws-broker/core/device_protocol.h"

enum session_state {
    SESSION_NEW,        /* open; the device has not said who it is */
    SESSION_SYNCING,    /* it has, and sends its journal */
    SESSION_CONNECTING, /* its presence is being committed */
    SESSION_READY,      /* greeted; it is given messages */
    SESSION_CLOSING,    /* it is sent what is queued, then a close frame; its reports still count */
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

struct broker;
struct session;

/* SESSION_NEW, from session->opened_at_ms on. */
void session_state_begin(const struct broker *broker, struct session *session);

/* Changes the state and sets its deadline. For SESSION_CLOSING close_error is set before. */
void session_state_enter(const struct broker *broker, struct session *session,
                         enum session_state state, int64_t now_ms);

/* Whether a frame that was read counts. */
bool session_state_takes(const struct session *session, enum frame_type type);

/* What frame_read accepts from the device now. */
enum frame_stage session_state_stage(const struct session *session);

#endif
