/*
 * Whether the gateway would accept a message now: the store is asked to commit a row, for all that want to
 * know at once. Where it does not come back in time, because the disk hangs or its writer does, the
 * answer is no, at first after the time limit, and from then on immediately, until it does come back.
 */
#ifndef API_FCGI_HANDLERS_READINESS_H
#define API_FCGI_HANDLERS_READINESS_H

#include "api-fcgi/server/http.h"

struct readiness;

/* `completed` is called when parked exchanges may be resumed, on any thread (fcgi_server_wake). NULL after
   logging why not. */
struct readiness *readiness_start(struct store *store, int64_t timeout_ms,
                                  void (*completed)(void *context), void *context);

/* Parks: `resume` runs on a worker when `exchange->write` has the answer, of STORE_PROBE.
   ERROR_STORE_BUSY: it did not come in time. Or answers at once. On a worker. */
enum http_outcome readiness_ask(struct readiness *readiness, struct http_exchange *exchange,
                                void (*resume)(struct http_exchange *exchange));

/* Ends the time limit; nobody may ask any more. Before store_close. */
void readiness_stop(struct readiness *readiness);

/* After store_close. */
void readiness_free(struct readiness *readiness);

#endif
