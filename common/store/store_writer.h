/*
 * The store's writer: group commit. A thread runs the writes that wait, many in one transaction, and completes them after the
 * commit. What is added while a transaction runs shares the next one. Private to this folder.
 */
#ifndef COMMON_STORE_STORE_WRITER_H
#define COMMON_STORE_STORE_WRITER_H

#include "common/store/store_backend.h"
#include "common/store/write_queue.h"

#include <pthread.h>
#include <stdatomic.h>

struct store_writer {
    const struct store_backend *backend;
    const struct store_options *options;
    pthread_t thread;

    /* Belong to the thread that set `running`: */
    struct store_database *database;
    struct write_batch {
        struct store_write *writes[STORE_MAX_BATCH];
        size_t count;
    } batch;
    enum error late_error;     /* of writes whose time is up */
    int64_t wake_due_since_us; /* monotonic: since when the broker is to be woken; 0: it is not */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct write_queue queue;        /* under lock */
    atomic_size_t recent_batch_size; /* set under lock; a smaller batch lowers it by one */
    bool running;                    /* under lock: a batch runs */
    int64_t running_since_ms;        /* under lock: monotonic */
    bool closing;                    /* under lock */
};

/* Starts the thread of a zeroed writer. What it is given must outlive it. False without resources; nothing is left then. */
MUST_CHECK bool store_writer_start(struct store_writer *writer, const struct store_backend *backend,
                                   struct store_database *database,
                                   const struct store_options *options);

/* Runs what was added, and ends the thread. */
void store_writer_stop(struct store_writer *writer);

/* Has the thread run a write later: store_submit. Any thread. */
MUST_CHECK enum error store_writer_add(struct store_writer *writer, struct store_write *write);

/* Runs a write on the thread that submits it. False when the writer is busy, or when the write would have to wait, for
   company or for another process. Any thread. */
MUST_CHECK bool store_writer_try_inline(struct store_writer *writer, struct store_write *write);

/* store_is_stuck. Any thread. */
MUST_CHECK bool store_writer_is_stuck(struct store_writer *writer, int64_t limit_ms);

#endif
