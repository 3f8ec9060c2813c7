/* The main thread: accepts connections from nginx, and stops. */
#include "api-fcgi/server/fcgi_server.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/connection.h"
#include "api-fcgi/server/fcgi_refusal.h"
#include "api-fcgi/server/fcgi_server_state.h"
#include "api-fcgi/server/worker.h"
#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/log.h"
#include "common/process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 1024,
    ACCEPT_AT_ONCE = 64,
    FULL_PAUSE_MS = 20,
};

#define SOCKET_NAME "api"  /* also in deploy/systemd */
#define KEPT_NAME   "kept" /* connections in the service manager's descriptor store */

/* ---- Waking workers ---- */

void fcgi_server_wake(struct fcgi_server *server)
{
    const struct worker *worker = worker_current();
    bool looks_itself = worker && worker->server == server && worker->has_run_slot;
    if (!looks_itself)
        worker_wake_one(server);
}

bool fcgi_server_call_after_answers(const struct fcgi_server *server)
{
    struct worker *worker = worker_current();
    if (!worker || worker->server != server)
        return false;
    worker->owes_call = true;
    return true;
}

/* ---- The main thread ---- */

/* Accepts the connections that wait. False when no file descriptors are left. */
static bool accept_waiting(struct fcgi_server *server)
{
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int fd = accept4(server->socket.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            connection_open(server, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            return false;
        else if (errno == EAGAIN)
            return true;
    }
    return true;
}

/* Frees the file descriptors of idle connections; nginx opens others when it needs them. */
static void close_idle(struct fcgi_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct connection *c = server->connections; c; c = c->next) {
        if (atomic_load(&c->idle) && c->was_used)
            connection_stop_receiving(c);
    }
    pthread_mutex_unlock(&server->lock);
}

/* Notifies the watchdog of the service manager if a worker has polled for events and the store responds; it
   is not enough that this thread runs. Wakes a worker to poll again. Returns when to call it again. */
static int64_t notify_watchdog(struct fcgi_server *server, int64_t interval_ms)
{
    if (atomic_exchange(&server->polled, false) &&
        !store_is_stuck(server->options.api->store, interval_ms))
        program_notify_alive();
    worker_wake_one(server);
    return clock_monotonic_ms() + interval_ms;
}

static enum program_request accept_until_signal(struct fcgi_server *server)
{
    int64_t interval_ms = program_watchdog_interval_ms(), notify_at_ms = 0;
    bool full = false;
    for (;;) {
        int64_t now_ms = interval_ms ? clock_monotonic_ms() : 0;
        if (interval_ms && now_ms >= notify_at_ms)
            notify_at_ms = notify_watchdog(server, interval_ms);
        struct pollfd fds[] = {
            {.fd = server->signal_fd, .events = POLLIN},
            {.fd = full ? -1 : server->socket.fd, .events = POLLIN},
        };
        int64_t pause_ms = full ? FULL_PAUSE_MS : INT_MAX;
        if (interval_ms)
            pause_ms = MIN(pause_ms, MAX(notify_at_ms - now_ms, 0));
        int ready = poll(fds, ARRAY_LENGTH(fds), pause_ms < INT_MAX ? (int)pause_ms : -1);
        if (ready > 0 && fds[0].revents)
            return program_signal_request(server->signal_fd);
        bool was_full = full;
        full = !accept_waiting(server);
        if (full && !was_full) {
            log_warning("no file descriptors left for connections from nginx", LOG_ERRNO);
            close_idle(server);
        } else if (full) {
            fcgi_refusal_answer_waiting(server->socket.fd, &server->spare_fd, server->options.api);
        }
    }
}

/* The caller holds the lock. */
static bool must_wait(struct fcgi_server *server, bool keep)
{
    return keep ? atomic_load(&server->busy) > 0 : server->connections != NULL;
}

static void drain(struct fcgi_server *server, bool keep)
{
    if (!keep) {
        accept_waiting(server); /* they may have sent requests already */
        listen_socket_close(&server->socket, server->options.socket_path);
    }
    int64_t until_us = clock_monotonic_us() + server->options.drain_timeout_s * 1000000;
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->keeping, keep);
    atomic_store(&server->draining, true);
    for (struct connection *c = server->connections; c && !keep; c = c->next) {
        if (atomic_load(&c->idle))
            connection_stop_receiving(c);
    }
    while (must_wait(server, keep) && clock_monotonic_us() < until_us)
        condition_wait_until(&server->fewer, &server->lock, until_us);
    bool is_late = must_wait(server, keep);
    pthread_mutex_unlock(&server->lock);
    if (is_late)
        log_warning("drain timeout: some requests were not answered");
}

struct fcgi_server *fcgi_server_start(const struct fcgi_server_options *options)
{
    /* Else libfcgi waits up to 2 s for nginx to close a connection that it closes. */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 0);
    program_hold_signals();
    FCGX_Init();
    /* Keeps FCGX_Accept_r from accepting connections itself. */
    FCGX_ShutdownPending();

    struct fcgi_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->options = *options;
    server->last_ready = &server->first_ready;
    server->last_long = &server->first_long;
    pthread_mutex_init(&server->lock, NULL);
    condition_init(&server->fewer);
    sem_init(&server->run_slots, 0, (unsigned)MAX(sysconf(_SC_NPROCESSORS_ONLN), 2));

    server->signal_fd = program_signal_fd(); /* after libfcgi has set its handlers */
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (server->wake_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->wake_fd, &wake) < 0) {
        log_error("cannot watch connections", LOG_ERRNO);
        free(server);
        return NULL;
    }
    if (!listen_socket_open(&server->socket, SOCKET_NAME, options->socket_path, LISTEN_BACKLOG)) {
        free(server);
        return NULL;
    }
    server->workers = calloc((size_t)options->workers, sizeof(*server->workers));
    while (
        server->workers && server->worker_count < options->workers &&
        worker_start(&server->workers[server->worker_count], server, (size_t)server->worker_count))
        server->worker_count++;
    if (server->worker_count < options->workers)
        log_error("cannot start all workers", LOG_NUMBER("started", server->worker_count));
    return server;
}

enum fcgi_server_end fcgi_server_run(struct fcgi_server *server)
{
    int count = 0;
    for (int fd; (fd = listen_fds_inherit(KEPT_NAME)) >= 0; count++)
        connection_open(server, fd);
    if (count > 0 && program_has_fd_store())
        program_unstore_fds(KEPT_NAME); /* the service manager must not keep open what we close */
    bool keep = !server->socket.own && program_has_fd_store();
    log_info(accept_until_signal(server) == PROGRAM_RESTART ? "restarting" : "stopping");
    drain(server, keep);
    atomic_store(&server->stopping, true);
    worker_wake_one(server);
    for (int i = 0; i < server->worker_count; i++)
        pthread_join(server->workers[i].thread, NULL);
    if (atomic_load(&server->failed))
        return FCGI_SERVER_FAILED;
    return keep ? FCGI_SERVER_PAUSES : FCGI_SERVER_STOPS;
}

void fcgi_server_pass_connections(struct fcgi_server *server)
{
    for (struct connection *c = server->connections; c; c = c->next) {
        if (atomic_load(&c->idle))
            program_store_fd(KEPT_NAME, c->fd);
    }
}

void fcgi_server_free(struct fcgi_server *server)
{
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        connection_close(c);
    }
    close(server->wake_fd);
    close(server->spare_fd);
    close(server->epoll_fd);
    close(server->signal_fd);
    pthread_cond_destroy(&server->fewer);
    pthread_mutex_destroy(&server->lock);
    free(server->workers);
    free(server);
}
