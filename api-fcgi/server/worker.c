#include "api-fcgi/server/worker.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/connection.h"
#include "api-fcgi/server/fcgi_server_state.h"
#include "api-fcgi/server/router.h"
#include "api-fcgi/server/worker_policy.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { READY_AT_ONCE = 16 };

static _Thread_local struct worker *current;

struct worker *worker_current(void)
{
    return current;
}

void worker_wake_one(struct fcgi_server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake_fd, &one, sizeof(one));
    (void)written; /* fails only when 2^64 wake-ups are pending */
}

/* ---- Run slots ---- */

static void take_run_slot(struct worker *worker)
{
    while (!worker->has_run_slot)
        worker->has_run_slot = sem_wait(&worker->server->run_slots) == 0;
}

/* Lets another worker run while this one may block on a long answer. */
static void yield_run_slot(struct worker *worker)
{
    if (worker->has_run_slot)
        sem_post(&worker->server->run_slots);
    worker->has_run_slot = false;
}

/* ---- Requests ---- */

static void wait_for_events(struct worker *worker)
{
    worker->next_event = 0;
    worker->event_count = epoll_wait(worker->server->epoll_fd, worker->events, WORKER_MAX_EVENTS,
                                     worker_policy_wait_ms(worker));
    worker_policy_choose_scheduling(worker);
}

static void assign(struct http_exchange *exchange, struct worker *worker)
{
    exchange->worker = worker;
    exchange->reader = worker->reader;
    log_set_request(exchange->request.request_id);
}

static void finish(struct worker *worker, struct connection *connection)
{
    if (connection_has_long_answer(connection) && worker->next_event >= worker->event_count)
        yield_run_slot(worker);
    fcgi_request_answer(&connection->fcgi, &connection->exchange);
    http_exchange_reset(&connection->exchange);
    FCGX_Finish_r(&connection->fcgi); /* flushes; closes unless nginx keeps the connection */
    if (connection->fcgi.ipcFd < 0)
        connection_close(connection);
    else
        connection_await_request(connection);
}

static void handle(struct worker *worker, struct connection *connection)
{
    fcgi_request_read(&connection->fcgi, &connection->exchange);
    assign(&connection->exchange, worker);
    enum http_outcome outcome = router_handle(&connection->exchange);
    log_set_request(NULL);
    if (outcome == HTTP_ANSWERED)
        finish(worker, connection);
}

/* Under the lock. */
static void note_long(struct fcgi_server *server)
{
    atomic_store(&server->any_long, server->first_long && !server->handles_long);
}

static void add_long(struct connection *connection)
{
    struct fcgi_server *server = connection->server;
    connection->next_ready = NULL;
    pthread_mutex_lock(&server->lock);
    *server->last_long = connection;
    server->last_long = &connection->next_ready;
    note_long(server);
    pthread_mutex_unlock(&server->lock);
}

/* NULL: none waits, or another one is handled. */
static struct connection *take_long(struct fcgi_server *server)
{
    struct connection *first = NULL;
    pthread_mutex_lock(&server->lock);
    if (!server->handles_long)
        first = server->first_long;
    if (first) {
        server->handles_long = true;
        server->first_long = first->next_ready;
        if (!server->first_long)
            server->last_long = &server->first_long;
    }
    note_long(server);
    pthread_mutex_unlock(&server->lock);
    return first;
}

static void serve_long(struct worker *worker)
{
    struct fcgi_server *server = worker->server;
    struct connection *connection = atomic_load(&server->any_long) ? take_long(server) : NULL;
    if (!connection)
        return;
    yield_run_slot(worker);
    handle(worker, connection);
    pthread_mutex_lock(&server->lock);
    server->handles_long = false;
    note_long(server);
    bool more = atomic_load(&server->any_long);
    pthread_mutex_unlock(&server->lock);
    if (more)
        worker_wake_one(server);
}

