/*
 * How much happened in each of the last minutes, and how long messages took: for plots.
 *
 * The cost has a bound that does not depend on how much there is. Where more happened in a minute than is counted one by one, its
 * numbers are estimated from the beginning of the minute.
 */
#ifndef COMMON_STORE_ACTIVITY_H
#define COMMON_STORE_ACTIVITY_H

#include "common/base/base.h"
#include "common/base/error.h"

struct store_reader;

enum { STORE_MAX_ACTIVITY_MINUTES = 360 };

struct store_minute {
    int64_t at_ms; /* wall; its beginning */
    int64_t accepted, sent, delivered, received;
    int64_t failed; /* also those that became `unknown` */
    bool estimated;
};

/* Of durations; in milliseconds. */
struct store_quantiles {
    size_t count; /* that they are taken from; 0: there is none */
    int64_t p50_ms, p90_ms, p99_ms;
};

struct store_activity {
    size_t count;
    struct store_minute minutes[STORE_MAX_ACTIVITY_MINUTES]; /* the last is that of now */
    struct store_quantiles queued_to_sent; /* from when it was accepted, or from its send_at */
    struct store_quantiles sent_to_delivered;
};

/* The minutes up to that of `now_ms` (wall), whole ones of UTC. */
MUST_CHECK enum error store_read_activity(struct store_reader *reader, int64_t now_ms,
                                          size_t minutes, struct store_activity *activity);

/* ---- For the backends ---- */

enum store_activity_kind {
    STORE_ACTIVITY_ACCEPTED,    /* new messages */
    STORE_ACTIVITY_TRANSITIONS, /* of messages */
    STORE_ACTIVITY_RECEIVED,    /* incoming SMS */
};

struct store_happening {
    int64_t at_ms;       /* wall */
    int64_t message_seq; /* of a transition, like the next */
    int status;          /* enum message_status: the new one */
};

/* Of a message, wall; 0: none. */
struct store_message_times {
    int64_t send_at_ms, sent_at_ms;
};

/* The message's creation, of which its seq is made (message_id_seq). */
int64_t store_seq_time_ms(int64_t seq);
/* The least seq of that time. */
int64_t store_seq_first_at(int64_t wall_ms);

#endif
