/*
 * A connection from nginx, and the one exchange that may be on it.
 *
 * It is idle (epoll watches it), handled by a worker, parked, or in the server's list of ready ones.
 * Whoever has it may touch it.
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
    atomic_bool
        watched; /* set by whoever gives it to epoll, cleared by the worker that epoll tells */
    struct connection *next_ready;      /* under server->lock */
    struct connection *next, **link;    /* under server->lock: among all connections */
    _Alignas(max_align_t) char state[]; /* exchange.state */
};

/* Watches an accepted or inherited connection for its first request. Closes it where that fails. */
void connection_open(struct fcgi_server *server, int fd);
void connection_close(struct connection *connection);

/* Says whether it is idle, also to a server that drains. */
void connection_set_idle(struct connection *connection, bool idle);

/* Gives it back to epoll, for the next request; or closes it. */
void connection_await_request(struct connection *connection);

/* Takes it from epoll, on the worker that epoll told about it. */
void connection_take(struct connection *connection);

/* Whether there is something to read. */
bool connection_has_input(const struct connection *connection);

/* Tells nginx that no further request is read. What it has sent can still be read. */
void connection_stop_receiving(const struct connection *connection);

/* Whether the answer is longer than a socket takes at once, so that writing it may block. */
bool connection_has_long_answer(const struct connection *connection);

#endif
