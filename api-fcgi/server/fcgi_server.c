/* Connections from nginx, and who works on them: sockets, epoll, threads. */
#include "api-fcgi/server/fcgi_server.h"

#include "api-fcgi/api.h"
#include "api-fcgi/server/fcgi_refusal.h"
#include "api-fcgi/server/fcgi_request.h"
#include "api-fcgi/server/worker_policy.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/listen_fds.h"
#include "common/process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 1024,
    ACCEPT_AT_ONCE = 64,
    TOLD_AT_ONCE = 16,
    READY_AT_ONCE = 16,
    FULL_PAUSE_MS = 20,
    LONG_ANSWER_BYTES = 65536,
};

#define SOCKET_NAME "api"  /* also in deploy/systemd */
#define KEPT_NAME   "kept" /* connections in the service manager's descriptor store */

/* What one worker is told of a connection, once: a request comes, or nginx has closed it. */
enum { WATCHED = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT };

/*
 * A connection from nginx, and the one exchange that may be on it. It is idle (epoll has it), in a
 * worker's hands, parked, or among the ready; whoever has it may touch it.
 */
struct connection {
    struct fcgi_server *server;
    FCGX_Request fcgi;
    int fd;
    struct http_exchange exchange;
    atomic_bool idle, was_used; /* used: it has had a request */
    atomic_bool watched; /* epoll has it; who sets this touches it no more, who clears it may */
    struct connection *next_ready;

    /* under server->lock */
    struct connection *next, **link; /* among all connections */
};

struct fcgi_server {
    struct fcgi_server_options options;
    struct listen_socket socket;
    int signal_fd;
    int epoll_fd;
    int spare_fd; /* given up to refuse those for whom no file is left */
    int wake_fd;  /* edge-triggered: each write wakes one worker */
    sem_t places; /* of workers that look for requests, one for each processor */
    pthread_t *workers;
    int worker_count;
    atomic_bool draining; /* no further request is read; that of before is answered */
    atomic_bool keeping;  /* so, but idle connections stay open for the next process */
    atomic_bool stopping; /* the workers leave */
    atomic_bool failed;   /* that is why */
    atomic_bool turned;   /* a worker has looked for requests since the service manager was told */

    pthread_mutex_t lock;
    pthread_cond_t fewer;           /* connections, or of those that are busy */
    struct connection *connections; /* under lock */
    atomic_int busy;                /* connections that are not idle */
    atomic_bool any_ready;          /* set under lock: whether first_ready is one */
    struct connection *first_ready; /* under lock */
    struct connection **last_ready; /* under lock */
};

/* ---- Connections ---- */

/* Says first what the connection is, and looks then whether the server drains; who drains says so first
   and looks then. So one of the two sees the other, without a lock for each request. */
static void set_idle(struct connection *connection, bool idle)
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

static void connection_close(struct connection *connection)
{
    struct fcgi_server *server = connection->server;
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&server->lock);

    FCGX_Free(&connection->fcgi, true); /* also what an exchange that never ended has left */
    http_exchange_fini(&connection->exchange);
    set_idle(connection, true);
    free(connection);
}

static void wake_worker(struct fcgi_server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake_fd, &one, sizeof(one));
    (void)written; /* fails only when 2^64 wake-ups are pending */
}

/*
 * More workers than processors only wake each other, so no more than that look for requests. One that
 * writes a long answer, which nobody may read, gives its place to another until it is back.
 */
static _Thread_local bool has_place;

static void take_place(struct fcgi_server *server)
{
    while (!has_place)
        has_place = sem_wait(&server->places) == 0;
}

static void give_place(struct fcgi_server *server)
{
    if (has_place)
        sem_post(&server->places);
    has_place = false;
}

/* What epoll has told this worker, and which of it comes next. */
static _Thread_local struct epoll_event told[TOLD_AT_ONCE];
static _Thread_local int told_count, told_next;

/*
 * Hands a connection over to the worker that epoll tells next, which may close it before this returns.
 * The kernel orders the two; `watched` says so in C. libc's epoll_ctl would do, but ThreadSanitizer's
 * knows that order of EPOLL_CTL_ADD alone.
 */
