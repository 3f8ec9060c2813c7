/*
 * The doorbell between nodes: NOTIFY, on a connection of its own and with a thread of its own, beside the transactions: within
 * one, each NOTIFY would have all commits of the server wait for each other.
 *
 * Rings that follow each other within BELL_INTERVAL_MS are one. It is a hint: what is rung while the server cannot be reached
 * may be lost, and after each connection the listener is told to look at everything.
 */
#ifndef COMMON_STORE_POSTGRESQL_BELL_H
#define COMMON_STORE_POSTGRESQL_BELL_H

#include "common/store/postgresql/timeline.h"
#include "common/store/store.h"

#include <pthread.h>

struct bell;

/* `url`, `options` and `newest` stay valid. `writer_id` tells this process from others. Nothing is connected before the first ring,
   or bell_listen. NULL without memory. */
struct bell *bell_new(const char *url, const struct store_options *options, int64_t writer_id,
                      struct newest_timeline *newest);

/* Tells what was rung before, if that is possible at once, and ends the thread. NULL: nothing. */
void bell_free(struct bell *bell);

/* Tells the processes that listen. Any thread; does not block. */
void bell_ring(struct bell *bell, unsigned topics);

/* Goes to the server that the process uses now, if it is with an older one. Any thread; does not block. */
void bell_follow(struct bell *bell);

/* store_listen. False without a thread. */
MUST_CHECK bool bell_listen(struct bell *bell,
                            void (*notified)(void *context, unsigned topics, bool same_node),
                            void *context);

#endif
