/* The loop, and the connections in it. What libwebsockets 4.1.6 does is said where it matters. */
#include "ws_server.h"

#include "../common/clock.h"
#include "../common/doorbell.h"
#include "../common/fail_point.h"
#include "../common/listen_fds.h"
#include "../common/log.h"
#include "../common/program.h"
#include "../common/protocol.h"
#include "../common/reload.h"
#include "doorman.h"
#include "frames.h"
#include "ws_frame.h"
#include "ws_handshake.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
    LISTEN_BACKLOG = 4096,
    DESTROY_TIMEOUT_MS = 1000,
    WRITE_BYTES = 4096,     /* at once to one phone, or a little more */
    RX_BUFFER_BYTES = 1024, /* memory of an idle connection: 2.6 KB with it, 5.5 with 4096 */
};

#define SOCKET_NAME "broker" /* also in deploy/systemd */

/* A connection, in libwebsockets' own memory for it. */
struct connection {
    bool open; /* the core knows it; CLOSED comes also for connections that never opened */
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE];
    session_id session;
    struct buffer text; /* fragments of the message that is arriving */
    bool refused;       /* what still arrives is not read */
    bool close_written;
    unsigned char close_code[2]; /* of our close frame, as it was written */
};

struct ws_server {
    struct ws_server_options options;
    uv_loop_t loop;
    struct lws_context *context;
    struct listen_socket socket;
    struct lws *doorbell, *signals; /* our own sockets in the loop */
    struct doorman *doorman;        /* NULL when no more phones are wanted */
    struct lws **wsi_of_slot;
    struct buffer out; /* the frames being written, behind LWS_PRE bytes */
    lws_sorted_usec_list_t tick_timer;
    lws_sorted_usec_list_t end_timer;
    lws_sorted_usec_list_t alive_timer;
    int64_t alive_interval_ms; /* 0: nobody asks */
    int64_t complained_ms;     /* of strangers at the doorbell */
    bool stopping;
    bool reloading; /* and not only that */

    pthread_mutex_t lock;
    bool destroyed;                 /* under lock: the context may no longer be woken */
    struct store_write *first_done; /* under lock: finished by the store */
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
    struct lws *wsi = server->wsi_of_slot[session_slot(action->session)];
    if (!wsi)
        return;
    const struct connection *connection = lws_wsi_user(wsi);
    if (connection->session != action->session)
        return;
    switch (action->type) {
    case BROKER_WRITE:
        lws_callback_on_writable(wsi);
        break;
    case BROKER_PAUSE:
        lws_rx_flow_control(wsi, 0);
        break;
    case BROKER_RESUME:
        lws_rx_flow_control(wsi, 1);
        break;
    case BROKER_DROP:
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        break;
    case BROKER_STORE:
        break;
    }
}

static void set_tick_timer(struct ws_server *server);
static void stop_when_drained(struct ws_server *server);

/* After every event: everything the core wants now. */
static void pump(struct ws_server *server)
{
    struct broker_action action;
    int64_t wake_ms = broker_wake_ms(server->options.broker);
    while (broker_next_action(server->options.broker, &action))
        carry_out(server, &action);
    if (broker_wake_ms(server->options.broker) < wake_ms)
        set_tick_timer(server);
    stop_when_drained(server);
}

/* ---- Time ---- */

static void on_tick(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, tick_timer);
    metrics_turn(server->options.metrics);
    broker_tick(server->options.broker, clock_monotonic_ms(), clock_wall_ms());
    pump(server);
    set_tick_timer(server);
}

static void set_tick_timer(struct ws_server *server)
{
    int64_t wait_ms = broker_wake_ms(server->options.broker) - clock_monotonic_ms();
    lws_sul_schedule(server->context, 0, &server->tick_timer, on_tick,
                     MAX(wait_ms, 0) * LWS_US_PER_MS + 1);
}

/* This timer is in the loop, so it stops with it. Without the other two threads the loop is of no use. */
static void on_alive(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, alive_timer);
    if (doorman_is_alive(server->doorman) &&
        !store_is_stuck(server->options.store, server->alive_interval_ms))
        program_notify_alive();
    lws_sul_schedule(server->context, 0, timer, on_alive,
                     server->alive_interval_ms * LWS_US_PER_MS);
}

