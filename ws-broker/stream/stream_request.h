/* The request for an event stream, GET /api/events, as nginx passes it on. Pure. */
#ifndef WS_BROKER_STREAM_STREAM_REQUEST_H
#define WS_BROKER_STREAM_STREAM_REQUEST_H

#include "common/access/secret.h"
#include "common/base/buffer.h"
#include "ws-broker/stream/stream_filter.h"

struct stream_request {
    char request_id[65];          /* "": none, like the next two; "?": too long, and so of nobody */
    char token[SECRET_TEXT_SIZE]; /* of the header Authorization */
    char ticket[SECRET_TEXT_SIZE]; /* of the query */

    /* What is asked for. Its `types` are those that were named; with all_types those that the scopes allow too. */
    struct stream_filter filter;
    bool all_types;
    bool with_queue; /* also that clients have changed the queue */

    /* Of the header Last-Event-ID or, without one, of the query: a browser that comes back sends the header, and repeats the
       query. */
    bool has_last_id;
    int64_t last_id;
};

/* Whether this is the beginning of a request for a stream: "GET /api/events", or with a query. */
MUST_CHECK bool stream_request_is_one(const char *head, size_t length);

/*
 * Reads the head of the request, up to and including its empty line. ERROR_NONE; ERROR_MALFORMED_REQUEST; or
 * ERROR_VALIDATION_FAILED, and `errors` has the members of a problem's list (problem.h).
 */
MUST_CHECK enum error stream_request_read(const char *head, size_t length,
                                          struct stream_request *request, struct buffer *errors);

#endif
