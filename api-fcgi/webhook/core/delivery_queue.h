/*
 * The deliveries of one webhook that are not finished: which is due first, and which waits for an earlier one.
 *
 * Events of one message are delivered in their order: only the first of a message's deliveries can be taken, and the next
 * one when that has been removed. Others are taken by their time, then by their event. Pure; one thread at a time.
 */
#ifndef API_FCGI_WEBHOOK_CORE_DELIVERY_QUEUE_H
#define API_FCGI_WEBHOOK_CORE_DELIVERY_QUEUE_H

#include "common/base/base.h"
#include "common/model/message_id.h"

enum { DELIVERY_QUEUE_BUCKETS = 1024 };

struct delivery {
    int64_t event_id;
    unsigned event_type;          /* opaque here */
    int64_t event_at_ms;          /* wall; opaque here */
    struct message_id message_id; /* nil: of no message */
    bool is_stored; /* the store has a row of it, or will, by a result that was added */
    unsigned tries;
    int64_t due_ms; /* monotonic */
    int64_t
        not_before_ms; /* monotonic; the receiver asked for that. It is not hurried to an earlier time */
    bool was_hurried; /* once; set by the queue */
    char *body;       /* the event as JSON, owned; NULL: it must be read again */
    size_t body_length;

    /* The queue's own */
    bool in_flight;
    size_t place;                     /* in the heap, from 1; 0: not there */
    struct delivery *next_of_message; /* by event id */
    struct delivery *next_in_bucket;  /* of the first deliveries of messages */
};

struct delivery_queue {
    struct delivery **heap; /* from 1 */
    size_t count, capacity;
    size_t stored_count, fresh_count; /* of all, by is_stored */
    size_t body_bytes;
    struct delivery *buckets[DELIVERY_QUEUE_BUCKETS];
};

/* All zero is an empty queue. */
void delivery_queue_fini(struct delivery_queue *queue);

/* Takes a copy of *delivery, and its body. NULL: it is there already, or there is no memory; the body is freed. */
struct delivery *delivery_queue_add(struct delivery_queue *queue, const struct delivery *delivery);

bool delivery_queue_has(const struct delivery_queue *queue, int64_t event_id,
                        const struct message_id *message_id);

/* The first of the same message. */
const struct delivery *delivery_queue_first(const struct delivery_queue *queue,
                                            const struct delivery *delivery);

/* The first that is due; it is in flight then. NULL: none. */
struct delivery *delivery_queue_take(struct delivery_queue *queue, int64_t now_ms);

/* When the first is due; INT64_MAX: none waits. */
int64_t delivery_queue_due_ms(const struct delivery_queue *queue);

/* A delivery that was in flight waits until due_ms; its body is freed, and it counts as stored. */
void delivery_queue_put_back(struct delivery_queue *queue, struct delivery *delivery,
                             int64_t due_ms);

/* The same, but nothing else changes. */
void delivery_queue_return(struct delivery_queue *queue, struct delivery *delivery, int64_t due_ms);

/* The store will have a row of it: its body is freed, and is read again when it is its turn. */
void delivery_queue_mark_stored(struct delivery_queue *queue, struct delivery *delivery);

void delivery_queue_set_body(struct delivery_queue *queue, struct delivery *delivery, char *body,
                             size_t length);

/* Frees a delivery that was in flight. The next of its message that was not tried itself is due no later than that was. */
void delivery_queue_remove(struct delivery_queue *queue, struct delivery *delivery);

/* All that wait are due now, or as soon as the receiver allows. */
void delivery_queue_hurry(struct delivery_queue *queue, int64_t now_ms);

/* Those that are due after late_ms are due at soon_ms, or as soon as the receiver allows: each delivery once, so that one that always
   fails keeps its waits. */
void delivery_queue_hurry_once(struct delivery_queue *queue, int64_t soon_ms, int64_t late_ms);

#endif
