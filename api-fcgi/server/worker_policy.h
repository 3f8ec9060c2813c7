/* What a worker decides about its own work. Its own thread. */
#ifndef API_FCGI_SERVER_WORKER_POLICY_H
#define API_FCGI_SERVER_WORKER_POLICY_H

#include "api-fcgi/server/worker.h"

/*
 * Whether a write shall run on this worker, and not on the store's writer thread. A single write is faster
 * so. When others follow immediately, of this worker or of several, it is queued, to share its commit
 * with them.
 */
MUST_CHECK bool worker_policy_should_run_inline(const struct worker *worker);

/*
 * Chooses how the kernel schedules the thread, by the events of its last wait. A thread that wakes up
 * displaces the one that woke it. Under load a worker would displace nginx at each request and find
 * one event each time; as a batch thread (sched(7)) it waits for its turn and finds several. Requests that
 * come one by one shall not wait behind the work of others.
 */
void worker_policy_choose_scheduling(struct worker *worker);

/* How long it may wait for events, in ms, before it chooses again; -1: without end. */
MUST_CHECK int worker_policy_wait_ms(const struct worker *worker);

#endif
