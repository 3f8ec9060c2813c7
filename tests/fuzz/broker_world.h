/*
 * The world of fuzz_broker.c: a broker core, a store that answers late and refuses, and phones of
 * both levels that say anything.
 *
 *   fuzz_broker.c    what happens, as the input chooses, and the end
 *   broker_store.c   what the core has at the store: run in its order, answered in any
 *   broker_clients.c   messages with options, batches, cancelling, resending; what operators decide
 *   broker_phones.c  connections, and what phones say on them
 *   broker_in_flight.c   the messages in flight to each phone, and the frames it is owed
 *
 * What broker.h and PROTOCOL.md promise is checked wherever it could be broken:
 *   broker_writes.c  when the core makes a request to the store, and when the store completes it
 *   broker_frames.c  when a phone has sent a frame, and when a frame is written to it
 *   broker_time.c    after each event, when time has passed, and at the end
 *
 * The core need not say when it closes a connection. Where it did what only that would excuse, the
 * connection is marked (must_close), and must have its close frame once it is written everything.
 */
#ifndef TESTS_FUZZ_BROKER_WORLD_H
#define TESTS_FUZZ_BROKER_WORLD_H

#include "tests/fuzz/fuzz.h"
#include "tests/simulation/world_store.h"
#include "ws-broker/core/broker.h"
#include "ws-broker/protocol/frames.h"

enum {
    DEVICES = 3,
    SESSIONS = 6,
    WINDOW = 3,
    EVENTS = 400,
    MOST_ATTEMPTS = EVENTS, /* of a message: each takes an event at least */
    MOST_WRITES = 4096,     /* at the store */
    MAX_IN_FLIGHT = 2 * WINDOW,
    BATCH_MESSAGES = 3,
};

/* ---- The store ---- */

/* A write of the core, or its poll, from its request to its completion. */
struct pending {
    struct store_write *write; /* NULL: a poll */
    struct store_work *work;
    enum error poll_result;
    enum store_verb verb;
    enum { WRITE_WAITS, WRITE_HAS_RUN, WRITE_REFUSED } state; /* refused: it must be retried */
    session_id session; /* the connection whose frame caused it; 0: none */
    int64_t refused_at_ms;
};

/* An attempt of a message, as it really went. */
struct attempt {
    struct message_id journal; /* zero for a basic phone */
    unsigned char device;
    bool assured;
    bool claimed, accepted; /* on disk: assigned to that phone; and released to it */
    bool offered, given;    /* on the wire: the offer; the release, or a basic phone's frame */
    bool proved;            /* the phone has proved that nothing was sent */
    bool returned;          /* the core has returned it to the queue */
    bool orphaned;          /* claimed for a connection that had gone */
};

/* ---- Phones ---- */

/* A message in flight, or about to be, as the core must count it. */
struct in_flight {
    unsigned message, attempt;
    bool offered; /* and not released */
    bool written, answered;
    int64_t due_at_ms; /* once it is written: when its answer or a report is overdue */
};

/* A frame that the core has to write, because the store has answered. */
struct owed {
    const char *type;
    struct message_ref ref;
    unsigned credit;
    int64_t number;                     /* of a report, or a connection epoch */
    char received_id[RECEIVED_ID_SIZE]; /* of an incoming SMS; "": none */
    bool is_warning;                    /* an error frame about a frame that counts */
};

/* A phone's connection. */
struct phone {
    bool open;
    session_id id;
    unsigned device;
    bool assured;
    unsigned opened; /* ordinal of the connection */
    unsigned turn;   /* ordinal of the greeting; 0: none yet */

    /* What it said */
    enum frame_stage stage;
    struct device_info info; /* owned */
    struct message_id journal;
    unsigned credit;
    struct store_journal_entry *entries; /* owned; of its journal */
    size_t entry_count;

    unsigned
        consecutive_failures; /* messages in a row of which it sent nothing: from two on it may be in backoff */

    /* What the core did */
    bool paused, dropped, write_due;
    bool connected;           /* its presence is committed, and the core knows */
    int64_t connection_epoch; /* once connected */
    bool disabled;            /* as the core knows; */
    int64_t configured;       /* by the decision of that number */
    bool greeted, closed;
    unsigned warnable, warnings; /* frames with a warning, and warnings */
    bool must_close; /* the core did something that is allowed only when it closes the connection */

    struct in_flight in_flight[MAX_IN_FLIGHT];
    unsigned in_flight_count;
    struct owed *owed; /* owned */
    size_t owed_count;
    unsigned revoked[MOST_MESSAGES]; /* the attempt it was asked to cancel; 0: none */
};

enum { WALL_START_S = 1700000000 };