/* ---- The store's answers ---- */

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
        lws_cancel_service(server->context); /* the one call that other threads may make */
    pthread_mutex_unlock(&server->lock);
}

static void take_store_answers(struct ws_server *server)
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

/* ---- Connections from the doorman ---- */

static void wake_loop(void *context)
{
    ws_server_wake(context);
}

static void take_admitted(struct ws_server *server)
{
    int fd;
    while (server->doorman && (fd = doorman_take(server->doorman)) >= 0) {
        if (!lws_adopt_socket_vhost(lws_get_vhost_by_name(server->context, "default"), fd))
            log_warning("a connection was not taken");
    }
}

/* ---- A connection ---- */

static void on_opened(struct ws_server *server, struct lws *wsi, struct connection *connection)
{
    buffer_init(&connection->text, server->options.max_frame_bytes);
    bool assured = strcmp(lws_get_protocol(wsi)->name, PROTOCOL_ASSURED) == 0;
    connection->open = broker_session_opened(server->options.broker, connection->device_id,
                                             connection->token_id, assured, clock_monotonic_ms(),
                                             &connection->session);
    if (connection->open)
        server->wsi_of_slot[session_slot(connection->session)] = wsi;
    else
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static void on_closed(struct ws_server *server, struct connection *connection)
{
    buffer_fini(&connection->text);
    if (!connection->open)
        return;
    connection->open = false;
    server->wsi_of_slot[session_slot(connection->session)] = NULL;
    broker_session_closed(server->options.broker, connection->session, clock_monotonic_ms());
}

static void refuse_message(struct ws_server *server, struct connection *connection,
                           enum error error)
{
    connection->refused = true;
    buffer_fini(&connection->text);
    broker_session_violated(server->options.broker, connection->session, error,
                            clock_monotonic_ms());
}

/* A piece of a message: libwebsockets gives them as they come, whatever the frames were. */
static void on_received(struct ws_server *server, struct lws *wsi, struct connection *connection,
                        const void *bytes, size_t length)
{
    struct buffer *text = &connection->text;
    if (!connection->open || connection->refused)
        return;
    broker_session_alive(server->options.broker, connection->session, clock_monotonic_ms());
    if (lws_frame_is_binary(wsi)) {
        refuse_message(server, connection, ERROR_BINARY_FRAME);
        return;
    }
    if (lws_is_first_fragment(wsi))
        buffer_clear(text);
    /* Also what is announced counts, so that nothing grows before it is refused. */
    if (text->length + length + lws_remaining_packet_payload(wsi) >
        server->options.max_frame_bytes) {
        refuse_message(server, connection, ERROR_FRAME_TOO_LARGE);
        return;
    }
    buffer_append(text, bytes, length);
    if (lws_is_final_fragment(wsi)) {
        broker_session_received(server->options.broker, connection->session,
                                text->data ? text->data : "", text->length, clock_monotonic_ms());
        buffer_fini(text); /* thousands of idle phones keep no buffers */
        buffer_init(text, server->options.max_frame_bytes);
    }
}

/* libwebsockets echoes the phone's close frame when this returns 0: not a bad one, and not the
   answer to ours. */
static int on_peer_close(struct ws_server *server, const struct connection *connection,
                         const void *payload, size_t length)
{
    if (!connection->close_written)
        return frame_close_is_valid(payload, length) ? 0 : -1;
    if (length >= 2 && memcmp(payload, connection->close_code, 2) == 0)
        broker_session_answered_close(server->options.broker, connection->session);
    return -1;
}

/* Returning -1 from WRITEABLE loses the close frame under libuv, so it is written by hand like the
   others; the phone's answer, or the core's patience, then ends the connection. */
static void append_close(struct buffer *out, struct connection *connection, enum error error)
{
    int code = error_close_code(error) ? error_close_code(error) : LWS_CLOSE_STATUS_NORMAL;
    connection->close_code[0] = (unsigned char)(code >> 8);
    connection->close_code[1] = (unsigned char)code;
    buffer_append(out, connection->close_code, sizeof(connection->close_code));
    buffer_append_text(out, error_code(error));
}

/* Appends the next frame for a phone, if there is one. */
static enum session_output append_frame(struct ws_server *server, struct connection *connection)
{
    struct buffer *out = &server->out;
    enum error close_error = ERROR_NONE;
    size_t begin = ws_frame_begin(out);
    enum session_output output = broker_take_output(server->options.broker, connection->session,
                                                    clock_monotonic_ms(), out, &close_error);
    switch (output) {
    case OUTPUT_NOTHING:
        ws_frame_abandon(out, begin);
        break;
    case OUTPUT_FRAME:
        FAIL_POINT("broker.before_frame");
        ws_frame_end(out, begin, WS_FRAME_TEXT);
        break;
    case OUTPUT_PING:
        buffer_append_text(out, "ping"); /* an empty pong would never be reported to us */
        ws_frame_end(out, begin, WS_FRAME_PING);
        break;
    case OUTPUT_CLOSE:
        append_close(out, connection, close_error);
        ws_frame_end(out, begin, WS_FRAME_CLOSE);
        connection->close_written = true;
        break;
    }
    return output;
}

/* All that waits for a phone, in one write each time the connection can take one. */
static int on_writable(struct ws_server *server, struct lws *wsi, struct connection *connection)
{
    struct buffer *out = &server->out;
    int frames = 0;
    if (!connection->open)
        return -1;
    buffer_clear(out);
    buffer_append(out, (unsigned char[LWS_PRE]){0}, LWS_PRE);
    while (out->length < WRITE_BYTES && append_frame(server, connection) != OUTPUT_NOTHING)
        frames++;
    if (out->length >= WRITE_BYTES)
        lws_callback_on_writable(wsi); /* there may be more */
    if (frames == 0)
        return 0;
    if (out->failed)
        return -1;
    int written = lws_write(wsi, (unsigned char *)out->data + LWS_PRE, out->length - LWS_PRE,
                            LWS_WRITE_RAW);
    for (int i = 0; i < frames; i++)
        FAIL_POINT("broker.after_frame");
    return written < 0 ? -1 : 0;
}

static struct ws_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static int take_headers(const struct ws_server *server, struct lws *wsi,
                        struct connection *connection)
{
    if (server->options.tokens_required && !ws_handshake_token_id(wsi, connection->token_id))
        return -1;
    return ws_handshake_device_id(wsi, connection->device_id) ? 0 : -1;
}

static int phone_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t length)
{
    struct connection *connection = user;
    struct ws_server *server;
    int result = 0;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        (void)ws_handshake_refuse(wsi, ERROR_UPGRADE_REQUIRED, "Connect with WebSocket.");
        return -1; /* the doorman has seen no second request */
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_handshake_confirm(wsi, broker_admits(server_of(wsi)->options.broker));
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* the last time that headers can be read */
        return take_headers(server_of(wsi), wsi, connection);
    case LWS_CALLBACK_ESTABLISHED:
        on_opened(server = server_of(wsi), wsi, connection);
        break;
    case LWS_CALLBACK_RECEIVE:
        on_received(server = server_of(wsi), wsi, connection, in, length);
        break;
    case LWS_CALLBACK_RECEIVE_PONG:
        server = server_of(wsi);
        broker_session_alive(server->options.broker, connection->session, clock_monotonic_ms());
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        result = on_peer_close(server = server_of(wsi), connection, in, length);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        result = on_writable(server = server_of(wsi), wsi, connection);
        break;
    case LWS_CALLBACK_CLOSED:
        on_closed(server = server_of(wsi), connection);
        break;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        take_admitted(server = server_of(wsi));
        take_store_answers(server);
        break;
    default:
        return 0;
    }
    pump(server);
    return result;
}

