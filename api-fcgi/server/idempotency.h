/*
 * The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07), for the routes with ROUTE_IDEMPOTENCY_KEY.
 *
 * The router takes the header. A handler that creates something gives idempotency_of to its write, with the answer
 * that it will give, and answers with idempotency_replay where the write says `replayed`. Without the header all of
 * this costs nothing.
 */
#ifndef API_FCGI_SERVER_IDEMPOTENCY_H
#define API_FCGI_SERVER_IDEMPOTENCY_H

#include "api-fcgi/server/http.h"

/* Reads the key, and hashes the method, the path, the query and the body. False after answering 400. The body is complete. */
MUST_CHECK bool idempotency_take(struct http_exchange *exchange);

/* For the write; NULL where the request has no key. Its answer is empty, and the handler's to fill in. */
struct store_idempotency *idempotency_of(struct http_exchange *exchange);

/* Whether the write found that the request was done before. */
bool idempotency_is_replayed(const struct http_exchange *exchange);

/* Answers as the first request was answered. `body` is the whole body, where the handler kept only a part; NULL: it
   is as it was kept. */
enum http_outcome idempotency_replay(struct http_exchange *exchange, const struct buffer *body);

/* Answers ERROR_IDEMPOTENCY_KEY_REUSED. */
enum http_outcome idempotency_refuse(struct http_exchange *exchange);

/* For a request that was refused with 422 or 404, and answered: it may have been done while it was still valid. Then `resume`
   finds it replayed; otherwise it must leave the answer as it is. */
enum http_outcome idempotency_find_answer(struct http_exchange *exchange,
                                          void (*resume)(struct http_exchange *exchange));

#endif
