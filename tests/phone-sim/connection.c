#include "tests/phone-sim/connection.h"

#include "common/model/protocol.h"
#include "tests/phone-sim/link.h"
#include "tests/phone-sim/utf8.h"

#include <string.h>

enum { CLOSE_TIMEOUT_MS = 3000 };

/* ---- It begins and ends ---- */

static void on_unreachable(struct connection *connection, const char *why)
{
    connection->wsi = NULL;
    connection->addresses_tried++;
    snprintf(connection->why, sizeof(connection->why), "cannot connect to %.100s: %.80s",
             connection->link->gateway.host_header, why);
    timers_arm(connection->link->timers, &connection->next_address, 0);
}

static void begin(struct connection *connection)
{
    static const lws_retry_bo_t no_validity_checks = {0};
    const struct gateway *gateway = &connection->link->gateway;
    char path[GATEWAY_PATH_SIZE + PHONE_ID_SIZE + sizeof(PROTOCOL_PATH_PREFIX)];
    snprintf(path, sizeof(path), "%s" PROTOCOL_PATH_PREFIX "%s", gateway->path,
             connection->phone->id);
    connection->address = (gateway->preferred + connection->addresses_tried) %
                          gateway->address_count;
    struct lws_client_connect_info info = {
        .context = connection->link->context,
        .address = gateway->addresses[connection->address],
        .port = gateway->port,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (gateway->is_tls ? LCCSCF_USE_SSL : 0),
        .path = path,
        .host = gateway->host_header,
        .ietf_version_or_minus_one = -1,
        .protocol = connection->phone->is_assured ? PROTOCOL_ASSURED : NULL,
        .local_protocol_name = connection->phone->is_assured ? PROTOCOL_ASSURED : "phone",
        .retry_and_idle_policy = &no_validity_checks,
        .opaque_user_data = connection,
    };
    connection->wsi = lws_client_connect_via_info(&info);
    if (!connection->wsi)
        on_unreachable(connection, "no answer");
}

static void end(struct connection *connection)
{
    struct link *link = connection->link;
    timers_disarm(link->timers, &connection->close_timer);
    free(connection->partial);
    connection->partial = NULL;
    connection->partial_length = 0;
    connection->wsi = NULL;
    if (connection->is_open)
        link->open--;
    connection->is_open = false;
    phone_ended(connection->phone, connection->close_code, connection->why, clock_monotonic_ms());
}

/* The address just tried is not reachable: on to the next, or give up. */
static void on_next_address(struct timer *timer, int64_t now_ms)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, next_address);
    (void)now_ms;
    if (connection->addresses_tried < connection->link->gateway.address_count)
        begin(connection);
    else
        end(connection);
}

void connection_begin(struct phone *phone)
{
    struct connection *connection = phone->connection;
    connection->addresses_tried = 0;
    connection->close_code = 0;
    connection->close_with = 0;
    connection->has_closed = false;
    snprintf(connection->why, sizeof(connection->why), "the connection broke");
    begin(connection);
}

