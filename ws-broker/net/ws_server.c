#include "ws-broker/net/ws_server.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/doorbell.h"
#include "common/process/listen_fds.h"
#include "common/process/program.h"
#include "ws-broker/net/handshake_auth.h"
#include "ws-broker/net/stream_server.h"
#include "ws-broker/net/work_poller.h"
#include "ws-broker/net/ws_connection.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
    LISTEN_BACKLOG = 4096,
    DESTROY_TIMEOUT_MS = 1000,
    DOORBELL_AHEAD_MS = 100, /* of the notification of the same commit, at most */
};

#define SOCKET_NAME "broker" /* also in deploy/systemd */

struct ws_server {
    struct ws_server_options options;
    uv_loop_t loop;
    struct lws_context *context;
    struct listen_socket socket;
    struct lws *doorbell, *signals; /* our own sockets in the loop */
    struct handshake_auth *auth;    /* NULL once the broker drains */
    struct stream_server *streams;  /* freed after the store is closed */
    struct work_poller *poller;     /* NULL once the loop has ended */
    struct lws **wsi_of_slot;
    struct ws_shared shared; /* what all connections share */
    lws_sorted_usec_list_t tick_timer;
    int64_t tick_at_ms; /* when it is set for */
    lws_sorted_usec_list_t end_timer;
    lws_sorted_usec_list_t alive_timer;
    int64_t alive_interval_ms;           /* 0: no watchdog */
    int64_t complained_ms;               /* of the last warning about an ignored doorbell */
    int64_t rang_at_ms;                  /* the doorbell, last */
    atomic_uint notified, notified_here; /* topics, of processes of other nodes and of this one */
    bool stopping;

    pthread_mutex_t lock;
    bool destroyed;                 /* under lock: the context must not be woken any more */
    struct store_write *first_done; /* under lock: the writes that the store has finished */
    struct store_write **last_done; /* under lock */
};

/* ---- Actions ---- */

static void store_done(struct store_write *write);

static void submit(struct ws_server *server, struct store_write *write)
{
    write->done = store_done;
    write->owner = server;
    enum error error = store_submit(server->options.store, write);
    if (error != ERROR_NONE) {
        write->result = error;
        broker_store_done(server->options.broker, write, clock_monotonic_ms());
    }
}

static void carry_out(struct ws_server *server, const struct broker_action *action)
{
    if (action->type == BROKER_STORE) {
        submit(server, action->write);
        return;
    }
    if (action->type == BROKER_POLL) {
        work_poller_start_poll(server->poller, action->work);
        return;
    }
    struct lws *wsi = server->wsi_of_slot[session_slot(action->session)];
    if (!wsi)
        return;
    struct ws_connection *connection = lws_wsi_user(wsi);
    if (connection->session != action->session)
        return;
    switch (action->type) {
    case BROKER_WRITE:
        ws_connection_write(&server->shared, wsi, connection);
        break;
    case BROKER_PAUSE:
        lws_rx_flow_control(wsi, 0);
        break;
    case BROKER_RESUME:
        lws_rx_flow_control(wsi, 1);
        ws_connection_read_on(&server->shared, wsi, connection);
        break;
    case BROKER_DROP:
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        break;
    case BROKER_STORE:
    case BROKER_POLL:
        break;
    }
}

static void set_tick_timer(struct ws_server *server);
static void stop_when_drained(struct ws_server *server);

/* After each event: carries out all actions. */
static void pump(struct ws_server *server)
{
    struct broker_action action;
    if (server->destroyed) /* the store may be closed */
        return;
    while (broker_next_action(server->options.broker, &action))
        carry_out(server, &action);
    if (broker_wake_ms(server->options.broker) < server->tick_at_ms)
        set_tick_timer(server);
    stop_when_drained(server);
}

/* ---- Time ---- */

static void on_tick(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, tick_timer);
    if (server->destroyed) /* the loop runs once more, to let libwebsockets close its handles */
        return;
    metrics_turn(server->options.metrics);
    broker_tick(server->options.broker, clock_monotonic_ms(), clock_wall_ms());
    pump(server);
    set_tick_timer(server);
}

