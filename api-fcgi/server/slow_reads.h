/*
 * Reads that may take long: lists of messages and devices, the counts of a batch, and /metrics. They run on a few threads of
 * their own, at a lower priority than the workers, so that any number of them does not slow down the
 * acceptance of messages. Keys take turns, and one key never has all of the threads.
 */
#ifndef API_FCGI_SERVER_SLOW_READS_H
#define API_FCGI_SERVER_SLOW_READS_H

#include "api-fcgi/server/http.h"

/* The most that may wait at once. */
enum {
    SLOW_READS_OF_A_KEY = 16, /* the next one of the key is answered 429 */
    SLOW_READS_WAITING = 64,  /* of all keys; the next one is answered 503 */
};

struct slow_reads;

/* Calls `completed`, on any thread, when exchanges can be resumed (fcgi_server_wake). NULL after logging why. */
struct slow_reads *slow_reads_start(struct api *api, void (*completed)(void *context),
                                    void *context);

/* Parks the exchange until `handle`, which must answer, has run on one of the threads. Answers at once if
   too many wait, and in place of `handle` after STORE_TIMEOUT_MS of waiting. Any thread. */
enum http_outcome slow_reads_run(struct slow_reads *reads, struct http_exchange *exchange,
                                 enum http_outcome (*handle)(struct http_exchange *exchange));

/* Ends the threads and frees; exchanges that wait are not answered. Before store_close. */
void slow_reads_stop(struct slow_reads *reads);

#endif
