/*
 * A thread that serves requests, and all that it keeps.
 *
 * A worker waits for events of connections, reads the request of each, and runs its handler; between, it
 * answers exchanges that no longer wait. Only as many workers as there are processors look for events:
 * those that have a run slot.
 */
#ifndef API_FCGI_SERVER_WORKER_H
#define API_FCGI_SERVER_WORKER_H

#include "common/base/base.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>

struct fcgi_server;
struct store_reader;

enum { WORKER_MAX_EVENTS = 16 };

struct worker {
    struct fcgi_server *server;
    size_t index; /* from 0, among the server's workers */
    pthread_t thread;
    struct store_reader *reader;
    bool has_run_slot;

    struct epoll_event events[WORKER_MAX_EVENTS]; /* of the last wait */
    int event_count, next_event;

    bool is_batch;         /* its scheduling policy is SCHED_BATCH */
    int64_t busy_until_ms; /* monotonic: for as long as that */
    bool owes_call;        /* of options.after_answers, when it has written its answers */
};

/* Starts the thread. False with errno. */
MUST_CHECK bool worker_start(struct worker *worker, struct fcgi_server *server, size_t index);

/* Wakes one worker that waits for events. Any thread. */
void worker_wake_one(struct fcgi_server *server);

/* The worker that the calling thread is; NULL: it is none. For calls that the store makes back. */
struct worker *worker_current(void);

#endif