static void set_tick_timer(struct ws_server *server)
{
    server->tick_at_ms = broker_wake_ms(server->options.broker);
    int64_t wait_ms = server->tick_at_ms - clock_monotonic_ms();
    lws_sul_schedule(server->context, 0, &server->tick_timer, on_tick,
                     MAX(wait_ms, 0) * LWS_US_PER_MS + 1);
}

/* The watchdog: a hanging loop does not run this timer, and a thread that hangs is as bad. */
static void on_alive(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, alive_timer);
    if (handshake_auth_is_alive(server->auth) &&
        (!server->auth || stream_server_is_alive(server->streams)) &&
        !work_poller_is_stuck(server->poller, server->alive_interval_ms) &&
        !store_is_stuck(server->options.store, server->alive_interval_ms))
        program_notify_alive();
    lws_sul_schedule(server->context, 0, timer, on_alive,
                     server->alive_interval_ms * LWS_US_PER_MS);
}

/* ---- The store's completions ---- */

/* On the store's writer thread. */
static void store_done(struct store_write *write)
{
    struct ws_server *server = write->owner;
    write->next = NULL;
    pthread_mutex_lock(&server->lock);
    *server->last_done = write;
    server->last_done = &write->next;
    pthread_mutex_unlock(&server->lock);
}

void ws_server_wake(struct ws_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (!server->destroyed)
        lws_cancel_service(server->context); /* the only call allowed from other threads */
    pthread_mutex_unlock(&server->lock);
}

void ws_server_committed(struct ws_server *server)
{
    stream_server_news(server->streams);
    ws_server_wake(server);
}

static void take_completions(struct ws_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct store_write *write = server->first_done;
    server->first_done = NULL;
    server->last_done = &server->first_done;
    pthread_mutex_unlock(&server->lock);
    for (struct store_write *next; write; write = next) {
        next = write->next;
        broker_store_done(server->options.broker, write, clock_monotonic_ms());
    }
}

static void take_poll(struct ws_server *server)
{
    enum error result;
    if (work_poller_take_result(server->poller, &result))
        broker_polled(server->options.broker, result, clock_monotonic_ms());
}

void ws_server_notified(struct ws_server *server, unsigned topics, bool same_node)
{
    atomic_fetch_or(same_node ? &server->notified_here : &server->notified, topics);
    ws_server_wake(server);
}

/* Processes of this node ring the doorbell too, unless they do not reach it. */
static void take_notifications(struct ws_server *server)
{
    unsigned topics = atomic_exchange(&server->notified, 0);
    unsigned here = atomic_exchange(&server->notified_here, 0);
    int64_t now_ms = clock_monotonic_ms();
    if (here && now_ms - server->rang_at_ms > DOORBELL_AHEAD_MS)
        topics |= here;
    if (!topics)
        return;
    broker_notified(server->options.broker, topics, now_ms);
    stream_server_news(server->streams);
    if (topics & STORE_TOPIC_MESSAGES)
        stream_server_queue_changed(server->streams);
}

static struct ws_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* ---- Admitted connections ---- */

static void wake_loop(void *context)
{
    ws_server_wake(context);
}

/* Reads the handshake, which was only peeked at, and answers it. */
static bool answer_handshake(const struct handshake_admission *admission)
{
    char head[HANDSHAKE_HEAD_BYTES];
    struct buffer answer;
    buffer_init(&answer, 512);
    ws_handshake_accept(&answer, &admission->handshake);
    bool good = !answer.failed &&
                recv(admission->fd, head, admission->head_length, MSG_DONTWAIT) ==
                    (ssize_t)admission->head_length &&
                send(admission->fd, answer.data, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT) ==
                    (ssize_t)answer.length;
    buffer_fini(&answer);
    return good;
}