static bool watch_again(struct connection *connection)
{
    struct epoll_event event = {.events = WATCHED, .data.ptr = connection};
    int epoll_fd = connection->server->epoll_fd, fd = connection->fd;
    atomic_store_explicit(&connection->watched, true, memory_order_release);
    return syscall(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

/* What epoll has told this worker next; its connection, NULL where the worker was only woken, is in
   this worker's hands. */
static const struct epoll_event *take_told(void)
{
    const struct epoll_event *event = &told[told_next++];
    struct connection *connection = event->data.ptr;
    if (connection && !atomic_exchange_explicit(&connection->watched, false, memory_order_acquire))
        abort(); /* a connection in two workers' hands */
    return event;
}

/* More than a socket takes at once. */
static bool has_long_answer(const struct connection *connection)
{
    return connection->exchange.response.body.length > LONG_ANSWER_BYTES;
}

/* Takes a parked exchange from any thread to those that the workers take at fcgi_server_wake. */
static void connection_wake(struct http_exchange *exchange)
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

void fcgi_server_wake(struct fcgi_server *server)
{
    if (!has_place) /* a worker that looks for requests looks for these first */
        wake_worker(server);
}

static _Thread_local const struct fcgi_server *worker_of; /* NULL: this is no worker */
static _Thread_local bool calls_answered;

bool fcgi_server_call_answered(const struct fcgi_server *server)
{
    calls_answered = worker_of == server;
    return calls_answered;
}

static void call_answered(const struct fcgi_server *server)
{
    if (calls_answered)
        server->options.answered(server->options.context);
    calls_answered = false;
}

/* Takes some of the ready, linked, so that few workers are woken for many, or one with a long answer;
   another worker gets the rest, because this one may be held up by its share. */
static struct connection *take_ready(struct fcgi_server *server)
{
    if (!atomic_load(&server->any_ready))
        return NULL;
    pthread_mutex_lock(&server->lock);
    struct connection *first = server->first_ready, **end = &server->first_ready;
    int most = first && has_long_answer(first) ? 1 : READY_AT_ONCE;
    for (int i = 0; i < most && *end && (i == 0 || !has_long_answer(*end)); i++)
        end = &(*end)->next_ready;
    server->first_ready = *end;
    *end = NULL;
    if (!server->first_ready)
        server->last_ready = &server->first_ready;
    bool more = server->first_ready != NULL;
    atomic_store(&server->any_ready, more);
    pthread_mutex_unlock(&server->lock);
    if (more)
        wake_worker(server);
    return first;
}

static void connection_open(struct fcgi_server *server, int fd)
{
    struct timeval limit = {.tv_sec = (time_t)server->options.io_timeout_s};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));

    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        close(fd);
        return;
    }
    connection->server = server;
    connection->fd = fd;
    http_exchange_init(&connection->exchange, server->options.api);
    connection->exchange.wake = connection_wake;
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
        log_error("a connection cannot be watched", LOG_ERRNO);
        connection_close(connection);
    }
}

/* Says that nothing more may be sent to us. What has been sent can still be read. */
static void stop_receiving(const struct connection *connection)
{
    shutdown(connection->fd, SHUT_RD);
}

/* Back to epoll, for the next request on it. */
static void connection_rest(struct connection *connection)
{
    struct fcgi_server *server = connection->server;
    set_idle(connection, true);
    if (atomic_load(&server->draining) && !atomic_load(&server->keeping))
        stop_receiving(connection);
    if (!watch_again(connection))
        connection_close(connection);
}

/* ---- Requests ---- */

static void finish(struct connection *connection)
{
    if (has_long_answer(connection) && told_next == told_count)
        give_place(connection->server);
    fcgi_request_answer(&connection->fcgi, &connection->exchange);
    http_exchange_reset(&connection->exchange);
    FCGX_Finish_r(&connection->fcgi); /* flushes; closes unless nginx keeps the connection */
    if (connection->fcgi.ipcFd < 0)
        connection_close(connection);
    else
        connection_rest(connection);
}

