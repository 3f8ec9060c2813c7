#include "ws-broker/net/stream_server.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "ws-broker/net/stream_access.h"
#include "ws-broker/net/stream_clients.h"
#include "ws-broker/net/ws_refusal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS_AT_ONCE = 256,
    TICK_MS = 1000,
    /* How often new events are looked for, while anyone follows, without news: most commits of other programs ring no bell. */
    LOOK_MS = 20,
    MAX_ERRORS_BYTES = 4096,
};

/* A client on its way to its stream. */
struct arrival {
    struct arrival *next;
    struct stream_server *server;
    int fd;
    struct stream_request request;
    struct store_write write; /* uses its ticket up */
    size_t head_length;
    char head[];
};

struct stream_server {
    struct stream_server_options options;
    struct store_reader *reader;
    int epoll_fd, wake_fd; /* a write to wake_fd wakes the thread */
    struct stream_clients clients;
    int64_t tick_at_ms, look_at_ms, pass_at_ms; /* monotonic; not before */
    bool is_passing;                            /* some followers wait for what was read */
    pthread_t thread;

    atomic_bool serving, has_run, stopping, is_followed, has_news, queue_changed;
    enum error reason; /* of the end */

    pthread_mutex_t lock;
    struct arrival *arrivals, **last_arrival; /* under lock, like the next */
    struct arrival *tickets, **last_ticket;   /* whose tickets were used up, or not */
    bool ended;                               /* the thread takes no more */
};

static void wake(struct stream_server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake_fd, &one, sizeof(one));
    (void)written; /* fails only when 2^64 wake-ups are pending */
}

/* ---- Arrivals: from the thread of the handshakes, and from the store's ---- */

static void drop_arrival(struct arrival *arrival)
{
    close(arrival->fd);
    free(arrival);
}

void stream_server_take(struct stream_server *server, int fd, const char *head, size_t length)
{
    struct arrival *arrival = calloc(1, sizeof(*arrival) + length);
    if (!arrival) {
        close(fd);
        return;
    }
    arrival->server = server;
    arrival->fd = fd;
    arrival->head_length = length;
    memcpy(arrival->head, head, length);
    pthread_mutex_lock(&server->lock);
    bool ended = server->ended;
    if (!ended) {
        *server->last_arrival = arrival;
        server->last_arrival = &arrival->next;
    }
    pthread_mutex_unlock(&server->lock);
    if (ended)
        drop_arrival(arrival);
    else
        wake(server);
}

/* On the store's writer thread. */
static void ticket_done(struct store_write *write)
{
    struct arrival *arrival = write->owner;
    struct stream_server *server = arrival->server;
    arrival->next = NULL;
    pthread_mutex_lock(&server->lock);
    *server->last_ticket = arrival;
    server->last_ticket = &arrival->next;
    pthread_mutex_unlock(&server->lock);
    wake(server);
}

static struct arrival *take_all(struct stream_server *server, struct arrival **first,
                                struct arrival ***last)
{
    pthread_mutex_lock(&server->lock);
    struct arrival *taken = *first;
    *first = NULL;
    *last = first;
    pthread_mutex_unlock(&server->lock);
    return taken;
}

/* ---- From an arrival to a stream ---- */

/* As api-fcgi/auth/authorize.c. `scopes` are those that are missing; "": none. */
static const char *challenge(enum error error, const char *scopes, char *text, size_t size)
{
    if (error == ERROR_SCOPE_MISSING)
        snprintf(text, size, ", error=\"insufficient_scope\", scope=\"%s\"", scopes);
    else if (error_http_status(error) == 401)
        snprintf(text, size, "%s",
                 error == ERROR_API_KEY_REQUIRED ? "" : ", error=\"invalid_token\"");
    else
        return NULL;
    return text;
}

static void refuse(struct arrival *arrival, const struct problem *problem, const char *scopes)
{
    char text[64 + API_SCOPES_TEXT_SIZE];
    log_debug("event stream refused", LOG_TEXT("error", error_code(problem->error)),
              LOG_TEXT_IF_ANY("request_id", arrival->request.request_id));
    struct problem answer = *problem;
    answer.request_id = arrival->request.request_id;
    ws_refusal_send(arrival->fd, &answer, challenge(problem->error, scopes, text, sizeof(text)));
    free(arrival);
}

static void refuse_plainly(struct arrival *arrival, enum error error, const char *detail)
{
    refuse(arrival, &(struct problem){.error = error, .detail = detail}, "");
}

