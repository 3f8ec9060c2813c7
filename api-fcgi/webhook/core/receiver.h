/*
 * What the sender knows of one webhook: which delivery is next, whether its URL answers, and what is to be noted in the store.
 *
 * When the first tries of RECEIVER_FAILURES deliveries in a row have failed, the circuit is open: one delivery is tried at a
 * time, after waits that grow to ten minutes, and no more events become rows. The first success closes it, and then everything that
 * waits is tried. One delivery that always fails opens nothing. When a try succeeds after fewer failures, those that have long to
 * wait are tried soon, each of them once, also over restarts. Pure; times are monotonic. One thread at a time.
 */
#ifndef API_FCGI_WEBHOOK_CORE_RECEIVER_H
#define API_FCGI_WEBHOOK_CORE_RECEIVER_H

#include "api-fcgi/webhook/core/delivery_queue.h"
#include "api-fcgi/webhook/core/event_cursor.h"

enum {
    RECEIVER_AT_ONCE = 16, /* tries at the same time */
    RECEIVER_FAILURES = 5, /* deliveries in a row whose first tries fail open the circuit */
    RECEIVER_FRESH = 256,  /* events that are read and wait for their first try, */
    RECEIVER_FRESH_BYTES = 1 << 20,
    RECEIVER_MOST_STORED = 2000, /* while that many deliveries wait, no new event is read */
    RECEIVER_MOST_RESULTS = 2048,
    RECEIVER_PROBLEM_SIZE = 160,
};

/* What a receiver answered. */
struct receiver_answer {
    int status;             /* HTTP; 0: none that counts */
    const char *problem;    /* why there was none */
    int64_t retry_after_ms; /* 0: it did not ask */
};

enum result_state { RESULT_WAITING, RESULT_DELIVERED, RESULT_GIVEN_UP };

/* What the store is to know of a delivery. */
struct receiver_result {
    int64_t event_id;
    unsigned event_type;
    int64_t event_at_ms; /* wall */
    struct message_id message_id;
    enum result_state state;
    unsigned tries;
    bool was_hurried; /* one of them was more than the waits ask for */
    int64_t due_ms;
    int64_t tried_at_ms; /* of the last try; 0: it was not tried */
    int status;
    char problem[RECEIVER_PROBLEM_SIZE];
};

/* How it goes; the store keeps it over restarts. */
struct receiver_health {
    unsigned failures;        /* in a row */
    bool is_open;             /* the circuit */
    bool is_failing;          /* failing_since_ms counts */
    int64_t failing_since_ms; /* may be before the machine started */
    int64_t not_before_ms;    /* nothing is tried before */
    int64_t last_try_at_ms, last_success_at_ms;
    bool was_tried, has_succeeded; /* the two times count */
    int last_status;
    char last_problem[RECEIVER_PROBLEM_SIZE];
};

struct receiver {
    struct delivery_queue queue;
    struct event_cursor cursor;
    struct receiver_health health;
    unsigned failed_deliveries;   /* in a row, while the circuit is closed */
    unsigned failed_probes;       /* in a row, while it is open */
    const struct delivery *probe; /* in flight, while it is open; NULL: none */
    unsigned in_flight;
    bool stops;          /* nothing further is tried: it is to be read again, or to end */
    const char *disable; /* why it is to be disabled; NULL: it is not */
    struct receiver_result *results;
    size_t result_count, result_capacity;
};

enum receiver_finish {
    RECEIVER_DELIVERED,
    RECEIVER_FAILED,
    RECEIVER_GAVE_UP,
};

/* From the cursor and the health that the store has. NULL: no memory. */
struct receiver *receiver_new(int64_t cursor, const struct receiver_health *health);
void receiver_free(struct receiver *receiver);

/* A delivery that the store has a row of; due no later than the longest wait from now on. */
void receiver_load(struct receiver *receiver, const struct delivery *delivery, int64_t now_ms);

/* How many events are wanted, to be read after receiver->cursor.read_to; 0: none now. */
size_t receiver_wants_events(const struct receiver *receiver, int64_t now_ms);

/* Whether one more of them can be added. */
bool receiver_has_room(const struct receiver *receiver);

/* The next event, with its body, which it takes. One that has a row is not added again. False: no memory; it is to be read
   again. */
MUST_CHECK bool receiver_add_event(struct receiver *receiver, struct delivery *event,
                                   int64_t now_ms);

/* The next delivery to try now; it is in flight then. NULL: none. */
struct delivery *receiver_take(struct receiver *receiver, int64_t now_ms);

/* When receiver_take can have something: at once, later, or INT64_MAX. */
int64_t receiver_due_ms(const struct receiver *receiver);

/* The answer to a delivery that was in flight, which may be freed. `random` from 0 to 1. */
enum receiver_finish receiver_finish(struct receiver *receiver, struct delivery *delivery,
                                     const struct receiver_answer *answer, int64_t now_ms,
                                     double random);

/* A delivery that was in flight was not sent, for no fault of the receiver, and waits as before. */
void receiver_put_back(struct receiver *receiver, struct delivery *delivery, int64_t due_ms);

/* A delivery that was in flight cannot be made any more: its event is no longer kept. */
void receiver_give_up(struct receiver *receiver, struct delivery *delivery, const char *problem,
                      int64_t now_ms);

/* The first results, up to `most`, are about to be noted, with the cursor, which includes them. */
size_t receiver_begin_note(struct receiver *receiver, size_t most, int64_t *cursor);
/* They are in the store. After a failure they are not, and begin_note gives them once more. */
void receiver_end_note(struct receiver *receiver, size_t count);

#endif