/* What is left to read of a connection that nginx has closed: nothing, or a last request. */
static bool has_input(const struct connection *connection)
{
    char first;
    return recv(connection->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* A connection that epoll has something to say of. */
static void serve(struct connection *connection, uint32_t events, struct store_reader *reader)
{
    struct fcgi_server *server = connection->server;
    set_idle(connection, false);
    if (atomic_load(&server->keeping)) { /* whatever there is to read of it */
        set_idle(connection, true);
        return;
    }
    if (events != EPOLLIN && !has_input(connection)) {
        connection_close(connection);
        return;
    }
    int64_t arrived_at_us = clock_monotonic_us();
    if (FCGX_Accept_r(&connection->fcgi) < 0) { /* not FastCGI, or too slow; it is closed */
        connection_close(connection);
        return;
    }
    connection->was_used = true;
    fcgi_request_read(&connection->fcgi, &connection->exchange.request);
    connection->exchange.reader = reader;
    connection->exchange.arrived_at_us = arrived_at_us;
    connection->exchange.more_follow = told_next < told_count;
    log_set_request(connection->exchange.request.request_id);
    enum http_outcome outcome = server->options.handle(&connection->exchange);
    log_set_request(NULL);
    if (outcome == HTTP_ANSWERED)
        finish(connection);
}

/* ---- Workers ---- */

static void resume_all(struct connection *ready, struct store_reader *reader)
{
    log_hold();
    for (struct connection *one = ready; one; one = one->next_ready) {
        one->exchange.reader = reader; /* another worker may have parked it */
        log_set_request(one->exchange.request.request_id);
        one->exchange.resume(&one->exchange);
    }
    log_set_request(NULL);
    log_release();
    for (struct connection *next; ready; ready = next) {
        next = ready->next_ready;
        finish(ready);
    }
}

static void serve_told(struct fcgi_server *server, struct store_reader *reader)
{
    told_next = 0;
    told_count = epoll_wait(server->epoll_fd, told, TOLD_AT_ONCE, worker_policy_wait_ms());
    worker_policy_choose(told_count);
    while (told_next < told_count) {
        const struct epoll_event *event = take_told();
        if (event->data.ptr)
            serve(event->data.ptr, event->events, reader);
    }
}

static void *worker_main(void *argument)
{
    struct fcgi_server *server = argument;
    struct store_reader *reader = NULL;
    if (store_reader_open(server->options.api->store, &reader) != ERROR_NONE) {
        log_error("a worker cannot read the database; the program ends");
        atomic_store(&server->failed, true);
        kill(getpid(), SIGTERM);
        return NULL;
    }
    worker_of = server;
    for (;;) {
        take_place(server);
        if (atomic_load(&server->stopping))
            break;
        if (!atomic_load_explicit(&server->turned, memory_order_relaxed))
            atomic_store(&server->turned, true);
        struct connection *ready;
        while (has_place && (ready = take_ready(server)))
            resume_all(ready, reader);
        call_answered(server);
        if (has_place)
            serve_told(server, reader);
    }
    give_place(server);
    wake_worker(server); /* the next one */
    store_reader_close(reader);
    return NULL;
}

/* ---- The main thread ---- */

/* Accepts what waits. False when there are no files left for more. */
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

/* Takes the files of kept connections back: nginx makes others when it needs them. */
static void end_idle(struct fcgi_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct connection *c = server->connections; c; c = c->next) {
        if (atomic_load(&c->idle) && c->was_used)
            stop_receiving(c);
    }
    pthread_mutex_unlock(&server->lock);
}

/* Tells the service manager that a worker has looked for requests and that the store comes back, not only
   that this thread runs, and wakes the next one to look. Returns when to do so again. */
static int64_t say_alive(struct fcgi_server *server, int64_t interval_ms)
{
    if (atomic_exchange(&server->turned, false) &&
        !store_is_stuck(server->options.api->store, interval_ms))
        program_notify_alive();
    wake_worker(server);
    return clock_monotonic_ms() + interval_ms;
}

static enum program_request accept_until_signal(struct fcgi_server *server)
{
    int64_t interval_ms = program_watchdog_interval_ms(), alive_at_ms = 0;
    bool full = false;
    for (;;) {
        int64_t now_ms = interval_ms ? clock_monotonic_ms() : 0;
        if (interval_ms && now_ms >= alive_at_ms)
            alive_at_ms = say_alive(server, interval_ms);
        struct pollfd fds[] = {
            {.fd = server->signal_fd, .events = POLLIN},
            {.fd = full ? -1 : server->socket.fd, .events = POLLIN},
        };
        int64_t pause_ms = full ? FULL_PAUSE_MS : INT_MAX;
        if (interval_ms)
            pause_ms = MIN(pause_ms, MAX(alive_at_ms - now_ms, 0));
        int ready = poll(fds, ARRAY_LENGTH(fds), pause_ms < INT_MAX ? (int)pause_ms : -1);
        if (ready > 0 && fds[0].revents)
            return program_signal_request(server->signal_fd);
        bool was_full = full;
        full = !accept_waiting(server);
        if (full && !was_full) {
            log_warning("no files are left for connections from nginx", LOG_ERRNO);
            end_idle(server);
        } else if (full) {
            fcgi_refuse_waiting(server->socket.fd, &server->spare_fd, server->options.api);
        }
    }
}

static void drain(struct fcgi_server *server, bool keep)
{
    if (!keep) {
        accept_waiting(server); /* their requests may be on the way already */
        listen_socket_close(&server->socket, server->options.socket_path);
    }
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += (time_t)server->options.drain_timeout_s;
    int waited = 0;
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->keeping, keep);
    atomic_store(&server->draining, true);
    for (struct connection *c = server->connections; c && !keep; c = c->next) {
        if (atomic_load(&c->idle))
            stop_receiving(c);
    }
    while ((keep ? atomic_load(&server->busy) > 0 : server->connections != NULL) && waited == 0)
        waited = pthread_cond_timedwait(&server->fewer, &server->lock, &deadline);
    pthread_mutex_unlock(&server->lock);
    if (waited != 0)
        log_warning("some requests were not answered in time");
}

