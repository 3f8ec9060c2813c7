/*
 * A follower of the event stream: who it is, what it gets, and how far it has got. It reads the pages of the tail, which
 * are shared, or, while it is behind the tail, pages of its own. So it holds no bytes that others have too, however slowly
 * it reads. Pure: bytes come out, what was sent and the time come in. One thread at a time.
 */
#ifndef WS_BROKER_STREAM_STREAM_FOLLOWER_H
#define WS_BROKER_STREAM_STREAM_FOLLOWER_H

#include "common/access/secret.h"
#include "ws-broker/stream/stream_tail.h"

#include <sys/uio.h>

enum {
    STREAM_KEEP_ALIVE_MS = 15000,
    STREAM_READ_TIMEOUT_MS =
        30000,                   /* for a follower that takes nothing, like nginx's send_timeout */
    STREAM_RETRY_MS = 1000,      /* how long a client waits before it comes back */
    STREAM_OWN_PAGE_EVENTS = 32, /* of a page of its own: less than 16 KiB as a rule */
};

struct stream_follower {
    struct stream_filter filter;
    bool with_queue, queue_changed; /* whether it wants to know that, and has to be told */
    char key_id[SECRET_ID_SIZE];    /* "": no keys are required */
    char request_id[65];
    int64_t opened_at_ms; /* monotonic, like the others */

    int64_t
        passed_id;   /* it has all events up to this one, but for those in `page` from `index` on */
    int64_t told_id; /* the last id that was written to it */
    const struct stream_page *page; /* that it reads; NULL: none */
    size_t index, offset;           /* in `page`: the entry, and what of it was sent */
    struct stream_page *own_page;   /* `page`, if that is its own */
    struct buffer own;              /* lines to it alone, which are sent before the next event */
    size_t own_sent;

    bool is_blocked; /* its socket takes no more at present */
    int64_t sent_at_ms,
        taken_at_ms; /* when its socket last took bytes; the same, or when it was blocked */
    int64_t events;  /* that it got */
};

/* How a stream begins. */
enum stream_begin { STREAM_FROM_NOW, STREAM_RESUMED, STREAM_RESET_TOO_OLD, STREAM_RESET_UNKNOWN };

/* Decides it for a client whose last event was `last_id`; has_last_id false: it is new. oldest, newest:
   store_read_event_range. */
enum stream_begin stream_follower_choose(bool has_last_id, int64_t last_id, int64_t oldest,
                                         int64_t newest);

const char *stream_begin_name(enum stream_begin begin);

/* Begins, after filter and key were set: the head of the answer, and the event that tells where the stream begins. */
void stream_follower_begin(struct stream_follower *follower, enum stream_begin begin,
                           int64_t last_id, int64_t oldest, int64_t newest, int64_t now_ms);
void stream_follower_fini(struct stream_follower *follower);

/* What it misses has been removed: tells it, and goes on after `newest`. */
void stream_follower_reset(struct stream_follower *follower, int64_t oldest, int64_t newest);

/* What is to be sent next, up to `most` pieces; returns how many. 0: nothing, or it is behind the tail and needs a page. */
size_t stream_follower_pieces(struct stream_follower *follower, const struct stream_tail *tail,
                              struct iovec pieces[], size_t most);
/* That many bytes of the pieces were sent. */
void stream_follower_sent(struct stream_follower *follower, const struct stream_tail *tail,
                          size_t bytes, int64_t now_ms);

/* Whether it needs a page of its own, of what its filter lets through after passed_id. */
MUST_CHECK bool stream_follower_is_behind(struct stream_follower *follower,
                                          const struct stream_tail *tail);
/* Gives it that page, which it then owns. */
void stream_follower_take_page(struct stream_follower *follower, struct stream_page *page);

/* The page is about to leave the tail: a follower that reads it copies the event that it has in part, and is then behind. */
void stream_follower_leave_page(struct stream_follower *follower, const struct stream_page *page);

/* Its socket takes no more; the caller sets is_blocked to false when it does again. */
void stream_follower_blocked(struct stream_follower *follower, int64_t now_ms);

/* Clients have changed the queue: a follower that wants to know is told at the next tick. No event of the store says so. */
void stream_follower_queue_changed(struct stream_follower *follower);

/* At least once a second. False: the follower takes nothing, and is to be closed. */
MUST_CHECK bool stream_follower_tick(struct stream_follower *follower, int64_t now_ms);

/* The last lines before the connection is closed: why, in one line. Nothing within an event: the client drops that, and asks
   for it again. */
void stream_follower_say_end(struct stream_follower *follower, const char *why);

/* When followers are written to again, after a pass from began_ms to ended_ms; left_some: it did not come to all of them. */
int64_t stream_next_pass_ms(int64_t began_ms, int64_t ended_ms, bool left_some);

#endif
