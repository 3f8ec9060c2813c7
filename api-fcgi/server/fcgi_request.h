/* Reads a request from libfcgi, and writes an answer to it. Blocks no longer than the time limits of the
   socket. The thread that has the connection. */
#ifndef API_FCGI_SERVER_FCGI_REQUEST_H
#define API_FCGI_SERVER_FCGI_REQUEST_H

#include "api-fcgi/server/http.h"

#include <fcgiapp.h>

/* Whether the body, which has not been read, takes as long to read and handle as hundreds of others. */
bool fcgi_request_is_long(const FCGX_Request *fcgi);

/* Fills in all members. The texts are libfcgi's, until the request is finished. */
void fcgi_request_read(const FCGX_Request *fcgi, struct http_exchange *exchange);

/* Writes the response, and counts it for the metrics. */
void fcgi_request_answer(const FCGX_Request *fcgi, struct http_exchange *exchange);

#endif
