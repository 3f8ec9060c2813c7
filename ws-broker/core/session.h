/*
 * A session: the broker's state for one connection of a device. What the device said about itself, the messages it has in
 * flight, and what is to be written to it. No sockets, no store, no clock: times are parameters, monotonic. One thread.
 */
#ifndef WS_BROKER_CORE_SESSION_H
#define WS_BROKER_CORE_SESSION_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "common/model/send_budget.h"
#include "common/store/store.h"
#include "ws-broker/core/phone_heap.h"
#include "ws-broker/core/session_state.h"

/* Names a session; never used again, so that a late completion cannot meet another session. The lower half is its slot,
   below the largest number of sessions at once; the upper half grows with each session. */
typedef uint64_t session_id;

static inline uint32_t session_slot(session_id id)
{
    return (uint32_t)id;
}

/* With so many answers owed to it, a device is not read from. */
enum { SESSION_MAX_OWED = 64 };

/* A message in flight, or about to be. */
struct in_flight_message {
    struct message_ref ref;
    char *frame;         /* owned; NULL once it is written */
    bool offered;        /* and not released: another device can still have it */
    bool acknowledged;   /* the device has acknowledged the offer */
    bool cancel_sent;    /* the device was asked to cancel it */
    unsigned segments;   /* of an offer that is withdrawn they are refunded; 0: they were */
    int64_t given_at_ms; /* of session_budget_ms */
    int64_t due_at_ms; /* from the writing on: when its answer, or a report about it, is overdue */
};

/* A frame beside the messages, which is written before them. */
struct control_frame {
    struct control_frame *next;
    enum sent_frame_type type;
    char *text; /* owned */
};

struct session {
    /* Read at each tick, for thousands of sessions */
    session_id id;
    const struct device_protocol *protocol;
    enum session_state state;
    bool identified; /* the device has said who it is: its reports count, also while closing */
    bool ping_due;
    bool close_written;
    bool paused;               /* not read from, because of what is owed to it */
    bool throttled;            /* not read from, because of the work it makes */
    bool dropped;              /* its connection is about to end */
    bool info_changed;         /* its device information is newer than its row */
    bool disabled;             /* an operator drains it */
    bool spoke;                /* it has sent something since its row was written */
    enum error close_error;    /* of SESSION_CLOSING: the reason */
    int64_t state_deadline_ms; /* session_states.def */
    int64_t heard_at_ms;       /* the last sign of life */
    int64_t pinged_at_ms;      /* the last ping, or the opening */
    int64_t updated_at_ms;     /* when its row was written */
    struct phone_heap_entry heap_entry;
    unsigned credit;   /* how many messages the device takes at once */
    unsigned capacity; /* the window */
    unsigned in_flight_count;
    unsigned claimed_slots;              /* for messages that a claim at the store may bring */
    struct in_flight_message *in_flight; /* owned; room for `capacity`, from the first message on */
    unsigned control_count;
    unsigned consecutive_failures;       /* messages in a row that it sent nothing of */
    int64_t backoff_until_ms;            /* because of these */
    int64_t daily_limit_until_ms;        /* it has reached its segments of the day */
    enum message_wait_reason noted_wait; /* what the store was told last, */
    int64_t noted_until_ms;              /* and until when */
    /* Of a polled device: until then it has been told of messages, and has not fetched them; how often in a row it did not, and
       when it is tried again all the same. */
    int64_t told_until_ms;
    unsigned unfetched;
    int64_t try_again_at_ms;
    struct send_budget send_budget;
    int64_t budget_offset_ms; /* session_budget_ms, minus monotonic time */

    /* The rest */
    int64_t opened_at_ms;
    int64_t took_at_ms;  /* when it last took a frame, or was paused */
    double frame_tokens; /* frames it may send now */
    int64_t frame_tokens_at_ms;
    double work_tokens; /* below 0: it has made more work than it may */
    int64_t work_tokens_at_ms;
    int64_t throttled_until_ms;
    unsigned pending_reports;  /* at the store */
    unsigned pending_acks;     /* at the store */
    unsigned pending_incoming; /* of the SMS at the store: one each, and one for each KiB */
    struct control_frame *first_control, *last_control; /* owned, oldest first */
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE]; /* "": it needs none */
    int64_t connection_epoch;      /* 0: its presence is not committed */
    struct device_info info;
    /* Owned; NULL: it has neither groups nor SIMs, and nothing was decided. */
    struct device_traits *traits;
    struct message_id journal_id;
    struct store_journal_entry *entries; /* owned; the journal, as far as it was sent */
    size_t entry_count;
    unsigned warnings; /* sent to it */
    char *warning;     /* owned error frame; the first one, kept until the device is greeted */

    /* The session table's own */
    struct session *next; /* among the free ones */
    uint32_t own_slot;
};

/* Whether `a` was opened after `b`; the count of openings wraps around after 2^32. */
static inline bool session_is_newer(const struct session *a, const struct session *b)
{
    return (int32_t)((uint32_t)(a->id >> 32) - (uint32_t)(b->id >> 32)) > 0;
}

/* A polled device that was told of messages so often, and fetched none, is given none for a while. */
enum { SESSION_ASLEEP_AFTER = 3 };

