/* The scheduling decisions of a worker. On its own thread. */
#ifndef API_FCGI_SERVER_WORKER_POLICY_H
#define API_FCGI_SERVER_WORKER_POLICY_H

#include "api-fcgi/server/worker.h"

/*
 * Whether to run a write on this worker instead of the store's writer thread. That is faster for a single write.
 * If more writes follow immediately, from this worker or from others, queue it so that they share a commit.
 */
MUST_CHECK bool worker_policy_should_run_inline(const struct worker *worker);

/*
 * Chooses the scheduling policy of the thread (sched(7)) by the number of events of its last wait. A normal
 * thread preempts the one that wakes it: under load a worker would preempt nginx at each request and find
 * one event each time. A SCHED_BATCH thread waits for its turn and finds several. With few requests a normal
 * thread answers sooner.
 */
void worker_policy_choose_scheduling(struct worker *worker);

/* How long to wait for events before choosing again; -1: no limit. */
MUST_CHECK int worker_policy_wait_ms(const struct worker *worker);

#endif
