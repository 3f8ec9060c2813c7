/*
 * The broker core: events in, actions out.
 *
 * It decides everything about phones and messages and does nothing itself: no sockets, no store, no
 * clock. ws_server.c brings it the events and carries out the actions; a test can do the same with
 * nothing behind it. Times are monotonic milliseconds and never go back.
 *
 * What it promises: a frame with a message is given out for writing only after the store has
 * committed that the message is that phone's: `dispatched` before an offer, `accepted` before a
 * release and before a basic phone's frame; a message that cannot have been sent goes back to the
 * queue when the connection ends; a report is never forgotten while the broker lives, and is
 * acknowledged after its commit. All on the loop thread.
 */
#ifndef WS_BROKER_CORE_BROKER_H
#define WS_BROKER_CORE_BROKER_H

#include "common/process/metrics.h"
#include "common/store/store.h"
#include "ws-broker/core/session.h"

struct broker_options {
    char name[BROKER_NAME_SIZE];
    struct message_id instance; /* of this run */
    unsigned max_sessions;
    unsigned window;             /* messages in one phone's hands */
    int64_t segments_per_minute; /* 0: no limit */
    int64_t segments_burst;      /* with a limit: at least 1 */
    double min_battery_percent;
    int64_t max_frames_per_second;
    int64_t device_info_timeout_ms;
    int64_t liveness_timeout_ms;
    int64_t ack_timeout_ms;
    int64_t report_timeout_ms;
    int64_t report_horizon_ms;
    int64_t stuck_after_ms;
    int64_t
        text_retention_ms; /* after the end of a message its text is kept so long; 0: for ever */
    int64_t message_retention_ms; /* likewise the message */
    int64_t sweep_interval_ms;
    int64_t lease_ms;
    int64_t drain_timeout_ms;
    uint64_t seed;           /* of the random part of pauses */
    struct metrics *metrics; /* where frames and connections are counted; or NULL */
};

struct broker;

/* In this time a phone is given segments_burst at most; 0 without a limit. */
int64_t broker_send_budget_window_ms(const struct broker_options *options);

/* NULL without memory. */
struct broker *broker_new(const struct broker_options *options, int64_t now_ms);
/* Frees what it still has; writes that are at the store must have come back. */
void broker_free(struct broker *broker);

/* ---- Events ---- */

/* Whether another phone may connect: ERROR_NONE, ERROR_TOO_MANY_PHONES or a drain's drain_reason. */
enum error broker_admits(const struct broker *broker);

/* A phone has connected, with a valid device id, on the assured level or the basic one; *id names
   the session from now on. Of its token, which has proved to be one, only the id comes here: before the
   phone is greeted the store is asked whether it stands and is this device's. "": none is needed. False
   when none is admitted, or without memory: nothing was opened. */
MUST_CHECK bool broker_session_opened(struct broker *broker, const char *device_id,
                                      const char *token_id, bool assured, int64_t now_ms,
                                      session_id *id);

/* Whether the core wants to hear more of it now: after BROKER_PAUSE it does not. */
bool broker_session_is_read(const struct broker *broker, session_id id);

/* A whole text message; `text[length]` is NUL. */
void broker_session_received(struct broker *broker, session_id id, const char *text, size_t length,
                             int64_t now_ms);

/* Anything from the phone: it lives. */
void broker_session_alive(struct broker *broker, session_id id, int64_t now_ms);

/* What came from the phone made so much work, in reads, frames of whatever kind and KiB: one that makes too
   much is not read from for a while. */
void broker_session_worked(struct broker *broker, session_id id, double work, int64_t now_ms);

/* The phone has answered a close frame of ours, with its code. */
void broker_session_answered_close(struct broker *broker, session_id id);

/* The connection broke a rule that shows below the frames (binary, too large, against RFC 6455): it is closed. */
void broker_session_violated(struct broker *broker, session_id id, enum error error,
                             int64_t now_ms);

/* The connection is gone: nothing is given to it any more, and broker_session_closed follows. Whether what it said
   before, and was not read yet, is worth hearing: reports count. */
MUST_CHECK bool broker_session_leaves(struct broker *broker, session_id id, int64_t now_ms);

/* The connection is gone; the id is no longer used in actions. */
void broker_session_closed(struct broker *broker, session_id id, int64_t now_ms);

/* The store has finished, or refused, what BROKER_STORE gave it. */
void broker_store_done(struct broker *broker, struct store_write *write, int64_t now_ms);

/* Somebody has queued a message, or may have. */
void broker_doorbell(struct broker *broker, int64_t now_ms);

/* At least once a second, and when broker_wake_ms says so. */
void broker_tick(struct broker *broker, int64_t now_ms, int64_t wall_ms);

/* The program shall end, or start anew: no more messages go out, what is written is flushed, phones are
   told why (ERROR_SHUTTING_DOWN, ERROR_RESTARTING), and reports are taken until they have left. */
void broker_drain(struct broker *broker, enum error drain_reason, int64_t now_ms);

/* ---- Actions ---- */

enum broker_action_type {
    BROKER_WRITE,  /* call broker_take_output when the connection can be written */
    BROKER_PAUSE,  /* stop reading from it */
    BROKER_RESUME, /* read again */
    BROKER_DROP,   /* end it without a word; broker_session_closed follows */
    BROKER_STORE,  /* submit `write`; broker_store_done follows */
};

struct broker_action {
    enum broker_action_type type;
    session_id session;        /* all but BROKER_STORE */
    struct store_write *write; /* BROKER_STORE; the core's, lent */
};

/* The next thing to do; false when there is nothing. Ask after each event until there is nothing. */
bool broker_next_action(struct broker *broker, struct broker_action *action);

/* What to write on a connection that can be written. Ask until there is OUTPUT_NOTHING, or again
   when it can take more. A frame is appended to `frame`; for OUTPUT_CLOSE *close_error says why. */
enum session_output broker_take_output(struct broker *broker, session_id id, int64_t now_ms,
                                       struct buffer *frame, enum error *close_error);

/* When the next tick is due at the latest. */
int64_t broker_wake_ms(const struct broker *broker);

/* Whether a drain has ended: no session, nothing at the store. */
bool broker_is_drained(const struct broker *broker);

#endif
