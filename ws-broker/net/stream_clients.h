/*
 * The open event streams: their sockets, the tail that they share, and the reads of the store for them. On the thread of the
 * stream server.
 */
#ifndef WS_BROKER_NET_STREAM_CLIENTS_H
#define WS_BROKER_NET_STREAM_CLIENTS_H

#include "common/store/store.h"
#include "ws-broker/stream/stream_follower.h"
#include "ws-broker/stream/stream_request.h"

struct stream_client {
    struct stream_client *previous, *next;
    int fd;
    bool awaits_room; /* epoll tells when its socket takes more */
    bool is_behind;   /* it needs a page of its own, in its turn among these: */
    struct stream_client *previous_behind, *next_behind;
    struct stream_follower follower;
};

struct stream_clients {
    struct stream_client ring; /* its head, by their opening */
    unsigned count, most;      /* of the clients */
    struct stream_client
        *turn;        /* who is next to get what the tail has; the ring's head: the first */
    unsigned waiting; /* so many from `turn` on may not have all of it */
    struct stream_client *first_behind, *last_behind; /* NULL: none */
    int epoll_fd; /* borrowed, like the next two; a client's events have it as data.ptr */
    struct store_reader *reader;
    struct metrics *metrics;
    struct stream_tail tail;
    int64_t failed_ms; /* monotonic: when a read last failed; 0: the last one did not */
};

void stream_clients_init(struct stream_clients *clients, unsigned most, int epoll_fd,
                         struct store_reader *reader, struct metrics *metrics);
void stream_clients_fini(struct stream_clients *clients);

/* Opens a stream, whose filter has only types that the key may see; key_id "": none is required. On an error, with *detail,
   the socket is still the caller's. */
MUST_CHECK enum error stream_clients_open(struct stream_clients *clients, int fd,
                                          const struct stream_request *request, const char *key_id,
                                          const char **detail);

/* What epoll says about a client, which may be gone afterwards. */
void stream_clients_on_event(struct stream_clients *clients, struct stream_client *client,
                             uint32_t events);

/* Reads what is new, once for all. Whether there is more. */
MUST_CHECK bool stream_clients_read_tail(struct stream_clients *clients);

/* Gives it to the next clients, in turn; bounded. Whether others wait for it. */
MUST_CHECK bool stream_clients_pass_on(struct stream_clients *clients);

/* Reads a page for each of the next clients that are behind and take more; bounded. Whether one is left. */
MUST_CHECK bool stream_clients_catch_up(struct stream_clients *clients);

/* Each second: keeps streams alive, and ends those whose client does not read or whose key opens nothing any more.
   queue_changed: by clients, since the last time. */
void stream_clients_tick(struct stream_clients *clients, bool queue_changed);

/* Ends all streams with that reason. */
void stream_clients_end_all(struct stream_clients *clients, enum error reason);

#endif