static inline bool session_is_awake(const struct session *session, int64_t now_ms)
{
    return session->unfetched < SESSION_ASLEEP_AFTER || now_ms >= session->try_again_at_ms;
}

/* Frees what a session owns; the structure itself is the table's. */
void session_fini(struct session *session);

/* The session's device, as the store's writes name it. */
struct store_holder session_holder(const struct session *session);

/* ---- Messages in flight ---- */

/* Adds a claimed message whose frame is to be written, given at that time of session_budget_ms; takes the frame. False
   without memory or room. */
MUST_CHECK bool session_add_in_flight(struct session *session, const struct message *message,
                                      int64_t given_at_ms, char *frame);

/* Adds one that the device is to fetch by then. False without memory or room. */
MUST_CHECK bool session_add_offer(struct session *session, const struct message_ref *ref,
                                  unsigned segments, int64_t given_at_ms, int64_t due_at_ms);

/* Adds a message that the device has from an earlier connection; nothing without room. */
void session_add_written(struct session *session, const struct message_ref *ref, int64_t due_at_ms);

/* NULL when the message is not in flight, or in another attempt. */
struct in_flight_message *session_find_in_flight(struct session *session,
                                                 const struct message_ref *ref);

/* The message no longer fills the window; nothing when it is in flight in another attempt. */
void session_forget(struct session *session, const struct message_ref *ref);

/* Another session of the device has them in flight. */
void session_forget_all(struct session *session);

/* Forgets messages that the device has sent no report about for too long. */
void session_forget_silent(struct session *session, int64_t now_ms);

/* Whether an offer has waited too long for its acknowledgement. */
bool session_answer_is_overdue(const struct session *session, int64_t now_ms);

/* Whether the device has an offer that it has not answered, or not fetched. */
bool session_has_offer(const struct session *session);

/* Takes out one message that another device can have: it was offered and not released, or its frame was never written.
   False when there is none. */
bool session_take_returnable(struct session *session, struct in_flight_message *message);

/* The device takes so many messages at once. */
void session_set_credit(struct session *session, unsigned credit);

/* How many messages the device may have in flight, and how many more it can be given now: one that has not fetched the last has
   one at a time. */
unsigned session_limit(const struct session *session);
unsigned session_room(const struct session *session);

/* ---- The send budget ---- */

/* The time by which the send budget counts: the wall clock as it was when the device connected, which goes on steadily. So
   it agrees with the store's, but for steps of the clock. */
static inline int64_t session_budget_ms(const struct session *session, int64_t now_ms)
{
    return now_ms + session->budget_offset_ms;
}

/* Of a wall-clock time of the store that has just been; of now where the clock was set. */
int64_t session_budget_time(const struct session *session, int64_t wall_ms, int64_t now_ms);

/* How long until the device may be given another message, with those that a claim may bring. */
int64_t session_budget_wait_ms(struct session *session, int64_t now_ms);

/* An offer is withdrawn: nothing of it was sent. */
void session_refund_offer(struct session *session, struct in_flight_message *message);

/* ---- Failures ---- */

/* A device that sent nothing of two messages in a row is suspect: it may have no SIM or no service. Its window is always
   empty, so without these rules it would be preferred to all others. Until it has sent a message it waits 1 s, is given
   one, waits 2 s, is given another, and so on up to 60 s; and it is rated as if half of its window were in use. */
void session_count_failure(struct session *session,
                           int64_t now_ms);           /* it sent nothing of a message */
void session_clear_failures(struct session *session); /* it sent a message */
void session_restart_backoff(struct session *session, int64_t now_ms); /* it was given a message */
bool session_is_in_backoff(const struct session *session, int64_t now_ms);
unsigned session_load_penalty(const struct session *session);

/* ---- Output ---- */

/* Queues a frame beside the messages; takes it, also on failure. False without memory. */
MUST_CHECK bool session_queue_control(struct session *session, enum sent_frame_type type,
                                      char *frame);

/* Answers that the device has yet to get: reports, acknowledgements and incoming SMS at the store, and queued frames. */
unsigned session_owed(const struct session *session);

/* What to write next on the connection. */
enum session_output {
    OUTPUT_NOTHING,
    OUTPUT_FRAME, /* appended to the buffer; *type says which */
    OUTPUT_PING,
    OUTPUT_CLOSE, /* with session->close_error; nothing follows */
};

/* `due_at_ms`: for the message whose frame this is, if it is one. */
enum session_output session_take_output(struct session *session, int64_t due_at_ms,
                                        struct buffer *frame, enum sent_frame_type *type);

/* ---- Rates ---- */

/* Takes a token for one frame from the device. False when it sends more than `rate` a second in the long run, or twice as
   many at once. */
MUST_CHECK bool session_take_frame_token(struct session *session, int64_t rate, int64_t now_ms);

/* Counts work that the device has made, in units of about a frame. Returns for how many milliseconds it must not be read
   from, so that it makes three units for each frame that `rate` allows; 0 for a device with frames of ordinary size. */
int64_t session_count_work(struct session *session, double work, int64_t rate, int64_t now_ms);

#endif