/* Adds the connection as a raw socket: its frames are read and written here (ws_reader.h, ws_frame.h). */
static void take_connection(struct ws_server *server, const struct handshake_admission *admission)
{
    enum error error = broker_check_admission(server->options.broker);
    if (error != ERROR_NONE) {
        handshake_auth_refuse(admission->fd, error, "Try again in a minute.",
                              &admission->handshake);
        return;
    }
    if (!answer_handshake(admission)) {
        close(admission->fd);
        return;
    }
    lws_sock_file_fd_type descriptor = {.sockfd = admission->fd};
    struct lws *wsi = lws_adopt_descriptor_vhost(lws_get_vhost_by_name(server->context, "default"),
                                                 LWS_ADOPT_SOCKET, descriptor, "phone", NULL);
    struct ws_connection *connection = wsi ? lws_wsi_user(wsi) : NULL;
    if (!connection) {
        log_warning("connection not accepted: no memory");
        if (wsi)
            lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        return;
    }
    if (ws_connection_open(&server->shared, connection, admission))
        server->wsi_of_slot[session_slot(connection->session)] = wsi;
    else
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static void take_admitted(struct ws_server *server)
{
    struct handshake_admission admission;
    while (server->auth && handshake_auth_take(server->auth, &admission))
        take_connection(server, &admission);
}

static int phone_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t length)
{
    struct ws_connection *connection = user;
    struct ws_server *server;
    int result = 0;

    bool is_connection = reason == LWS_CALLBACK_RAW_RX || reason == LWS_CALLBACK_RAW_WRITEABLE ||
                         reason == LWS_CALLBACK_RAW_CLOSE;
    if (is_connection && !connection) /* no memory for it */
        return -1;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX:
        server = server_of(wsi);
        result = ws_connection_received(&server->shared, wsi, connection, in, length);
        break;
    case LWS_CALLBACK_RAW_WRITEABLE:
        server = server_of(wsi);
        result = ws_connection_writable(&server->shared, wsi, connection);
        break;
    case LWS_CALLBACK_RAW_CLOSE:
        server = server_of(wsi);
        if (connection->open)
            server->wsi_of_slot[session_slot(connection->session)] = NULL;
        ws_connection_close(&server->shared, wsi, connection);
        break;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        take_admitted(server = server_of(wsi));
        take_completions(server);
        take_poll(server);
        take_notifications(server);
        break;
    default:
        return 0;
    }
    pump(server);
    return result;
}

/* ---- Our own sockets in the loop ---- */

static void on_doorbell(struct ws_server *server, struct lws *wsi)
{
    if (doorbell_drain((int)lws_get_socket_fd(wsi), &server->complained_ms)) {
        server->rang_at_ms = clock_monotonic_ms();
        broker_doorbell(server->options.broker, server->rang_at_ms);
    }
    stream_server_news(server->streams);
    stream_server_queue_changed(server->streams);
}

static void on_signal(struct ws_server *server, struct lws *wsi);

static int socket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length)
{
    (void)user, (void)in, (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        struct ws_server *server = server_of(wsi);
        if (wsi == server->doorbell)
            on_doorbell(server, wsi);
        else if (wsi == server->signals)
            on_signal(server, wsi);
        pump(server);
    }
    return 0;
}

/* ---- Start and end ---- */

static const struct lws_protocols protocols[] = {
    {.name = "phone",
     .callback = phone_callback,
     .per_session_data_size = sizeof(struct ws_connection)},
    {.name = "socket", .callback = socket_callback},
    {0},
};

static void end_loop(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, end_timer);
    uv_stop(&server->loop);
}

/* Ends the loop when the core has drained, but not within the event that is being handled. */
static void stop_when_drained(struct ws_server *server)
{
    if (server->stopping || !broker_is_drained(server->options.broker))
        return;
    server->stopping = true;
    lws_sul_schedule(server->context, 0, &server->end_timer, end_loop, 1);
}

/* SIGTERM, SIGINT or SIGHUP: accepts no more connections, and drains the core. */
static void on_signal(struct ws_server *server, struct lws *wsi)
{
    enum program_request request = program_signal_request((int)lws_get_socket_fd(wsi));
    if (!server->auth || request == PROGRAM_CONTINUE)
        return;
    bool restart = request == PROGRAM_RESTART;
    log_info(restart ? "restarting" : "stopping");
    handshake_auth_stop(server->auth);
    server->auth = NULL;
    stream_server_stop(server->streams, restart ? ERROR_RESTARTING : ERROR_SHUTTING_DOWN);
    listen_socket_close(&server->socket, server->options.socket_path);
    broker_drain(server->options.broker, restart ? ERROR_RESTARTING : ERROR_SHUTTING_DOWN,
                 clock_monotonic_ms());
}

