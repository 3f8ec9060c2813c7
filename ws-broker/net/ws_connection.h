/*
 * A phone's connection between its socket and the broker core: WebSocket frames are read, answered where the
 * RFC alone decides (pings, close frames), and written. Zeroed memory that libwebsockets keeps with the socket;
 * on the loop thread. A function that returns an int returns what the callback must: -1 ends the connection.
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
    size_t max_frame_bytes; /* of a message from a phone */
    struct buffer out;      /* the frames being written, behind LWS_PRE bytes */
};

struct ws_connection {
    bool open; /* the core knows it; CLOSED comes also for connections that never opened */
    session_id session;
    struct ws_reader reader;
    struct buffer text; /* fragments of the message that is arriving */
    struct buffer rest; /* received, and to be read when the core wants more */
    bool refused;       /* what still arrives is not taken, but for a close frame */
    bool close_written;
    bool echo_due; /* and it is yet to be written */
    bool gone;     /* nothing can be written any more, and what is left is read without a pause */
    bool peer_closed; /* the phone has sent a close frame: ours is the last that it gets */
    bool pong_due;
    unsigned char pong_length;
    unsigned char pong
        [WS_CONTROL_BYTES]; /* of the last ping; those before need no answer (RFC 6455, 5.5.3) */
    unsigned char close_code[2]; /* of our close frame, as it was written */
};

void ws_shared_init(struct ws_shared *shared, struct broker *broker, size_t max_frame_bytes);
void ws_shared_fini(struct ws_shared *shared);

/* Its handshake was answered. False when the core does not want it. */
MUST_CHECK bool ws_connection_open(struct ws_shared *shared, struct ws_connection *connection,
                                   const struct handshake_admission *admission);

/* The connection ends. What came before its end, and was not read yet, still counts. */
void ws_connection_close(struct ws_shared *shared, struct lws *wsi,
                         struct ws_connection *connection);

/* Bytes from a phone, which are changed. What they cost is counted, whatever they are. */
int ws_connection_received(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection, void *bytes, size_t length);

/* The core wants to hear more again: first what was left. */
void ws_connection_read_on(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection);

/* Writes all that waits for a phone, in one write each time the connection can take one. */
int ws_connection_writable(struct ws_shared *shared, struct lws *wsi,
                           struct ws_connection *connection);

#endif
