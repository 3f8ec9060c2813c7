/* Who asks, and what their key allows. */
#ifndef API_FCGI_AUTH_AUTHORIZE_H
#define API_FCGI_AUTH_AUTHORIZE_H

#include "api-fcgi/server/http.h"

/*
 * Holds a request to its API key: it must stand and have `scope` (of enum api_scope). Sets what else
 * the key allows in `exchange->scopes`, and counts the request. False when it has answered why not: 401,
 * 403, 429 for too many, or 503 where the key cannot be looked up. Without API_KEYS everything is
 * allowed. On a worker.
 */
MUST_CHECK bool authorize_request(struct http_exchange *exchange, unsigned scope);

#endif
