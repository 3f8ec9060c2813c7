/* The thread that polls the store for the broker's work (store_poll_work): a read may be slow, and the loop must not wait. */
#ifndef WS_BROKER_NET_WORK_POLLER_H
#define WS_BROKER_NET_WORK_POLLER_H

#include "common/store/store.h"

struct work_poller;

/* Starts the thread, which calls `wake` when work_poller_take_result has a result. timeout_ms is the store's. NULL after
   logging the reason. */
struct work_poller *work_poller_start(struct store *store, int64_t timeout_ms,
                                      void (*wake)(void *context), void *context);

/* Begins a poll; none may be under way. `work` is the thread's until the result is taken. */
void work_poller_start_poll(struct work_poller *poller, struct store_work *work);

/* False while no poll has ended. NULL: false. */
MUST_CHECK bool work_poller_take_result(struct work_poller *poller, enum error *result);

/* Whether a poll takes limit_ms longer than a read may: the disk, or the thread, hangs. NULL: false. */
MUST_CHECK bool work_poller_is_stuck(struct work_poller *poller, int64_t limit_ms);

/* Ends the thread, after the poll that is under way. NULL: nothing. */
void work_poller_stop(struct work_poller *poller);

#endif
