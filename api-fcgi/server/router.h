/* From a request to its handler: authorization, the query, and the body's kind come first. */
#ifndef API_FCGI_SERVER_ROUTER_H
#define API_FCGI_SERVER_ROUTER_H

#include "api-fcgi/server/http.h"

enum route_flag {
    ROUTE_JSON_BODY = 1, /* needs a JSON body; the other routes ignore a body */
    ROUTE_QUERY = 2,     /* its handler reads the query; the other routes refuse every parameter */
    ROUTE_SLOW_READ = 4, /* runs on the threads of slow_reads.h */
    ROUTE_BODY_OPTIONAL = 8,    /* the JSON body may be left out */
    ROUTE_IDEMPOTENCY_KEY = 16, /* takes the header (idempotency.h); the other routes ignore it */
    ROUTE_BATCH_BODY = 32,      /* its body may have MAX_BATCH_BODY_BYTES */
    ROUTE_CSV_BODY = 64,        /* its body may also be CSV */
    ROUTE_SMSGATE = 128,        /* one of SMSGate's: see router_is_smsgate */
};

struct route {
    const char *method; /* GET also takes HEAD: nginx leaves out the body */
    const char *path;   /* may have one argument, a segment in braces */
    int success;        /* the usual status */
    unsigned scope;     /* of the API key (enum api_scope); 0: no key is needed */
    unsigned flags;     /* of enum route_flag */
    enum http_outcome (*handle)(struct http_exchange *exchange);
};

struct route_table {
    const struct route *routes;
    size_t count; /* less than API_MAX_ROUTES */
    /* False after answering that the key does not open a route of this scope. */
    bool (*authorize)(struct http_exchange *exchange, unsigned scope);
};

/* Runs the handler of the request, or answers that there is none. On a worker. */
enum http_outcome router_handle(struct http_exchange *exchange);

/* The most that the body of a request with that path may have. */
size_t router_max_body_bytes(const struct api *api, const char *path);

/*
 * Whether a path is one of SMSGate's APIs: below /api/mobile/ or /api/3rdparty/, or without the /api. The route table has
 * each of its routes once, as /api/mobile/v1/messages; /mobile/v1/messages and /api/mobile/v1/message are the same.
 * Any thread.
 */
MUST_CHECK bool router_is_smsgate(const char *path);

/* For the metrics: the route at `index`; at `count` the one that stands for requests without a route;
   NULL beyond it. */
const struct route *router_route(const struct route_table *table, size_t index);

#endif
