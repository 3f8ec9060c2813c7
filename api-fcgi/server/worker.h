/*
 * A thread that serves requests, and its state.
 *
 * A worker with a run slot resumes the exchanges that are ready, then waits for events of connections, and
 * handles the request of each. There is one run slot for each processor: more workers would only wake each
 * other.
 *
 * A long request, such as a batch, takes as long as hundreds of others. Long requests are handled one after the other, by a
 * worker that gives up its run slot meanwhile. So the others never wait for one.
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
    size_t index; /* from 0 */
    pthread_t thread;
    struct store_reader *reader;
    bool has_run_slot;

    struct epoll_event events[WORKER_MAX_EVENTS]; /* of the last wait */
    int event_count, next_event;

    bool is_batch;         /* its scheduling policy is SCHED_BATCH */
    int64_t busy_until_ms; /* monotonic: the end of the busy period */
    bool owes_call;        /* of options.after_answers, after the answers */
};

/* Starts the thread. False with errno. */
MUST_CHECK bool worker_start(struct worker *worker, struct fcgi_server *server, size_t index);

/* Wakes one worker that waits for events. Any thread. */
void worker_wake_one(struct fcgi_server *server);

/* The worker of the calling thread; NULL on other threads. For callbacks of the store, which do not pass it. */
struct worker *worker_current(void);

#endif