/* ---- Our own sockets in its loop ---- */

static void on_doorbell(struct ws_server *server, struct lws *wsi)
{
    if (doorbell_drain((int)lws_get_socket_fd(wsi), &server->complained_ms))
        broker_doorbell(server->options.broker, clock_monotonic_ms());
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
     .per_session_data_size = sizeof(struct connection),
     .rx_buffer_size = RX_BUFFER_BYTES},
    {.name = PROTOCOL_ASSURED,
     .callback = phone_callback,
     .per_session_data_size = sizeof(struct connection),
     .rx_buffer_size = RX_BUFFER_BYTES},
    {.name = "socket", .callback = socket_callback},
    {0},
};

static void end_loop(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = CONTAINER_OF(timer, struct ws_server, end_timer);
    uv_stop(&server->loop);
}

/* The core has nothing left to do: the loop ends, outside the event that is being handled. */
static void stop_when_drained(struct ws_server *server)
{
    if (server->stopping || !broker_is_drained(server->options.broker))
        return;
    server->stopping = true;
    lws_sul_schedule(server->context, 0, &server->end_timer, end_loop, 1);
}

/* SIGTERM, SIGINT or SIGHUP: no new connections, and the core says farewell to those there are. */
static void on_signal(struct ws_server *server, struct lws *wsi)
{
    enum program_wish wish = program_take_wish((int)lws_get_socket_fd(wsi));
    if (wish == PROGRAM_STOP)
        server->reloading = false; /* whatever was wished before */
    if (!server->doorman || wish == PROGRAM_GO_ON)
        return;
    if (wish == PROGRAM_RELOAD && !reload_is_possible())
        return;
    server->reloading = wish == PROGRAM_RELOAD;
    log_info(server->reloading ? "reloading" : "stopping");
    if (server->reloading)
        program_notify_reloading();
    doorman_stop(server->doorman, server->reloading);
    server->doorman = NULL;
    if (!server->reloading)
        listen_socket_close(&server->socket, server->options.socket_path);
    broker_drain(server->options.broker, server->reloading ? ERROR_RESTARTING : ERROR_SHUTTING_DOWN,
                 clock_monotonic_ms());
}

