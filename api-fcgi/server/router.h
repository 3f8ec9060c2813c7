/* The routes: one table, which is also the index of the program. */
#ifndef API_FCGI_SERVER_ROUTER_H
#define API_FCGI_SERVER_ROUTER_H

#include "api-fcgi/server/http.h"

/* Finds the handler for the request and runs it, or answers why not. On a worker. */
enum http_outcome router_handle(struct http_exchange *exchange);

/* What the metrics say of route `index`; NULL past the last one. The last stands for requests that
   have no route. */
struct router_route_name {
    const char *method;
    const char *path;
    int success; /* the status of its answer when all is well */
};
const struct router_route_name *router_route_name(size_t index);

#endif
