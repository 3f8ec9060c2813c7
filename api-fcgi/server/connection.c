#include "api-fcgi/server/connection.h"

#include "api-fcgi/server/fcgi_server_state.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { LONG_ANSWER_BYTES = 65536 };

/* One event for one worker: a request, or the end of the connection. */
enum { WATCHED = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT };

/* Publishes `idle` before reading `draining`; drain() does the reverse, so one of the two always sees the
   other, without a lock for each request. */
void connection_set_idle(struct connection *connection, bool idle)
{
    struct fcgi_server *server = connection->server;
    bool was_idle = atomic_exchange(&connection->idle, idle);
    atomic_fetch_add(&server->busy, was_idle - idle);
    if (!atomic_load(&server->draining))
        return;
    pthread_mutex_lock(&server->lock);
    pthread_cond_signal(&server->fewer);
    pthread_mutex_unlock(&server->lock);
}

void connection_close(struct connection *connection)
{
    struct fcgi_server *server = connection->server;
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&server->lock);

    FCGX_Free(&connection->fcgi, true); /* also frees an unfinished request */
    http_exchange_fini(&connection->exchange);
    connection_set_idle(connection, true);
    free(connection);
}

/* Appends a parked exchange to the ready ones. Any thread; fcgi_server_wake follows. */
static void make_ready(struct http_exchange *exchange)
{
    struct connection *connection = CONTAINER_OF(exchange, struct connection, exchange);
    struct fcgi_server *server = connection->server;
    connection->next_ready = NULL;
    pthread_mutex_lock(&server->lock);
    *server->last_ready = connection;
    server->last_ready = &connection->next_ready;
    atomic_store(&server->any_ready, true);
    pthread_mutex_unlock(&server->lock);
}

void connection_open(struct fcgi_server *server, int fd)
{
    struct timeval limit = {.tv_sec = (time_t)server->options.io_timeout_s};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));

    struct connection *connection = calloc(1, sizeof(*connection) + server->options.state_size);
    if (!connection) {
        close(fd);
        return;
    }
    connection->server = server;
    connection->fd = fd;
    http_exchange_init(&connection->exchange, server->options.api);
    connection->exchange.wake = make_ready;
    connection->exchange.state = (union handler_state *)connection->state;
    FCGX_InitRequest(&connection->fcgi, server->socket.fd, 0);
    connection->fcgi.ipcFd = fd;
    connection->fcgi.keepConnection = 1; /* else FCGX_Accept_r would close it before it reads */

    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    server->connections = connection;
    atomic_store(&connection->idle, true);
    pthread_mutex_unlock(&server->lock);

    atomic_store(&connection->watched, true);
    struct epoll_event event = {.events = WATCHED, .data.ptr = connection};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        log_error("cannot watch connection", LOG_ERRNO);
        connection_close(connection);
    }
}

/*
 * The worker that gets the next event may close the connection before this returns. The kernel orders the two;
 * `watched` makes that order visible in C. The system call is direct because ThreadSanitizer knows the order
 * only for EPOLL_CTL_ADD of libc's epoll_ctl.
 */
static bool watch_again(struct connection *connection)
{
    struct epoll_event event = {.events = WATCHED, .data.ptr = connection};
    int epoll_fd = connection->server->epoll_fd, fd = connection->fd;
    atomic_store_explicit(&connection->watched, true, memory_order_release);
    return syscall(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

void connection_await_request(struct connection *connection)
{
    struct fcgi_server *server = connection->server;
    connection_set_idle(connection, true);
    if (atomic_load(&server->draining) && !atomic_load(&server->keeping))
        connection_stop_receiving(connection);
    if (!watch_again(connection))
        connection_close(connection);
}

void connection_take(struct connection *connection)
{
    if (!atomic_exchange_explicit(&connection->watched, false, memory_order_acquire))
        abort(); /* two owners */
}

bool connection_has_input(const struct connection *connection)
{
    char first;
    return recv(connection->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void connection_stop_receiving(const struct connection *connection)
{
    shutdown(connection->fd, SHUT_RD);
}

bool connection_has_long_answer(const struct connection *connection)
{
    return connection->exchange.response.body.length > LONG_ANSWER_BYTES;
}
