/*
 * The session of a signed-in dashboard, which its browser keeps in a cookie that scripts cannot read.
 *
 * A cookie is sent by the browser, whatever page asks. So it counts only where the page shows that it is the gateway's own: by the
 * header X-Sms-Gateway: dashboard, which pages of other origins cannot send, and not against Sec-Fetch-Site or Origin. On a worker.
 */
#ifndef API_FCGI_SERVER_SESSION_COOKIE_H
#define API_FCGI_SERVER_SESSION_COOKIE_H

#include "api-fcgi/server/http.h"

/* The text of the session in the request's cookie. False: there is none, or more than one. */
MUST_CHECK bool session_cookie_read(const struct http_exchange *exchange,
                                    char text[SECRET_TEXT_SIZE]);

/* Whether the request comes from a page of the gateway itself. */
MUST_CHECK bool session_cookie_is_own_page(const struct http_exchange *exchange);

/* Whether a cookie that is set now stays between the gateway and the browser: by TLS, or because the browser is on this
   machine. */
MUST_CHECK bool session_cookie_is_private(const struct http_exchange *exchange);

/* Add the header that sets the cookie, for that long, or removes it. */
void session_cookie_set(struct http_exchange *exchange, const char *text, int64_t for_ms);
void session_cookie_clear(struct http_exchange *exchange);

/* The active session of that text: ERROR_SESSION_INVALID without one, and *detail. */
MUST_CHECK enum error session_find(const struct http_exchange *exchange, const char *text,
                                   struct api_key *session, const char **detail);

#endif
