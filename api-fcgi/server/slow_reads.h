/*
 * Reads that may take long: lists of messages and of phones, and /metrics. They run on few threads of
 * their own, at a lower priority than the workers, so that however many there are a message is accepted
 * as fast as without them. Keys take turns, and one key never has all of these threads.
 */
#ifndef API_FCGI_SERVER_SLOW_READS_H
#define API_FCGI_SERVER_SLOW_READS_H

#include "api-fcgi/server/http.h"

enum {
    SLOW_READS_OF_A_KEY = 16, /* wait at once; one more is 429 */
    SLOW_READS_WAITING = 64,  /* of all keys; one more is 503 */
};

struct slow_reads;

/* `completed` is called when parked exchanges may be resumed, on any thread (fcgi_server_wake). NULL after
   logging why not. */
struct slow_reads *slow_reads_start(struct api *api, void (*completed)(void *context),
                                    void *context);

/* Parks: `handle`, which must answer, runs on such a thread. Or answers at once that too many wait; who has
   waited for longer than STORE_TIMEOUT_MS is answered so too. Any thread. */
enum http_outcome slow_reads_run(struct slow_reads *reads, struct http_exchange *exchange,
                                 enum http_outcome (*handle)(struct http_exchange *exchange));

/* Ends the threads and frees; what still waits is not answered. Before store_close. */
void slow_reads_stop(struct slow_reads *reads);

#endif
