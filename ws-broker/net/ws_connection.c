#include "ws-broker/net/ws_connection.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/utf8.h"
#include "common/model/protocol.h"
#include "ws-broker/net/ws_frame.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    WRITE_BYTES = 4096,   /* at once to one device, or a little more */
    READ_BYTES = 4096,    /* at once from one device: libwebsockets' own size */
    MAX_LEFT = 1 << 18,   /* bytes read from the socket of a device that has gone */
    BYTES_OF_WORK = 1024, /* as much work as a frame */
};

void ws_shared_init(struct ws_shared *shared, struct broker *broker, size_t max_frame_bytes)
{
    shared->broker = broker;
    shared->max_frame_bytes = max_frame_bytes;
    buffer_init(&shared->out, LWS_PRE + WRITE_BYTES + 2 * FRAME_MAX_BYTES);
}

void ws_shared_fini(struct ws_shared *shared)
{
    buffer_fini(&shared->out);
}

bool ws_connection_open(struct ws_shared *shared, struct ws_connection *connection,
                        const struct handshake_admission *admission)
{
    const struct ws_handshake *handshake = &admission->handshake;
    buffer_init(&connection->text, shared->max_frame_bytes);
    buffer_init(&connection->rest, READ_BYTES);
    int64_t now_ms = clock_monotonic_ms();
    connection->is_stream = handshake->is_stream;
    if (connection->is_stream)
        connection->open = broker_stream_opened(shared->broker, handshake->device_id,
                                                admission->token_id, &admission->journal, now_ms,
                                                &connection->session);
    else
        connection->open = broker_session_opened(
            shared->broker, handshake->device_id, admission->token_id,
            ws_handshake_protocol(handshake), now_ms, &connection->session);
    return connection->open;
}

static void refuse_message(struct ws_shared *shared, struct ws_connection *connection,
                           enum error error)
{
    connection->refused = true;
    buffer_fini(&connection->text);
    broker_session_violated(shared->broker, connection->session, error, clock_monotonic_ms());
}

/* A piece of a message. */
static void on_data(struct ws_shared *shared, struct ws_connection *connection,
                    const struct ws_event *event)
{
    struct buffer *text = &connection->text;
    if (event->is_binary) {
        refuse_message(shared, connection, ERROR_BINARY_FRAME);
        return;
    }
    if (event->is_first)
        buffer_clear(text);
    /* Announced bytes count too, so that nothing grows before it is refused. */
    size_t room = shared->max_frame_bytes - text->length;
    if (event->length > room || event->announced > room - event->length) {
        refuse_message(shared, connection, ERROR_FRAME_TOO_LARGE);
        return;
    }
    buffer_append(text, event->bytes, event->length);
    if (!event->is_last)
        return;
    if (!utf8_valid(text->data ? text->data : "", text->length)) {
        refuse_message(shared, connection, ERROR_INVALID_UTF8);
        return;
    }
    broker_session_received(shared->broker, connection->session, text->data ? text->data : "",
                            text->length, clock_monotonic_ms());
    buffer_fini(text); /* thousands of idle devices keep no buffers */
    buffer_init(text, shared->max_frame_bytes);
}

static void on_ping(struct lws *wsi, struct ws_connection *connection, const struct ws_event *event)
{
    if (connection->gone)
        return;
    memcpy(connection->pong, event->bytes, event->length);
    connection->pong_length = (unsigned char)event->length;
    connection->pong_due = true;
    lws_callback_on_writable(wsi);
}