/* `key` NULL: none is required. */
static void open_stream(struct stream_server *server, struct arrival *arrival,
                        const struct api_key *key)
{
    char scopes[API_SCOPES_TEXT_SIZE] = "", text[64 + API_SCOPES_TEXT_SIZE];
    const char *detail = text;
    enum error error = stream_access_limit(&arrival->request, key ? key->scopes : ~0u, scopes);
    snprintf(text, sizeof(text), "This needs a key with the scope %s.", scopes);
    if (error == ERROR_NONE)
        error = stream_clients_open(&server->clients, arrival->fd, &arrival->request,
                                    key ? key->id : "", &detail);
    if (error != ERROR_NONE)
        refuse(arrival, &(struct problem){.error = error, .detail = detail}, scopes);
    else
        free(arrival);
    atomic_store(&server->is_followed, server->clients.count > 0);
}

static void take_ticket(struct stream_server *server, struct arrival *arrival)
{
    char id[SECRET_ID_SIZE];
    struct store_write *write = &arrival->write;
    if (!secret_parse(SECRET_TICKET, arrival->request.ticket, id)) {
        refuse_plainly(
            arrival, ERROR_TICKET_INVALID,
            "A ticket begins with sgt_ and has 66 characters; this is not one, or is cut off.");
        return;
    }
    *write = (struct store_write){
        .verb = STORE_TAKE_TICKET,
        .done = ticket_done,
        .owner = arrival,
    };
    secret_hash(arrival->request.ticket, write->take_ticket.hash);
    explicit_bzero(arrival->request.ticket, sizeof(arrival->request.ticket));
    enum error error = store_submit(server->options.store, write);
    if (error != ERROR_NONE)
        refuse_plainly(arrival, error, "Try again in a few seconds, with a new ticket.");
}

static void on_ticket(struct stream_server *server, struct arrival *arrival)
{
    struct api_key key;
    const char *key_id = arrival->write.take_ticket.key_id, *detail;
    enum error error = arrival->write.result;
    detail = error == ERROR_TICKET_INVALID
                 ? "A ticket opens one stream, within 30 seconds; get a new one."
                 : "Try again in a few seconds, with a new ticket.";
    if (error == ERROR_NONE && *key_id)
        error = stream_access_check_key(server->reader, key_id, &key, &detail);
    else if (error == ERROR_NONE && server->options.keys_required)
        error = ERROR_TICKET_INVALID; /* from before keys were required */
    if (error != ERROR_NONE)
        refuse_plainly(arrival, error, detail);
    else
        open_stream(server, arrival, *key_id ? &key : NULL);
}

static void on_arrival(struct stream_server *server, struct arrival *arrival)
{
    struct stream_request *request = &arrival->request;
    struct buffer errors;
    buffer_init(&errors, MAX_ERRORS_BYTES);
    enum error error = stream_request_read(arrival->head, arrival->head_length, request, &errors);
    explicit_bzero(arrival->head, arrival->head_length);
    if (error != ERROR_NONE) {
        bool listed = error == ERROR_VALIDATION_FAILED && !errors.failed;
        refuse(arrival,
               &(struct problem){
                   .error = error,
                   .detail = listed ? "See `errors` for the parameters to change."
                                    : "Send GET /api/events with fewer parameters.",
                   .errors = listed ? errors.data : NULL,
               },
               "");
    } else if (*request->ticket) {
        take_ticket(server, arrival);
    } else if (server->options.keys_required) {
        struct api_key key;
        const char *detail;
        error = stream_access_check_token(server->reader, request->token, &key, &detail);
        explicit_bzero(request->token, sizeof(request->token));
        if (error != ERROR_NONE)
            refuse_plainly(arrival, error, detail);
        else
            open_stream(server, arrival, &key);
    } else {
        open_stream(server, arrival, NULL);
    }
    buffer_fini(&errors);
}

static void take_arrivals(struct stream_server *server)
{
    struct arrival *arrival = take_all(server, &server->arrivals, &server->last_arrival);
    for (struct arrival *next; arrival; arrival = next) {
        next = arrival->next;
        on_arrival(server, arrival);
    }
    arrival = take_all(server, &server->tickets, &server->last_ticket);
    for (struct arrival *next; arrival; arrival = next) {
        next = arrival->next;
        on_ticket(server, arrival);
    }
}

/* ---- The thread ---- */

void stream_server_news(struct stream_server *server)
{
    if (server && atomic_load_explicit(&server->is_followed, memory_order_relaxed) &&
        !atomic_exchange(&server->has_news, true))
        wake(server);
}

void stream_server_queue_changed(struct stream_server *server)
{
    if (server && atomic_load_explicit(&server->is_followed, memory_order_relaxed))
        atomic_store_explicit(&server->queue_changed, true,
                              memory_order_relaxed); /* until a tick */
}

