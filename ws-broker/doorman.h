/*
 * The doorman: a thread that accepts connections and holds each handshake to its device token before
 * the loop, and libwebsockets, hear of it. It may wait for the database, which the loop may not. Where
 * no tokens are needed it lets everybody in.
 */
#ifndef BROKER_DOORMAN_H
#define BROKER_DOORMAN_H

#include "../common/secret.h"
#include "../common/store/store.h"

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

/* A connection that may come in, of which nothing was read yet: the caller's from now on. -1 when there
   is none. Any thread. */
int doorman_take(struct doorman *doorman);

/* Whether the thread has looked around since this was asked last; has it look around. NULL: it need not. Any
   thread. */
MUST_CHECK bool doorman_is_alive(struct doorman *doorman);

/* Ends the thread. What was not taken, and connections whose handshake is yet to come, are closed, or with
   `keep` given to the next image's doorman, unread as they are. NULL is none. */
void doorman_stop(struct doorman *doorman, bool keep);

/* What a handshake says of itself. */
struct doorman_request {
    char device_id[DEVICE_ID_SIZE];
    char token[SECRET_TEXT_SIZE]; /* "": none was sent */
    char request_id[65];
};

/* Reads the head of an HTTP request, up to its empty line. False where it is not whole, not one of a
   phone, or has a header twice that counts here. Any thread. */
MUST_CHECK bool doorman_read(const char *head, size_t length, struct doorman_request *request);

#endif