/* A close frame that answers ours ends the connection; any other is answered first. */
static int on_peer_close(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection, const struct ws_event *event)
{
    if (connection->close_written) {
        if (event->length >= 2 && memcmp(event->bytes, connection->close_code, 2) == 0)
            broker_session_answered_close(shared->broker, connection->session);
        return -1;
    }
    connection->peer_closed = true;
    if (connection->gone)
        return 0;
    bool is_text = event->length <= 2 ||
                   utf8_valid((const char *)event->bytes + 2, event->length - 2);
    if (!is_text || !ws_frame_close_is_valid(event->bytes, event->length)) {
        refuse_message(shared, connection, is_text ? ERROR_PROTOCOL_ERROR : ERROR_INVALID_UTF8);
        return 0;
    }
    connection->refused = true;
    connection->close_code[0] = event->length > 0 ? event->bytes[0] : LWS_CLOSE_STATUS_NORMAL >> 8;
    connection->close_code[1] = event->length > 0 ? event->bytes[1]
                                                  : LWS_CLOSE_STATUS_NORMAL & 0xff;
    connection->echo_due = true;
    lws_callback_on_writable(wsi);
    return 0;
}

/* Reads frames until the core pauses; the rest waits. -1: the connection ends. */
static int read_frames(struct ws_shared *shared, struct lws *wsi, struct ws_connection *connection,
                       unsigned char *bytes, size_t length)
{
    struct ws_event event;
    int result = 0;
    do {
        if (!connection->gone && !broker_session_is_read(shared->broker, connection->session)) {
            buffer_append(&connection->rest, bytes, length);
            break;
        }
        ws_reader_next(&connection->reader, &bytes, &length, &event);
        switch (event.type) {
        case WS_EVENT_DATA:
            if (!connection->refused)
                on_data(shared, connection, &event);
            break;
        case WS_EVENT_PING:
            on_ping(wsi, connection, &event);
            break;
        case WS_EVENT_CLOSE:
            result = on_peer_close(shared, wsi, connection, &event);
            break;
        case WS_EVENT_BROKEN:
            refuse_message(shared, connection, ERROR_PROTOCOL_ERROR);
            break;
        case WS_EVENT_PONG:
        case WS_EVENT_NONE:
            break;
        }
    } while (result == 0 && event.type != WS_EVENT_NONE && !connection->peer_closed);
    return connection->rest.failed ? -1 : result;
}

static void count_work(struct ws_shared *shared, struct ws_connection *connection, double work)
{
    work += connection->reader.frames;
    connection->reader.frames = 0;
    broker_session_worked(shared->broker, connection->session, work, clock_monotonic_ms());
}

int ws_connection_received(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection, void *bytes, size_t length)
{
    if (!connection->open || connection->peer_closed)
        return 0;
    broker_session_alive(shared->broker, connection->session, clock_monotonic_ms());
    int result = connection->is_stream ? 0 : read_frames(shared, wsi, connection, bytes, length);
    count_work(shared, connection, 1 + (double)length / BYTES_OF_WORK);
    return result;
}

void ws_connection_read_on(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection)
{
    size_t length = connection->rest.length;
    if (length == 0)
        return;
    unsigned char *rest = (unsigned char *)buffer_take(&connection->rest);
    buffer_init(&connection->rest, READ_BYTES);
    if (!rest || read_frames(shared, wsi, connection, rest, length) < 0)
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    count_work(shared, connection, 0);
    free(rest);
}

/* What a device sent before it went is in `rest` or in its socket: libuv and libwebsockets 4.1.6 leave it there when they
   see an error first. */
static void read_what_is_left(struct ws_shared *shared, struct lws *wsi,
                              struct ws_connection *connection)
{
    unsigned char bytes[READ_BYTES];
    ssize_t length = (ssize_t)MIN(connection->rest.length, sizeof(bytes));
    size_t left = MAX_LEFT;
    if (length > 0)
        memcpy(bytes, connection->rest.data, (size_t)length);
    else
        length = recv(lws_get_socket_fd(wsi), bytes, sizeof(bytes), MSG_DONTWAIT);
    while (length > 0 && (size_t)length <= left && !connection->peer_closed &&
           read_frames(shared, wsi, connection, bytes, (size_t)length) == 0) {
        left -= (size_t)length;
        length = recv(lws_get_socket_fd(wsi), bytes, sizeof(bytes), MSG_DONTWAIT);
    }
}