extern struct world {
    struct choices choices;
    struct broker_options options;
    struct broker *broker;
    int64_t now_ms, wall_offset_ms;
    bool draining;
    int64_t drain_until_ms;

    struct world_store store;
    struct device_configuration decided[DEVICES]; /* by an operator */
    unsigned batches, batch_counts[MOST_MESSAGES];
    struct pending pending[MOST_WRITES];
    size_t pending_count;
    unsigned refusals; /* how many of the next writes are refused at once */
    struct attempt attempts[MOST_MESSAGES][MOST_ATTEMPTS];
    unsigned orphaned;                              /* of them */
    bool lost[MOST_MESSAGES], device_lost[DEVICES]; /* the store refused the change until the end */

    struct phone phones[SESSIONS];
    unsigned opened, turns;
    unsigned last_opened[DEVICES]; /* of the connections that have greeted */
    int64_t seq;
    session_id slots[SESSIONS * WINDOW]; /* the session of each slot of the claim at the store */

    struct phone *speaker;    /* whose frame the core is reading, */
    const struct frame *said; /* what it says, NULL when it says nothing, */
    bool heard;               /* and whether a write followed from it */
} world;

static inline int64_t world_wall_ms(void)
{
    return (int64_t)WALL_START_S * 1000 + world.now_ms + world.wall_offset_ms;
}

/* ---- fuzz_broker.c ---- */

/* Carries out the core's actions. */
void world_pump(void);

/* ---- broker_store.c ---- */

void store_take(struct store_write *write);
void store_take_poll(struct store_work *work);
void store_run_next(void);
/* A write that has run is completed; one that has not is refused. */
void store_answer_one(unsigned choice);
void store_refuse_one(unsigned choice, enum error error);
void store_answer_all(void);
/* A write of another process, at once. */
enum error store_run_now(struct store_write *write);

/* The writes caused by frames of a connection, at the store or to be retried. */
unsigned store_count_of(session_id session);
unsigned store_count(enum store_verb verb);
struct attempt *store_find_attempt(const struct message_ref *ref);
bool store_has_received(unsigned device, const char *received_id);

/* ---- broker_clients.c ---- */

void clients_queue(unsigned message);
void clients_queue_batch(unsigned message);
void clients_resend(unsigned message);
void clients_cancel(unsigned message);
void clients_cancel_batch(unsigned batch);
void operators_decide(unsigned device);

/* Whether that device may be given the message; `sims`: those that the store knows of. */
bool clients_may_have(unsigned device, unsigned message, unsigned sims);
/* A message has left the queue for a device. */
void promise_claimed(const struct change *change);

/* ---- broker_phones.c ---- */

enum { PHONE_SPEECHES = 10 };

struct phone *phone_find(session_id id);
/* The connection of a device that greeted last, if it is still open. */
struct phone *phone_newest(unsigned device);
void phone_open(struct phone *phone);
void phone_close(struct phone *phone);
void phone_says(struct phone *phone, unsigned speech);
/* Takes up to `most` outputs. */
void phone_reads(struct phone *phone, unsigned most);

/* ---- broker_in_flight.c ---- */

/* In that attempt, 0: any; NULL when there is none. */
struct in_flight *in_flight_find(struct phone *phone, unsigned message, unsigned attempt);
/* The message whose frame is to be written. */
struct in_flight *in_flight_find_unwritten(struct phone *phone, unsigned message);
void in_flight_put(struct phone *phone, struct in_flight held);
void in_flight_take(struct phone *phone, struct in_flight *held);
/* Whether another phone can have it; whether no report came for so long that it is not counted any more. */
bool in_flight_is_returnable(const struct in_flight *held);
bool in_flight_is_silent(const struct in_flight *held);
unsigned in_flight_count_returnable(const struct phone *phone);
unsigned in_flight_count(const struct phone *phone);
/* How many messages the phone takes at once. */
unsigned in_flight_limit(const struct phone *phone);

void phone_owe(struct phone *phone, struct owed owed);
/* False when the frame was not owed. */
bool phone_pay(struct phone *phone, const struct owed *paid);

/* ---- broker_writes.c ---- */

/* When the core requests a write, when it is committed, and before the core is told. */
void promise_wanted(const struct pending *pending);
void promise_committed(const struct change *change);
void promise_answered(const struct pending *pending);

/* Before the core is told what a poll has found. */
void promise_polled(const struct store_work *work);

/* ---- broker_frames.c ---- */

/* Before the core reads a frame, and after; NULL for one that cannot be read. */
void promise_says(struct phone *phone, const struct frame *said);
void promise_said(struct phone *phone, const struct frame *said);

/* A frame for the phone, nothing more for now, a close frame, the end of the connection. */
void promise_frame(struct phone *phone, const struct buffer *text);
void promise_silence(const struct phone *phone);
void promise_closed(struct phone *phone, enum error error);
void promise_gone(const struct phone *phone);

/* ---- broker_time.c ---- */

void promise_settled(void);
void promise_in_time(void);
/* Once all writes are completed and all frames written: no message waits while a phone has room. */
void promise_messages_are_dispatched(void);
/* All connections are closed. */
void promise_at_the_end(void);

#endif
