/*
 * The doorman: a thread that accepts connections and holds each handshake to RFC 6455 and to its device token
 * before the loop hears of it. It may wait for the database, which the loop may not.
 */
#ifndef WS_BROKER_NET_HANDSHAKE_AUTH_H
#define WS_BROKER_NET_HANDSHAKE_AUTH_H

#include "common/store/store.h"
#include "ws-broker/net/ws_handshake.h"

struct doorman_options {
    int listen_fd; /* borrowed until doorman_stop */
    bool tokens_required;
    struct store *store;
    void (*wake)(void *context); /* doorman_take has something. On the doorman's thread */
    void *context;
};

struct doorman;

/* Begins with the connections that the doorman of the image before has kept. Main thread. NULL after logging
   why not. */
struct doorman *doorman_start(const struct doorman_options *options);

/* A connection that may come in. Its handshake is still unread, so that it can go to the next image as it is:
   `head_length` bytes. */
struct doorman_admission {
    int fd;
    size_t head_length;
    char token_id[SECRET_ID_SIZE]; /* "": none was needed */
    struct ws_handshake handshake; /* without its token */
};

enum { DOORMAN_HEAD_BYTES = 4096 }; /* the most that a head may have */

/* The next of them, the caller's from now on. False when there is none. Any thread. */
MUST_CHECK bool doorman_take(struct doorman *doorman, struct doorman_admission *admission);

/* Answers a handshake with why not, and closes the connection. Any thread. */
void doorman_refuse(int fd, enum error error, const char *detail, const char *request_id);

/* Whether the thread has looked around since this was asked last; has it look around. NULL: it need not. Any
   thread. */
MUST_CHECK bool doorman_is_alive(struct doorman *doorman);

/* Ends the thread. What was not taken, and connections whose handshake is yet to come, are closed, or with
   `keep` given to the next image's doorman, unread as they are. NULL is none. */
void doorman_stop(struct doorman *doorman, bool keep);

#endif
