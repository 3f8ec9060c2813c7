/* What a request says of its body, and what its first bytes say, before anybody parses it. */
#ifndef API_FCGI_SERVER_BODY_CHECK_H
#define API_FCGI_SERVER_BODY_CHECK_H

#include "api-fcgi/server/http.h"

/*
 * Whether the body can be taken for JSON in UTF-8 that is whole. False when it has answered why not: 415 for
 * another media type, charset or content coding, also where only the bytes show it (RFC 9110, 8.3, 8.4,
 * 15.5.16), 413 over the limit, 400 for another encoding of Unicode (RFC 8259, 8.1) and for no body at all.
 */
MUST_CHECK bool body_check_request(struct http_exchange *exchange);

#endif