void connection_drop(struct phone *phone)
{
    /* Leads to CLIENT_CLOSED at once. Without lws_close_reason() there is no close frame. */
    lws_set_timeout(phone->connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

void connection_want_write(struct phone *phone)
{
    if (!phone->connection->has_closed)
        lws_callback_on_writable(phone->connection->wsi);
}

void connection_stop_reading(struct phone *phone)
{
    lws_rx_flow_control(phone->connection->wsi, 0);
}

static void on_connection_error(struct connection *connection, const char *in, size_t length)
{
    char problem[100];
    int status = (int)lws_http_client_http_response(connection->wsi);
    snprintf(problem, sizeof(problem), "%.*s", (int)length, in ? in : "");
    if (strcmp(problem, "closed before established") == 0)
        strcpy(problem, "nothing listens there, or it is not reachable");
    if (strncmp(problem, "connect SSL err", 15) == 0) /* the library has written why */
        strcpy(problem, "it speaks no TLS, or its certificate is not trusted");
    if (status == 0) {
        on_unreachable(connection, problem);
        return;
    }
    if (status == 101)
        snprintf(connection->why, sizeof(connection->why), "the handshake failed: %s", problem);
    else
        snprintf(connection->why, sizeof(connection->why), "%.100s answered with HTTP status %d",
                 connection->link->gateway.host_header, status);
    end(connection);
}

/* The header with the phone's token, if it has one (RFC 6750, 2.1). */
static int add_token(struct lws *wsi, const struct connection *connection, unsigned char **place,
                     size_t room)
{
    char value[TOKEN_SIZE + 8];
    const char *token = tokens_find(connection->link->tokens, connection->phone->id);
    if (!token)
        return 0;
    int length = snprintf(value, sizeof(value), "Bearer %s", token);
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
                                        (const unsigned char *)value, length, place, *place + room)
               ? -1
               : 0;
}

static void on_open(struct connection *connection)
{
    struct link *link = connection->link;
    link->gateway.preferred = connection->address;
    link->open++;
    connection->is_open = true;
    if (link->leaving)
        lws_callback_on_writable(connection->wsi);
    else
        phone_opened(connection->phone, clock_monotonic_ms());
}

/* ---- Frames ---- */

/*
 * Closes with `code`. What else comes is ignored until the gateway's answering close frame, or for
 * some seconds. Not by lws_close_reason() and returning -1, which is how the library would have it:
 * its client then goes on to fill its receive buffer beyond the end.
 */
static void refuse(struct connection *connection, enum lws_close_status code, const char *why)
{
    snprintf(connection->why, sizeof(connection->why), "closed: %s", why);
    connection->close_with = code;
    timers_arm(connection->link->timers, &connection->close_timer,
               clock_monotonic_ms() + CLOSE_TIMEOUT_MS);
    lws_callback_on_writable(connection->wsi);
}

static void on_close_timer(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    connection_drop(CONTAINER_OF(timer, struct connection, close_timer)->phone);
}

static void deliver(struct connection *connection, const char *text, size_t length)
{
    crash_point_pass(connection->link->crash_point, CRASH_FRAME_READ);
    if (utf8_is_valid(text, length))
        phone_received(connection->phone, text, length, clock_monotonic_ms());
    else
        refuse(connection, LWS_CLOSE_STATUS_INVALID_PAYLOAD,
               "the gateway sent a text that is not UTF-8");
}

static void on_receive(struct connection *connection, const char *in, size_t length)
{
    struct lws *wsi = connection->wsi;
    size_t before = lws_is_first_fragment(wsi) ? 0 : connection->partial_length;
    bool is_last = lws_is_final_fragment(wsi);
    if (connection->close_with != 0 || connection->has_closed)
        return;
    if (lws_frame_is_binary(wsi)) {
        refuse(connection, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "the gateway sent a binary frame");
        return;
    }
    if (before + length + lws_remaining_packet_payload(wsi) > FRAME_MAX_BYTES) {
        refuse(connection, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
               "the gateway sent a frame of more than 128 KiB");
        return;
    }
    if (before == 0 && is_last) {
        deliver(connection, in, length);
        return;
    }
    if (!connection->partial)
        connection->partial = must_allocate(1, FRAME_MAX_BYTES);
    if (length > 0)
        memcpy(connection->partial + before, in, length);
    connection->partial_length = before + length;
    if (!is_last)
        return;
    deliver(connection, connection->partial, connection->partial_length);
    free(connection->partial);
    connection->partial = NULL;
    connection->partial_length = 0;
}

/*
 * By hand, because this library with libuv loses the close frame when a WRITEABLE callback asks for
 * it by returning -1. The gateway's own close frame then ends the connection.
 */
static int write_close(struct connection *connection, enum lws_close_status code)
{
    unsigned char *frame = connection->link->space + LWS_PRE;
    unsigned char mask[4] = {0x5a, 0xc3, 0x17, 0x88};
    frame[0] = 0x88;     /* the only fragment, close */
    frame[1] = 0x80 | 2; /* masked, two bytes */
    memcpy(frame + 2, mask, sizeof(mask));
    frame[6] = (unsigned char)(code >> 8) ^ mask[0];
    frame[7] = (unsigned char)(code & 0xff) ^ mask[1];
    connection->has_closed = true;
    return lws_write(connection->wsi, frame, 8, LWS_WRITE_HTTP) < 0 ? -1 : 0; /* as it is */
}

static int on_writable(struct connection *connection)
{
    struct link *link = connection->link;
    struct phone *phone = connection->phone;
    if (connection->has_closed)
        return 0;
    if (connection->close_with != 0)
        return write_close(connection, connection->close_with);
    char *frame = (char *)link->space + LWS_PRE;
    size_t length;
    enum lws_write_protocol protocol = LWS_WRITE_TEXT;
    switch (phone_next_frame(phone, frame, &length, clock_monotonic_ms())) {
    case PHONE_WRITES_NOTHING:
        return link->leaving && !phone_has_to_write(phone)
                   ? write_close(connection, LWS_CLOSE_STATUS_NORMAL)
                   : 0;
    case PHONE_WRITES_PING:
        protocol = LWS_WRITE_PING;
        break;
    case PHONE_WRITES_DEVICE_INFO:
    case PHONE_WRITES_DEVICE_UPDATE:
    case PHONE_WRITES_STATUS_UPDATE:
    case PHONE_WRITES_ASSURED:
    case PHONE_WRITES_SMS_RECEIVED:
    case PHONE_WRITES_DELAYED:
        break;
    }
    if (lws_write(connection->wsi, (unsigned char *)frame, length, protocol) < 0)
        return -1;
    crash_point_pass(link->crash_point, CRASH_FRAME_WRITTEN);
    phone_frame_written(phone, clock_monotonic_ms());
    if (link->leaving)
        lws_callback_on_writable(connection->wsi);
    return 0;
}

/* The library turns 1012 to 1014 into 1002 before anybody sees them; the reasons of PROTOCOL.md
 * tell which it was. */
static int true_close_code(int code, const char *reason)
{
    static const struct {
        const char *reason;
        int code;
    } reasons[] = {{"restarting", CLOSE_SERVICE_RESTART},
                   {"store_busy", 1013},
                   {"store_unavailable", 1013},
                   {"disk_full", 1013}};
    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
        if (code == LWS_CLOSE_STATUS_PROTOCOL_ERR && strcmp(reason, reasons[i].reason) == 0)
            return reasons[i].code;
    }
    return code;
}