/* Reads what is new, and passes it on, if it is time. */
static void pass_on(struct stream_server *server)
{
    int64_t began_ms = clock_monotonic_ms();
    bool must_read = atomic_load(&server->has_news) || began_ms >= server->look_at_ms;
    if (!(must_read || server->is_passing) || began_ms < server->pass_at_ms)
        return;
    if (must_read) {
        atomic_store(&server->has_news, false); /* before the read: what comes now is read again */
        if (stream_clients_read_tail(&server->clients))
            atomic_store(&server->has_news, true);
        server->look_at_ms = clock_monotonic_ms() + LOOK_MS;
    }
    server->is_passing = stream_clients_pass_on(&server->clients);
    server->pass_at_ms = stream_next_pass_ms(began_ms, clock_monotonic_ms(), server->is_passing);
}

/* Does what is due. Returns the milliseconds to the next, or -1. */
static int do_what_is_due(struct stream_server *server)
{
    struct stream_clients *clients = &server->clients;
    atomic_store(&server->is_followed, clients->count > 0);
    if (clients->count == 0)
        return -1;
    bool left = stream_clients_catch_up(clients);
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= server->tick_at_ms) {
        stream_clients_tick(clients, atomic_exchange(&server->queue_changed, false));
        server->tick_at_ms = now_ms + TICK_MS;
    }
    pass_on(server);
    if (left)
        return 0;
    int64_t next_ms = MIN(server->tick_at_ms, MAX(server->look_at_ms, server->pass_at_ms));
    if (server->is_passing || atomic_load(&server->has_news))
        next_ms = MIN(next_ms, server->pass_at_ms);
    return clients->count == 0 ? -1 : (int)MAX(next_ms - clock_monotonic_ms(), 0);
}

static void *stream_main(void *argument)
{
    struct stream_server *server = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!atomic_load(&server->stopping)) {
        int count = epoll_wait(server->epoll_fd, events, EVENTS_AT_ONCE, do_what_is_due(server));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                stream_clients_on_event(&server->clients, events[i].data.ptr, events[i].events);
        }
        if (atomic_load(&server->serving))
            take_arrivals(server);
        atomic_store(&server->has_run, true);
    }
    stream_clients_end_all(&server->clients, server->reason);
    return NULL;
}

void stream_server_serve(struct stream_server *server)
{
    atomic_store(&server->serving, true);
    wake(server);
}

bool stream_server_is_alive(struct stream_server *server)
{
    if (!server)
        return true;
    bool has_run = atomic_exchange(&server->has_run, false);
    wake(server);
    return has_run;
}

/* ---- Start and end ---- */

struct stream_server *stream_server_start(const struct stream_server_options *options)
{
    struct stream_server *server = calloc(1, sizeof(*server));
    /* Edge-triggered: what it counts is never read. Its data is NULL. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (!server)
        return NULL;
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    server->last_arrival = &server->arrivals;
    server->last_ticket = &server->tickets;
    atomic_init(&server->has_run, true);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->wake_fd >= 0 && server->epoll_fd >= 0 &&
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->wake_fd, &event) == 0 &&
        store_reader_open(options->store, &server->reader) == ERROR_NONE) {
        stream_clients_init(&server->clients, options->max_followers, server->epoll_fd,
                            server->reader, options->metrics);
        if (pthread_create(&server->thread, NULL, stream_main, server) == 0)
            return server;
    }
    log_error("the thread of the event stream does not start", LOG_ERRNO);
    server->ended = true;
    stream_server_free(server);
    return NULL;
}

void stream_server_stop(struct stream_server *server, enum error reason)
{
    if (!server || server->ended)
        return;
    server->reason = reason;
    atomic_store(&server->stopping, true);
    wake(server);
    pthread_join(server->thread, NULL);
    pthread_mutex_lock(&server->lock);
    server->ended = true;
    pthread_mutex_unlock(&server->lock);
    struct arrival *arrival = take_all(server, &server->arrivals, &server->last_arrival);
    for (struct arrival *next; arrival; arrival = next) {
        next = arrival->next;
        drop_arrival(arrival);
    }
    stream_clients_fini(&server->clients);
    store_reader_close(server->reader); /* before the store */
    server->reader = NULL;
}

void stream_server_free(struct stream_server *server)
{
    if (!server)
        return;
    stream_server_stop(server, ERROR_SHUTTING_DOWN);
    struct arrival *arrival = take_all(server, &server->tickets, &server->last_ticket);
    for (struct arrival *next; arrival; arrival = next) {
        next = arrival->next;
        drop_arrival(arrival);
    }
    store_reader_close(server->reader);
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    if (server->epoll_fd >= 0)
        close(server->epoll_fd);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
