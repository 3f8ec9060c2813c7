/*
 * Whether the gateway would accept a message now. The store commits a row, once for all who ask at the same
 * time. If it does not respond, because the disk or its writer hangs, the answer is no: at first after the
 * time limit, then at once, until it responds again.
 */
#ifndef API_FCGI_HANDLERS_READINESS_H
#define API_FCGI_HANDLERS_READINESS_H

#include "api-fcgi/server/http.h"

struct readiness;

/* Calls `completed`, on any thread, when exchanges can be resumed (fcgi_server_wake). NULL after logging why. */
struct readiness *readiness_start(struct store *store, int64_t timeout_ms,
                                  void (*completed)(void *context), void *context);

/* Parks the exchange: `resume` runs on a worker when `exchange->write` has the result of STORE_PROBE, or
   ERROR_STORE_BUSY, or that of store_fault, after the time limit. Or calls it at once. On a worker. */
enum http_outcome readiness_ask(struct readiness *readiness, struct http_exchange *exchange,
                                void (*resume)(struct http_exchange *exchange));

/* Ends the time limit. No calls of readiness_ask may follow. Before store_close. */
void readiness_stop(struct readiness *readiness);

/* After store_close. */
void readiness_free(struct readiness *readiness);

#endif