/* Takes a descriptor into the loop, which closes it in the end. NULL when that fails. */
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
    /* Its own pings walk a sorted list of all connections; the core has its own. */
    static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "default",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN,
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
    buffer_init(&server->out, LWS_PRE + WRITE_BYTES + 2 * FRAME_MAX_BYTES);
    server->wsi_of_slot = calloc(options->max_sessions, sizeof(*server->wsi_of_slot));

    if (!listen_socket_open(&server->socket, SOCKET_NAME, options->socket_path, LISTEN_BACKLOG)) {
        /* it has said why */
    } else if (!server->wsi_of_slot || !(server->context = make_context(server))) {
        log_error("libwebsockets does not start; is libwebsockets-evlib-uv installed?");
    } else if (!(server->doorbell = adopt(server, doorbell_listen(options->doorbell_path))) ||
               !(server->signals = adopt(server, program_signal_fd()))) {
        log_error("a socket does not fit into the loop");
    } else if ((server->doorman = doorman_start(&(struct doorman_options){
                    .listen_fd = server->socket.fd,
                    .tokens_required = options->tokens_required,
                    .store = options->store,
                    .wake = wake_loop,
                    .context = server,
                }))) {
        set_tick_timer(server);
        return server;
    }
    ws_server_free(server);
    return NULL;
}

bool ws_server_run(struct ws_server *server)
{
    server->alive_interval_ms = program_watchdog_interval_ms();
    if (server->alive_interval_ms > 0)
        on_alive(&server->alive_timer);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return server->reloading;
}

void ws_server_give(struct ws_server *server)
{
    listen_socket_give(&server->socket, SOCKET_NAME);
    doorbell_give((int)lws_get_socket_fd(server->doorbell));
}

/* libwebsockets closes its handles in the loop. Of a connection that it lost for want of memory it
   waits for ever; then the loop and the context stay, as the program ends now. */
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
        log_warning("libwebsockets does not let go of a connection");
        return;
    }
    lws_context_destroy(server->context); /* the second half */
}

void ws_server_free(struct ws_server *server)
{
    if (server->context)
        destroy_context(server);
    uv_loop_close(&server->loop);
    take_store_answers(server);
    pthread_mutex_destroy(&server->lock);
    buffer_fini(&server->out);
    free(server->wsi_of_slot);
    free(server);
}
