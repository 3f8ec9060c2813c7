/*
 * Handshake authentication: a thread that accepts connections, checks each handshake against RFC 6455 and its device
 * token, and passes on those that may come in. It may wait for the database, which the loop must not. Requests for the event
 * stream arrive at the same socket.
 */
#ifndef WS_BROKER_NET_HANDSHAKE_AUTH_H
#define WS_BROKER_NET_HANDSHAKE_AUTH_H

#include "common/store/store.h"
#include "ws-broker/net/ws_handshake.h"

struct stream_server;

struct handshake_auth_options {
    int listen_fd; /* borrowed until handshake_auth_stop */
    bool tokens_required;
    struct store *store;
    /* Called on the thread when handshake_auth_take has a connection. */
    void (*wake)(void *context);
    void *context;
    /* Called on the thread with a request for the event stream, whose head was read; it then owns the socket. NULL: there
       is no stream. */
    void (*take_stream)(struct stream_server *streams, int fd, const char *head, size_t length);
    struct stream_server *streams;
};

struct handshake_auth;

/* Starts the thread. NULL after logging the reason. */
struct handshake_auth *handshake_auth_start(const struct handshake_auth_options *options);

/* A connection that was admitted; of a stream, with the device id of its token. Its handshake, `head_length` bytes, is still unread in the socket. */
struct handshake_admission {
    int fd;
    size_t head_length;
    char token_id[SECRET_ID_SIZE]; /* "": none was needed */
    struct message_id journal;     /* of a polled device */
    struct ws_handshake handshake; /* without its token */
};

enum { HANDSHAKE_HEAD_BYTES = 4096 }; /* the longest request head */

/* Takes the next admitted connection, which the caller then owns. False when there is none. Any thread. */
MUST_CHECK bool handshake_auth_take(struct handshake_auth *auth,
                                    struct handshake_admission *admission);

/* Answers a handshake with an error and closes the connection. Any thread. */
void handshake_auth_refuse(int fd, enum error error, const char *detail,
                           const struct ws_handshake *handshake);

/* Whether the thread has run since the last call; wakes it for the next. NULL: true. Any thread. */
MUST_CHECK bool handshake_auth_is_alive(struct handshake_auth *auth);

/* Ends the thread, and closes the connections that were not taken or have no complete handshake. NULL: nothing. */
void handshake_auth_stop(struct handshake_auth *auth);

#endif