static void serve(struct worker *worker, struct connection *connection, uint32_t events)
{
    struct http_exchange *exchange = &connection->exchange;
    connection_take(connection);
    connection_set_idle(connection, false);
    if (atomic_load(&worker->server->keeping)) { /* the next process reads it */
        connection_set_idle(connection, true);
        return;
    }
    if (events != EPOLLIN && !connection_has_input(connection)) { /* nginx has closed it */
        connection_close(connection);
        return;
    }
    int64_t arrived_at_us = clock_monotonic_us();
    if (FCGX_Accept_r(&connection->fcgi) < 0) { /* not FastCGI, or too slow */
        connection_close(connection);
        return;
    }
    connection->was_used = true;
    exchange->arrived_at_us = arrived_at_us;
    if (fcgi_request_is_long(&connection->fcgi)) /* until its turn, nginx has the body */
        add_long(connection);
    else
        handle(worker, connection);
}

static void serve_events(struct worker *worker)
{
    wait_for_events(worker);
    while (worker->next_event < worker->event_count) {
        const struct epoll_event *event = &worker->events[worker->next_event++];
        if (event->data.ptr) /* not wake_fd */
            serve(worker, event->data.ptr, event->events);
    }
}

/* ---- Ready exchanges ---- */

/* Takes several, so that few workers are woken, but a long answer alone, because it may block. Wakes another
   worker for the rest. */
static struct connection *take_ready(struct fcgi_server *server)
{
    if (!atomic_load(&server->any_ready))
        return NULL;
    pthread_mutex_lock(&server->lock);
    struct connection *first = server->first_ready, **end = &server->first_ready;
    int most = first && connection_has_long_answer(first) ? 1 : READY_AT_ONCE;
    for (int i = 0; i < most && *end && (i == 0 || !connection_has_long_answer(*end)); i++)
        end = &(*end)->next_ready;
    server->first_ready = *end;
    *end = NULL;
    if (!server->first_ready)
        server->last_ready = &server->first_ready;
    bool more = server->first_ready != NULL;
    atomic_store(&server->any_ready, more);
    pthread_mutex_unlock(&server->lock);
    if (more)
        worker_wake_one(server);
    return first;
}

static void resume_all(struct worker *worker, struct connection *ready)
{
    log_batch_begin();
    for (struct connection *one = ready; one; one = one->next_ready) {
        assign(&one->exchange, worker);
        one->exchange.resume(&one->exchange);
    }
    log_set_request(NULL);
    log_batch_end();
    for (struct connection *next; ready; ready = next) {
        next = ready->next_ready;
        finish(worker, ready);
    }
}

static void serve_ready(struct worker *worker)
{
    struct fcgi_server *server = worker->server;
    struct connection *ready;
    while (worker->has_run_slot && (ready = take_ready(server)))
        resume_all(worker, ready);
    if (worker->owes_call)
        server->options.after_answers(server->options.context);
    worker->owes_call = false;
}

/* ---- The thread ---- */

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct fcgi_server *server = worker->server;
    if (store_reader_open(server->options.api->store, &worker->reader) != ERROR_NONE) {
        log_error("worker cannot open the database; exiting");
        atomic_store(&server->failed, true);
        kill(getpid(), SIGTERM);
        return NULL;
    }
    current = worker;
    for (;;) {
        take_run_slot(worker);
        if (atomic_load(&server->stopping))
            break;
        if (!atomic_load_explicit(&server->polled, memory_order_relaxed))
            atomic_store(&server->polled, true);
        serve_ready(worker);
        if (worker->has_run_slot)
            serve_long(worker);
        if (worker->has_run_slot)
            serve_events(worker);
    }
    yield_run_slot(worker);
    worker_wake_one(server); /* it ends, and wakes the next one */
    store_reader_close(worker->reader);
    return NULL;
}

bool worker_start(struct worker *worker, struct fcgi_server *server, size_t index)
{
    *worker = (struct worker){.server = server, .index = index};
    errno = pthread_create(&worker->thread, NULL, worker_main, worker);
    return errno == 0;
}
