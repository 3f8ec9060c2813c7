/* What the files of the broker core share; nobody else includes this. */
#ifndef WS_BROKER_CORE_BROKER_CORE_H
#define WS_BROKER_CORE_BROKER_CORE_H

#include "ws-broker/core/broker.h"
#include "ws-broker/core/session_table.h"
#include "ws-broker/protocol/frames.h"

/* A write at the store, or waiting to go there again. */
struct job {
    struct store_write write;
    session_id session; /* whose it is, if that matters */
    int64_t retry_at_ms;
    struct job *next; /* among those to retry */

    session_id *slot_sessions; /* STORE_CLAIM: the session of each slot */
};

struct broker {
    struct broker_options options;
    struct session_table sessions;
    struct phone_heap phone_heap;
    uint64_t uses; /* messages given out so far: the clock of heap_entry.last_use */

    struct broker_action *actions; /* a queue */
    size_t action_first, action_count, action_capacity;

    bool due;                /* the store may have queued messages */
    bool handing_over;       /* a hand-over is at the store */
    bool paused;             /* sending is, as the last hand-over found */
    size_t batch;            /* slots of the next one */
    int64_t hand_over_at_ms; /* not before: the store refused the last one */
    bool revoking;           /* a search for what is to be revoked is at the store */
    int64_t revoke_at_ms;    /* not before */
    int64_t revoke_after;    /* where it goes on */
    bool revoke_wanted;      /* somebody rang while it was too early */
    int64_t dismiss_at_ms;   /* the next search for phones to be sent away, if nobody rings */
    bool dismissing;         /* one is at the store */

    struct job *retries;
    unsigned jobs; /* at the store or among the retries */

    int64_t wake_ms;
    int64_t sweep_at_ms;
    int64_t lease_at_ms;
    int64_t give_up_at_ms;
    int64_t count_stuck_at_ms;
    int64_t purge_at_ms;
    int64_t wall_offset_ms; /* wall minus monotonic time, when last looked */
    int64_t trust_clock_at_ms;
    uint64_t random;

    bool draining;
    enum error drain_reason; /* of the drain */
    int64_t drain_until_ms;
    bool overdue; /* the drain has run out of time */
};

/* ---- broker_jobs.c: what the core wants done ---- */

/* The memory, or the end: without memory for control structures there is nothing to be saved here.
   The supervisor starts the broker again, and the store has everything. */
void *broker_must(void *memory);

/* Appends to the queue of actions. */
void broker_act_on(struct broker *broker, enum broker_action_type type,
                   const struct session *session);

struct job *job_new(enum store_verb verb, session_id session);
void job_free(struct job *job);
void job_submit(struct broker *broker, struct job *job);

/* Keeps a job that the store refused, for another try at that time. */
void job_retry_later(struct broker *broker, struct job *job, int64_t retry_at_ms);
void job_retry_due(struct broker *broker, int64_t now_ms);

/* Jobs that several places need. */
struct job *job_new_take_back(const struct message_id *id, unsigned attempt, const char *device_id);
void job_submit_take_back(struct broker *broker, const struct message_id *id, unsigned attempt,
                          const char *device_id);
void job_submit_disconnect(struct broker *broker, const char *device_id, int64_t number);

/* Fills in who the phone is. */
void job_fill_slot(struct store_holder *slot, const struct session *session);

/* ---- broker_assured.c: offers and what follows from them ---- */

/* Queues an order (FRAME_RELEASE, FRAME_REVOKE) for a phone. */
void broker_order(struct broker *broker, struct session *session, const char *type,
                  const struct message_id *id, unsigned attempt);

/* Likewise FRAME_DROP: the offer no longer stands. */
void broker_drop(struct broker *broker, struct session *session, const struct message_id *id,
                 unsigned attempt);

void broker_take_ack(struct broker *broker, struct session *session, const struct frame *frame);
void broker_take_nack(struct broker *broker, struct session *session, const struct frame *frame,
                      int64_t now_ms);
void broker_release_done(struct broker *broker, struct job *job, int64_t now_ms);

/* Asks the store what somebody wants cancelled, and whose token has ended, and tells the phones. Where
   that is too early it is kept in mind (revoke_wanted). */
void broker_find_revoked(struct broker *broker, int64_t now_ms);
void broker_find_revoked_done(struct broker *broker, struct job *job, int64_t now_ms);

/* Asks the phone for a message back, once on a connection; nothing when it does not have it. */
void broker_revoke(struct broker *broker, struct session *session, const struct message_id *id,
                   unsigned attempt);

/* A number from 0 to 1. */
double broker_jitter(struct broker *broker);

/* ---- broker_tokens.c: phones whose token has ended ---- */

/* Asks the store for them, and sends them away: when the doorbell rings, and every two seconds. */
void broker_find_dismissed(struct broker *broker, int64_t now_ms);
void broker_find_dismissed_done(struct broker *broker, struct job *job, int64_t now_ms);

/* The store has ended a token because two phones use it: says so, and sends away who is there with it. */
void broker_quarantined(struct broker *broker, const char *device_id, const char *token_id,
                        const char *evidence, int64_t now_ms);
void broker_count_takeover_done(struct broker *broker, const struct store_write *write,
                                int64_t now_ms);

/* ---- broker_retention.c ---- */

/* Has the store remove what is old, where it is time for that. */
void broker_purge(struct broker *broker, int64_t now_ms, int64_t wall_ms);
void broker_purge_done(struct broker *broker, const struct store_write *write, int64_t now_ms);

/* ---- broker_counts.c: what is counted for the metrics ---- */

/* A frame from a phone; NULL: it was not read. */
void broker_count_received(const struct broker *broker, const struct frame *frame);

/* What is written to a phone; `text` is the frame, if it is one. */
void broker_count_output(const struct broker *broker, enum session_output output, const char *text);

/* After a connection came or went. */
void broker_count_sessions(const struct broker *broker);

/* A connection that the broker ends; ERROR_NONE: the phone is silent. */
void broker_count_end(const struct broker *broker, enum error error);

/* ---- broker_warnings.c ---- */

/* Says what in a frame did not count, which a phone may repeat for ever: a few times on a connection, and
   after the greeting. */
void broker_warn(struct broker *broker, struct session *session,
                 const struct frame_problem *warning, int64_t now_ms);

/* ---- broker.c ---- */

/* Sends a phone away, with that reason. What another phone can have goes back. */
void broker_close_session(struct broker *broker, struct session *session, enum error error,
                          int64_t now_ms);
void broker_send_error(struct broker *broker, struct session *session,
                       const struct frame_problem *problem, int64_t now_ms);

/* Queues a frame beside the messages; takes its text. */
void broker_queue_control(struct broker *broker, struct session *session, struct buffer *frame);

/* At a tick: reads on where the pause of one that made too much work is over. */
void broker_end_throttle(struct broker *broker, struct session *session, int64_t now_ms);

/* Reads from a phone or not, by what it is owed: so nothing grows without end, neither because the
   store is slow nor because the phone does not read what it is told. */
void broker_update_reading(struct broker *broker, struct session *session, int64_t now_ms);

/* ---- broker_hand_over.c: who gets messages ---- */

/* Brings a session's place among the candidates up to date, after anything about it changed. */
void broker_refresh(struct broker *broker, struct session *session, int64_t now_ms);

/* Asks the store for messages, if some may be due and phones have room. */
void broker_hand_over(struct broker *broker, int64_t now_ms);
void broker_hand_over_done(struct broker *broker, struct job *job, int64_t now_ms);

enum { BROKER_RETRY_MS = 1000, BROKER_FIRST_BATCH = 8 };

#endif
