/*
 * A phone's connection, as the broker core sees it: what it said of itself, the messages it holds,
 * what it is to be sent next. No sockets, no store, no clock: times are passed in, monotonic.
 * The loop thread's.
 */
#ifndef WS_BROKER_CORE_SESSION_H
#define WS_BROKER_CORE_SESSION_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "common/store/store.h"
#include "ws-broker/core/phone_heap.h"
#include "ws-broker/core/send_budget.h"

/* Names a session for ever: never used again, so that a late completion cannot meet another. The
   lower half is its slot, below the most sessions there ever were at once; the upper half grows
   with each session. */
typedef uint64_t session_id;

static inline uint32_t session_slot(session_id id)
{
    return (uint32_t)id;
}

enum session_state {
    SESSION_NEW,        /* open, has not said what it is */
    SESSION_SYNCING,    /* has said it, and sends its journal */
    SESSION_CONNECTING, /* its presence is being committed */
    SESSION_READY,      /* acknowledged; gets messages */
    SESSION_CLOSING,    /* gets what is queued and then a close frame; reports still count */
};

/* How many answers a phone may have to come before it is not read from for a while. */
enum { SESSION_MAX_OWED = 64 };

/* A message in the phone's hands, or on the way there. */
struct in_flight_message {
    struct message_id id;
    unsigned attempt;
    char *frame;       /* owned; NULL once it is written */
    bool offered;      /* not released yet, so it can go to another phone */
    bool answered;     /* the phone has acknowledged the offer */
    bool revoked;      /* the phone knows that nobody wants it any more */
    int64_t due_at_ms; /* when its answer, or a report about it, is overdue; from the writing */
};

/* A frame of ours beside the messages. */
struct control_frame {
    struct control_frame *next;
    char *text; /* owned */
};

struct session {
    /* What each tick looks at, of thousands */
    session_id id;
    enum session_state state;
    bool named;   /* it has said who it is, so its reports count, also when it is closing */
    bool assured; /* it has a journal */
    bool ping_due;
    bool close_written;
    bool paused;            /* not read from, because of what it is owed */
    bool throttled;         /* not read from, because of the work it makes */
    bool dropped;           /* nothing is left but its end */
    bool info_changed;      /* its device row is behind */
    bool spoke;             /* said something since the row was written */
    enum error close_error; /* why, once it is closing */
    int64_t heard_at_ms;    /* the last sign of life */
    int64_t pinged_at_ms;   /* the last ping, or the opening */
    int64_t updated_at_ms;  /* when the row was written */
    struct phone_heap_entry heap_entry;
    unsigned credit; /* messages it takes at once */
    unsigned capacity;
    unsigned in_flight_count;
    unsigned claimed_slots; /* places promised to a hand-over that is being committed */
    struct in_flight_message *in_flight; /* room for the capacity, from the first message on */
    unsigned control_count;
    unsigned consecutive_failures; /* messages in a row of which it sent nothing */
    int64_t backoff_until_ms;      /* because of these */
    int64_t capped_until_ms;       /* it has had its segments of the day */
    struct send_budget send_budget;

    /* The rest */
    int64_t closing_at_ms;
    int64_t took_at_ms;  /* when it last took a frame, or was paused */
    double frame_tokens; /* frames it may send now */
    int64_t frame_tokens_at_ms;
    double work_tokens; /* below 0: it has made more work than it may */
    int64_t work_tokens_at_ms;
    int64_t throttled_until_ms;
    unsigned pending_reports;                           /* on their way to the store */
    unsigned pending_acks;                              /* likewise */
    struct control_frame *first_control, *last_control; /* owned, oldest first */
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE]; /* "": it needs none */
    int64_t connection_epoch;      /* the store's count of this device's connections */
    struct device_info info;
    struct message_id journal;           /* its epoch */
    struct store_journal_entry *entries; /* owned; what it has sent of its journal */
    size_t entry_count;
    unsigned warnings; /* that it was sent about members of its frames */
    char *warning;     /* owned; the first of them, until the phone is greeted */

    struct session *next; /* the table's: among those that are free */
    uint32_t own_slot;    /* likewise: its slot */
};

/* Whether `a` was opened after `b`; four thousand million of them later the count starts again. */
static inline bool session_is_newer(const struct session *a, const struct session *b)
{
    return (int32_t)((uint32_t)(a->id >> 32) - (uint32_t)(b->id >> 32)) > 0;
}

/* Empties a session's memory; the structure itself stays the table's. */
void session_fini(struct session *session);

/* Remembers a message whose frame is to be written; takes the frame. False without memory. */
MUST_CHECK bool session_add_in_flight(struct session *session, const struct message_id *id,
                                      unsigned attempt, char *frame);

/* Remembers a message that the phone has from an earlier connection. Nothing when there is no more
   room. */
void session_add_written(struct session *session, const struct message_id *id, unsigned attempt,
                         int64_t due_at_ms);

/* The held message; NULL when it is not held, or in another attempt (0: whichever). */
struct in_flight_message *session_find_in_flight(struct session *session,
                                                 const struct message_id *id, unsigned attempt);

/* The message no longer fills the window, unless it is held in another attempt (0: whichever). */
void session_forget(struct session *session, const struct message_id *id, unsigned attempt);

/* Forgets what is the phone's and it has been silent about for too long. */
void session_forget_silent(struct session *session, int64_t now_ms);

/* Whether an offer has waited for its answer for too long. */
bool session_answer_is_overdue(const struct session *session, int64_t now_ms);

/* Takes out one message that another phone can have: it was offered and not released, or its frame
   was never written. False when there is none. */
bool session_take_returnable(struct session *session, struct in_flight_message *message);

/* How many messages the phone takes at once, and how many more now. */
unsigned session_limit(const struct session *session);
unsigned session_room(const struct session *session);

/* A phone that sent nothing of two messages in a row may have no SIM or no service. Its hands are
   always empty, so it would be the best of all and take what others can send. Until it has sent one
   it rests for 1 s, is given one message, rests for 2 s, is given another, and so on up to 60 s; and
   is preferred to others no more than with half of its window in use. */
void session_sent_nothing(struct session *session, int64_t now_ms);
void session_has_sent(struct session *session);
void session_was_given_one(struct session *session, int64_t now_ms);
bool session_is_in_backoff(const struct session *session, int64_t now_ms);
unsigned session_load_penalty(const struct session *session);

/* Queues a frame of ours beside the messages; takes it. False without memory, also for the frame. */
MUST_CHECK bool session_queue_control(struct session *session, char *frame);

/* The answers it has yet to get: reports at the store, and frames that wait. */
unsigned session_owed(const struct session *session);

/* What to write next on the connection. */
enum session_output {
    OUTPUT_NOTHING,
    OUTPUT_FRAME, /* appended to the buffer */
    OUTPUT_PING,
    OUTPUT_CLOSE, /* with session->close_error; nothing follows */
};

/* `due_at_ms` is for the message whose frame this is, if it is one. */
enum session_output session_take_output(struct session *session, int64_t due_at_ms,
                                        struct buffer *frame);

/* Takes a token for one frame from the phone. False when it sends more than `rate` a second in the
   long run, or twice as many at once. */
MUST_CHECK bool session_take_frame_token(struct session *session, int64_t rate, int64_t now_ms);

/* Counts work that the phone has made, in units of about a frame. How long it must not be read from then, so that
   it makes three for each frame that `rate` allows: 0 for a phone that sends frames of ordinary size. */
int64_t session_count_work(struct session *session, double work, int64_t rate, int64_t now_ms);

#endif
