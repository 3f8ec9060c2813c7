/*
 * The writes that wait for the store's writer, and which of them share the next transaction.
 *
 * A batch of messages takes long. Transactions for batches and transactions for all other writes take turns, so each
 * write waits for one batch at most, or for a few small ones. When other writes came during a transaction for batches, the
 * next one begins only after a pause twice as long, so most of the other writes wait for none; unless many messages of
 * batches wait. Times are monotonic. Under the store's lock.
 */
#ifndef COMMON_STORE_WRITE_QUEUE_H
#define COMMON_STORE_WRITE_QUEUE_H

#include "common/store/store.h"
#include "common/store/write_delay.h"

struct write_queue {
    struct write_list {
        struct store_write *first, **last; /* oldest first */
        size_t size;                       /* of the writes; of batches: of their messages */
    } others, batches;
    bool took_batches;        /* the last time, */
    int64_t took_us;          /* which was then */
    bool others_came;         /* since then */
    int64_t resume_us;        /* no batches before */
    struct write_delay delay; /* of the others */
};

void write_queue_init(struct write_queue *queue);
bool write_queue_is_empty(const struct write_queue *queue);

/* ERROR_STORE_BUSY: too many are waiting. */
MUST_CHECK enum error write_queue_add(struct write_queue *queue, struct store_write *write,
                                      int64_t now_us);

/* Whether a write that is no batch may run at once and without the queue: nothing waits, and it has no reason to wait
   for company. Its transaction then begins. */
MUST_CHECK bool write_queue_passes(struct write_queue *queue, const struct store_write *write,
                                   int64_t now_us);

/* The earliest deadline of those that wait, of which there is one. Writes of one kind have been added in the order of their
   deadlines. */
int64_t write_queue_deadline_ms(const struct write_queue *queue);

/* When the next transaction is due; what has passed: at once, INT64_MAX: the queue is empty. */
int64_t write_queue_due_us(const struct write_queue *queue);

/* Takes the writes of the next transaction, at most `capacity`, and returns their number. *are_batches: they are batches of
   messages. */
size_t write_queue_take(struct write_queue *queue, struct store_write *writes[], size_t capacity,
                        int64_t now_us, bool *are_batches);

/* The transaction has ended. */
void write_queue_end(struct write_queue *queue, int64_t now_us);

/* Puts writes that were taken last, and did not run, back in front of all others. */
void write_queue_put_back(struct write_queue *queue, struct store_write *const writes[],
                          size_t count);

/* Takes those whose deadline has passed, at most `capacity`. */
size_t write_queue_take_late(struct write_queue *queue, struct store_write *writes[],
                             size_t capacity, int64_t now_ms);

#endif
