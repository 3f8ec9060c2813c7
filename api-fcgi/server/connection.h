/*
 * A connection from nginx, and its exchange: nginx sends one request at a time.
 *
 * A connection is idle (epoll watches it), handled by a worker, parked, or in the list of ready ones or of long requests.
 * Only its owner may touch it.
 */
#ifndef API_FCGI_SERVER_CONNECTION_H
#define API_FCGI_SERVER_CONNECTION_H

#include "api-fcgi/server/fcgi_request.h"

#include <stdatomic.h>
#include <stddef.h>

struct fcgi_server;

struct connection {
    struct fcgi_server *server;
    FCGX_Request fcgi;
    int fd;
    struct http_exchange exchange;
    atomic_bool idle;
    atomic_bool was_used; /* it has had a request */
    /* Set before epoll watches it, cleared by the worker that gets the event. */
    atomic_bool watched;
    struct connection *next_ready;      /* under server->lock: also among long requests */
    struct connection *next, **link;    /* under server->lock: among all connections */
    _Alignas(max_align_t) char state[]; /* exchange.state */
};

/* Watches an accepted or inherited connection for its first request. Closes it on failure. */
void connection_open(struct fcgi_server *server, int fd);
void connection_close(struct connection *connection);

/* Also wakes a drain that waits for it. */
void connection_set_idle(struct connection *connection, bool idle);

/* Has epoll watch it for the next request; closes it on failure. */
void connection_await_request(struct connection *connection);

/* Takes ownership from epoll. On the worker that got the event. */
void connection_take(struct connection *connection);

/* Whether there is something to read. */
bool connection_has_input(const struct connection *connection);

/* Tells nginx that no further request is read. What it has sent can still be read. */
void connection_stop_receiving(const struct connection *connection);

/* Whether the answer is longer than a socket buffer, so that writing it may block. */
bool connection_has_long_answer(const struct connection *connection);

#endif