/* Returning 0 makes the library answer with the same close frame, -1 ends the connection. */
static int on_peer_close(struct connection *connection, const unsigned char *in, size_t length)
{
    bool is_answer = connection->has_closed;
    char reason[126] = "";
    connection->has_closed = true;
    if (is_answer)
        return -1;
    connection->close_code = 1005; /* RFC 6455, 7.1.5: a close frame without a code */
    if (length >= 2) {
        memcpy(reason, in + 2, MIN(length - 2, sizeof(reason) - 1));
        connection->close_code = true_close_code(in[0] << 8 | in[1], reason);
    }
    snprintf(connection->why, sizeof(connection->why), "closed by the gateway: %d%s%s",
             connection->close_code, *reason ? " " : "", reason);
    return 0;
}

void connection_init(struct connection *connection, struct link *link, struct phone *phone)
{
    *connection = (struct connection){
        .link = link,
        .phone = phone,
        .next_address.fire = on_next_address,
        .close_timer.fire = on_close_timer,
    };
    phone->connection = connection;
}

int connection_on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t length)
{
    struct connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    int result = 0;
    (void)user;
    if (!connection)
        return 0;
    if (reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER)
        return add_token(wsi, connection, in, length);
    if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
        connection->wsi = wsi;
    if (connection->wsi != wsi)
        return 0; /* ended already, or not yet begun */
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_connection_error(connection, in, length);
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        on_open(connection);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        on_receive(connection, in, length);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        phone_heard(connection->phone, clock_monotonic_ms());
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        result = on_writable(connection);
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        result = on_peer_close(connection, in, length);
        break;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
        on_unreachable(connection, "no answer to the handshake");
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY: /* should it ever come without one of the others */
        end(connection);
        break;
    default:
        break;
    }
    link_schedule(connection->link);
    return result;
}
