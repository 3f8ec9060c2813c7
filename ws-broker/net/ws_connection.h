/*
 * A device's connection, between its socket and the broker core: a WebSocket, or the stream of a polled device. It reads WebSocket frames, answers those that the RFC alone
 * decides (pings, close frames), writes the core's. It is zeroed memory that libwebsockets keeps with the socket. Loop
 * thread. Functions that return an int return the result of libwebsockets' callback: -1 ends the connection.
 */
#ifndef WS_BROKER_NET_WS_CONNECTION_H
#define WS_BROKER_NET_WS_CONNECTION_H

#include "ws-broker/core/broker.h"
#include "ws-broker/net/handshake_auth.h"
#include "ws-broker/net/ws_reader.h"

struct lws;

/* What all connections share. */
struct ws_shared {
    struct broker *broker;
    size_t max_frame_bytes; /* of a message from a device */
    struct buffer out;      /* the frames being written, behind LWS_PRE bytes */
};

struct ws_connection {
    bool open; /* it has a session; libwebsockets also closes connections that were never opened */
    bool is_stream; /* of a polled device: events are written on it, and nothing is read */
    session_id session;
    struct ws_reader reader;
    struct buffer text; /* the message that is arriving */
    struct buffer rest; /* received, and to be read when the core takes more */
    bool refused;       /* only a close frame is still taken */
    bool close_written;
    bool echo_due;    /* the answer to its close frame is yet to be written */
    bool gone;        /* nothing can be written any more; what is left is read without pauses */
    bool peer_closed; /* the device has sent a close frame: ours is the last frame to it */
    bool pong_due;
    unsigned char pong_length;
    /* The payload of the last ping; earlier ones need no answer (RFC 6455, 5.5.3). */
    unsigned char pong[WS_CONTROL_BYTES];
    unsigned char close_code[2]; /* of our close frame */
};

void ws_shared_init(struct ws_shared *shared, struct broker *broker, size_t max_frame_bytes);
void ws_shared_fini(struct ws_shared *shared);

/* Opens a session after the answer to the handshake. False when the core refuses it. */
MUST_CHECK bool ws_connection_open(struct ws_shared *shared, struct ws_connection *connection,
                                   const struct handshake_admission *admission);

/* The connection ends. What was received before, and is not read yet, still counts. */
void ws_connection_close(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection);

/* Takes bytes from the device, and changes them. Counts the work they make, whatever they are. */
int ws_connection_received(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection, void *bytes, size_t length);

/* The core takes more again: first what was left. */
void ws_connection_read_on(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection);

/* Writes all frames that wait for the device, in one write. */
int ws_connection_writable(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection);

/* The same, at once if the socket can be written, as it nearly always can: to be told of that costs two epoll_ctl and another
   turn of the loop. A connection that must end is ended. */
void ws_connection_write(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection);

#endif