void ws_connection_close(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection)
{
    connection->gone = true;
    if (connection->open &&
        broker_session_leaves(shared->broker, connection->session, clock_monotonic_ms()) &&
        !connection->is_stream)
        read_what_is_left(shared, wsi, connection);
    buffer_fini(&connection->text);
    buffer_fini(&connection->rest);
    if (connection->open)
        broker_session_closed(shared->broker, connection->session, clock_monotonic_ms());
    connection->open = false;
}

static void append_frame_of(struct buffer *out, int opcode, const void *payload, size_t length)
{
    size_t begin = ws_frame_begin(out);
    buffer_append(out, payload, length);
    ws_frame_end(out, begin, opcode);
}

/* The device's answer, or the deadline of the session's state, then ends the connection. */
static void append_close(struct buffer *out, struct ws_connection *connection, enum error error)
{
    int code = error_close_code(error) ? error_close_code(error) : LWS_CLOSE_STATUS_NORMAL;
    connection->close_code[0] = (unsigned char)(code >> 8);
    connection->close_code[1] = (unsigned char)code;
    buffer_append(out, connection->close_code, sizeof(connection->close_code));
    buffer_append_text(out, error_code(error));
}

/* Appends the next event of a stream, if there is one. */
static enum session_output append_event(struct ws_shared *shared, struct ws_connection *connection)
{
    enum error close_error;
    enum session_output output = broker_take_output(
        shared->broker, connection->session, clock_monotonic_ms(), &shared->out, &close_error);
    if (output == OUTPUT_PING)
        buffer_append_text(&shared->out, ":\n\n");
    connection->close_written |= output == OUTPUT_CLOSE;
    return output;
}

/* Appends the next frame for the device, if there is one. */
static enum session_output append_frame(struct ws_shared *shared, struct ws_connection *connection)
{
    struct buffer *out = &shared->out;
    enum error close_error = ERROR_NONE;
    size_t begin = ws_frame_begin(out);
    enum session_output output = broker_take_output(shared->broker, connection->session,
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
        buffer_append_text(out, "ping");
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

int ws_connection_writable(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection)
{
    struct buffer *out = &shared->out;
    int frames = 0;
    if (!connection->open)
        return -1;
    buffer_clear(out);
    buffer_append(out, (unsigned char[LWS_PRE]){0}, LWS_PRE);
    if (connection->pong_due && !connection->close_written) {
        append_frame_of(out, WS_FRAME_PONG, connection->pong, connection->pong_length);
        connection->pong_due = false;
    }
    if (connection->echo_due)
        append_frame_of(out, WS_FRAME_CLOSE, connection->close_code,
                        sizeof(connection->close_code));
    while (!connection->echo_due && out->length < WRITE_BYTES &&
           (connection->is_stream ? append_event(shared, connection)
                                  : append_frame(shared, connection)) != OUTPUT_NOTHING)
        frames++;
    if (out->length >= WRITE_BYTES)
        lws_callback_on_writable(wsi); /* there may be more */
    if (out->length == LWS_PRE)
        return connection->is_stream && connection->close_written ? -1 : 0;
    if (out->failed)
        return -1;
    int written = lws_write(wsi, (unsigned char *)out->data + LWS_PRE, out->length - LWS_PRE,
                            LWS_WRITE_RAW);
    for (int i = 0; i < frames; i++)
        FAIL_POINT("broker.after_frame");
    bool ends = connection->echo_due ||
                (connection->close_written && (connection->peer_closed || connection->is_stream));
    return written < 0 || ends ? -1 : 0;
}

void ws_connection_write(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection)
{
    if (lws_send_pipe_choked(wsi)) /* while libwebsockets has a rest of a write, it does not read */
        lws_callback_on_writable(wsi);
    else if (ws_connection_writable(shared, wsi, connection) < 0)
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}
