/* Whether the body of a request may be JSON, or CSV: its headers and its first bytes, before it is parsed. */
#ifndef API_FCGI_SERVER_BODY_CHECK_H
#define API_FCGI_SERVER_BODY_CHECK_H

#include "api-fcgi/server/http.h"

/*
 * True for a complete, uncompressed body of type application/json in UTF-8, or with `may_be_csv` of type text/csv
 * (`request.is_csv`), whose encoding its reader checks. False after answering: 415 for another media type, charset or content coding, also where only the bytes show it (RFC 9110, 8.3,
 * 8.4, 15.5.16); 413 over the limit; 400 for UTF-16, UTF-32 or a byte order mark (RFC 8259, 8.1), for a
 * body shorter than announced, and for none.
 */
MUST_CHECK bool body_check_request(struct http_exchange *exchange, bool may_be_csv);

/* Whether there is no body at all. */
bool body_check_is_missing(const struct http_exchange *exchange);

#endif
