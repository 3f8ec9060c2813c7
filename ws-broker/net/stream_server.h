/*
 * The server of the event stream: a thread that has the sockets of all followers, apart from the loop of the devices. It
 * reads new events once for all, and only while anyone follows; it also reads what one missed, and may wait for the
 * database, which the loop must not. What a follower gets is decided in ws-broker/stream.
 */
#ifndef WS_BROKER_NET_STREAM_SERVER_H
#define WS_BROKER_NET_STREAM_SERVER_H

#include "common/store/store.h"

struct stream_server_options {
    struct store *store;
    bool keys_required;     /* API_KEYS */
    unsigned max_followers; /* STREAMS_AT_ONCE; a key may have a quarter of them */
    struct metrics *metrics;
};

struct stream_server;

/* Starts the thread, which takes no clients yet. NULL after logging the reason. */
struct stream_server *stream_server_start(const struct stream_server_options *options);

/* From now on clients are taken; those that came before have waited. */
void stream_server_serve(struct stream_server *server);

/* Takes a client, whose request has the head `head`; then owns its socket. Any thread. */
void stream_server_take(struct stream_server *server, int fd, const char *head, size_t length);

/* There may be new events. Any thread; costs next to nothing while nobody follows. NULL: nothing. */
void stream_server_news(struct stream_server *server);

/* Clients have changed the queue: those who want to know are told within a second. Any thread; costs as little. NULL: nothing. */
void stream_server_queue_changed(struct stream_server *server);

/* Whether the thread has run since the last call; wakes it for the next. Any thread. NULL: true. */
MUST_CHECK bool stream_server_is_alive(struct stream_server *server);

/* Ends all streams, each with that reason, and the thread. Clients that come later are closed. */
void stream_server_stop(struct stream_server *server, enum error reason);

/* After store_close, so that no write is at the store. NULL: nothing. */
void stream_server_free(struct stream_server *server);

#endif