struct fcgi_server *fcgi_server_start(const struct fcgi_server_options *options)
{
    /* libfcgi would wait up to 2 s for the peer's end of a connection it closes. */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 0);
    program_hold_signals();
    FCGX_Init();
    /* With this flag FCGX_Accept_r returns where it would accept a connection of its own. */
    FCGX_ShutdownPending();

    struct fcgi_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->options = *options;
    server->last_ready = &server->first_ready;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->fewer, NULL);
    sem_init(&server->places, 0, (unsigned)MAX(sysconf(_SC_NPROCESSORS_ONLN), 2));

    server->signal_fd = program_signal_fd(); /* libfcgi has set handlers of its own */
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (server->wake_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->wake_fd, &wake) < 0) {
        log_error("connections cannot be watched", LOG_ERRNO);
        free(server);
        return NULL;
    }
    if (!listen_socket_open(&server->socket, SOCKET_NAME, options->socket_path, LISTEN_BACKLOG)) {
        free(server);
        return NULL;
    }
    server->workers = calloc((size_t)options->workers, sizeof(*server->workers));
    while (server->workers && server->worker_count < options->workers &&
           pthread_create(&server->workers[server->worker_count], NULL, worker_main, server) == 0)
        server->worker_count++;
    if (server->worker_count < options->workers)
        log_error("not all workers could be started", LOG_NUMBER("started", server->worker_count));
    return server;
}

enum fcgi_server_end fcgi_server_run(struct fcgi_server *server)
{
    int count = 0;
    for (int fd; (fd = listen_fds_inherit(KEPT_NAME)) >= 0; count++)
        connection_open(server, fd);
    if (count > 0 && program_has_fd_store())
        program_unstore_fds(KEPT_NAME); /* what we close shall be closed */
    bool keep = !server->socket.own && program_has_fd_store();
    log_info(accept_until_signal(server) == PROGRAM_RESTART ? "restarting" : "stopping");
    drain(server, keep);
    atomic_store(&server->stopping, true);
    wake_worker(server);
    for (int i = 0; i < server->worker_count; i++)
        pthread_join(server->workers[i], NULL);
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
