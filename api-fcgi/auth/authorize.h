/* Authorization of a request by its API key. */
#ifndef API_FCGI_AUTH_AUTHORIZE_H
#define API_FCGI_AUTH_AUTHORIZE_H

#include "api-fcgi/server/http.h"

/*
 * True if the request has an active key, or session of the dashboard, with `scope` (enum api_scope), or if no keys are required
 * (API_KEYS). The header Authorization wins over the cookie of a session.
 * Then exchange->scopes, key_id, key_daily_messages and key_ignores_opt_out are filled in, and the request is counted. False
 * after answering: 401 for the key, 403 for the scope or for a cookie that another page sends, 429 for too many requests, 503 if the key cannot be
 * looked up. On a worker.
 */
MUST_CHECK bool authorize_request(struct http_exchange *exchange, unsigned scope);

#endif