/* Adds a descriptor to the loop, which then owns it. NULL when that fails. */
static struct lws *adopt(struct ws_server *server, int fd)
{
    lws_sock_file_fd_type descriptor = {.filefd = fd};
    if (fd < 0)
        return NULL;
    return lws_adopt_descriptor_vhost(lws_get_vhost_by_name(server->context, "default"),
                                      LWS_ADOPT_RAW_FILE_DESC, descriptor, "socket", NULL);
}

static void log_library(int level, const char *line)
{
    char text[256];
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
    if (level == LLL_ERR)
        log_error("libwebsockets", LOG_TEXT("line", text));
    else
        log_warning("libwebsockets", LOG_TEXT("line", text));
}

static struct lws_context *make_context(struct ws_server *server)
{
    /* The core sends pings; those of the library walk a sorted list of all connections. */
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "default",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_IPV6 |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN,
        .retry_and_idle_policy = &no_pings,
        .foreign_loops = (void *[]){&server->loop},
        .gid = -1,
        .uid = -1,
        .user = server,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, log_library);
    return lws_create_context(&info);
}

struct ws_server *ws_server_start(const struct ws_server_options *options)
{
    struct ws_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->options = *options;
    server->last_done = &server->first_done;
    uv_loop_init(&server->loop);
    pthread_mutex_init(&server->lock, NULL);
    ws_shared_init(&server->shared, options->broker, options->max_frame_bytes);
    server->wsi_of_slot = calloc(options->max_sessions, sizeof(*server->wsi_of_slot));

    if (!listen_socket_open(&server->socket, SOCKET_NAME, options->socket_path, LISTEN_BACKLOG)) {
        /* the reason is logged */
    } else if (!server->wsi_of_slot || !(server->context = make_context(server))) {
        log_error("libwebsockets does not start; is libwebsockets-evlib-uv installed?");
    } else if (!(server->doorbell = adopt(server, doorbell_listen(options->doorbell_path))) ||
               !(server->signals = adopt(server, program_signal_fd()))) {
        log_error("cannot add a socket to the loop");
    } else if (!(server->poller = work_poller_start(options->store, options->store_timeout_ms,
                                                    wake_loop, server))) {
        /* the reason is logged */
    } else if (!(server->streams = stream_server_start(&(struct stream_server_options){
                     .store = options->store,
                     .keys_required = options->keys_required,
                     .max_followers = options->max_streams,
                     .metrics = options->metrics,
                 }))) {
        /* the reason is logged */
    } else if ((server->auth = handshake_auth_start(&(struct handshake_auth_options){
                    .listen_fd = server->socket.fd,
                    .tokens_required = options->tokens_required,
                    .store = options->store,
                    .wake = wake_loop,
                    .context = server,
                    .take_stream = stream_server_take,
                    .streams = server->streams,
                }))) {
        set_tick_timer(server);
        return server;
    }
    ws_server_free(server);
    return NULL;
}

void ws_server_run(struct ws_server *server)
{
    stream_server_serve(
        server->streams); /* ws_server_committed may come from now on: the caller has the server */
    server->alive_interval_ms = program_watchdog_interval_ms();
    if (server->alive_interval_ms > 0)
        on_alive(&server->alive_timer);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    work_poller_stop(server->poller);
    server->poller = NULL;
}

/* libwebsockets 4.1.6 closes its handles in the loop. It waits for ever for a connection that it lost when memory was
   short; then the loop and the context are left, as the program ends anyway. */
static void destroy_context(struct ws_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->destroyed = true;
    pthread_mutex_unlock(&server->lock);
    lws_context_destroy(server->context); /* the first half */
    int64_t deadline_ms = clock_monotonic_ms() + DESTROY_TIMEOUT_MS;
    while (uv_run(&server->loop, UV_RUN_NOWAIT) && clock_monotonic_ms() < deadline_ms)
        ;
    if (uv_loop_alive(&server->loop)) {
        log_warning("libwebsockets does not close a connection");
        return;
    }
    lws_context_destroy(server->context); /* the second half */
}

void ws_server_free(struct ws_server *server)
{
    work_poller_stop(server->poller);
    if (server->context)
        destroy_context(server);
    uv_loop_close(&server->loop);
    take_completions(server);
    stream_server_free(server->streams);
    pthread_mutex_destroy(&server->lock);
    ws_shared_fini(&server->shared);
    free(server->wsi_of_slot);
    free(server);
}
