/*
 * The simulated world: a broker core, its store, phones and their radios, the network between them,
 * people who queue and cancel, and everything that goes wrong. One thread, no clock, no sockets;
 * all chance comes from the seed, so that a run can be repeated.
 *
 * Each file has its part of it:
 *   world_store.c   the store, in memory; what is not committed is lost with the broker
 *   broker_host.c   carries out what the core wants; kills it, drains it, starts it again
 *   broker_store.c  the store as a broker has it: writes in groups, and reads
 *   two_brokers.c   worlds with two brokers: what goes wrong there alone, and the invariants over that
 *   link.c          connections: frames on their way, in order, until the connection is cut
 *   phone*.c        phones with a journal, basic and polled ones (polled.h); radio.c what becomes of a text
 *   faults.c        the conditions of a seed, and its faults
 *   clients.c       requests, which are repeated when no answer came, and the invariants over them
 *   incoming.c      SMS that phones receive, and the invariants over them
 *   opt_outs.c      recipients that opt out and in again by such SMS, and the invariants over that
 *   options.c       what clients ask for with a message, and the invariants over that
 *   devices.c       what operators decide about phones, and their SIMs; who may have a message
 *   load.c          a world of its own, with more to send than can be sent
 *   invariants.c    what really happened, and the invariants over it
 */
#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

#include "common/base/buffer.h"
#include "tests/simulation/polled.h"
#include "tests/simulation/random.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/world_store.h"
#include "ws-broker/core/broker.h"

enum {
    MOST_BROKERS = 2,
    MOST_CONNECTIONS = 64,
    MOST_ATTEMPTS = 128,
    MOST_REPORTS = 512, /* of one phone, over all its journals */
    MOST_SUBMITS = 16,
    MOST_OUTBOX = 128,
    MOST_WRITES = 1024,
    MOST_INCOMING = 16,
    MOST_RESENDS = 4,
    MOST_REQUESTS = MOST_MESSAGES + MOST_RESENDS,
    MOST_IN_REQUEST = 5, /* messages of a batch */
    MOST_GROUPS = 3,
    MOST_SIMS = 2,
    DEVICES_SIMS_SIZE = 64,
    INCOMING_TEXT_SIZE = 16,
};

/* ---- The broker ---- */

struct queued_write {
    struct store_write *write;
    int64_t trusted_wall_ms; /* when it was submitted; 0: the clock was not trusted */
};

struct queued_writes {
    struct queued_write writes[MOST_WRITES];
    size_t count;
};

struct host {
    unsigned index;
    struct broker *broker; /* NULL: not running */
    unsigned generation;
    struct message_id instance;
    struct broker_options options;
    struct queued_writes waiting, batch, committed;            /* committed: answers on their way */
    struct store_work *poll;                                   /* under way; NULL: none */
    enum { POLL_BEGINS, POLL_WAITS, POLL_HAS_RUN } poll_state; /* waits: for the transaction */
    enum error poll_result;
    int64_t tick_at_ms;
    struct seen_clock clock;
    bool draining;

    /* In worlds of two brokers. */
    bool in_transaction;     /* the open one is its own */
    unsigned transactions;   /* so far: an event is about one of them */
    int64_t clock_offset_ms; /* from the clock of the others */
    int64_t slow_ms;         /* the most that its store takes longer than that of others */
    int64_t frozen_until_ms;
    int64_t leased_at_ms; /* monotonic; of its last lease. 0: it has none */
    struct {
        bool is_away; /* without a connection to the store */
        int64_t until_ms, cut_off_until_ms;
        bool is_unknown; /* what has become of its transaction: the COMMIT was under way */
        bool committed;  /* which nobody knows */
        int64_t
            doubt; /* its number in world_store.committed, once its broker was told so; 0: not yet */
    } lost;
};

/* ---- The network ---- */

struct flying {
    struct flying *next;
    int64_t at_ms;
    enum { FLYING_TEXT, FLYING_PING, FLYING_PONG, FLYING_CLOSE } kind;
    enum error close_error;
    char *text; /* owned */
};

struct link {
    struct flying *first, *last;
    int64_t last_at_ms;
    unsigned due; /* arrived, but not read */
};

struct connection {
    bool used;
    unsigned generation;
    unsigned phone;
    bool assured, polled;
    bool phone_is_open, broker_is_open;
    bool is_opening;
    bool greeted;    /* the phone was welcomed on it */
    unsigned opened; /* the phone's count */
    bool paused;     /* the broker does not read */
    bool writable_is_due;
    unsigned host;         /* the broker that it leads to */
    int64_t session_epoch; /* which its phone was told; 0: none yet */
    session_id session;
    struct link up, down;
};

/* ---- Clients and operators ---- */

/* What a client wants to be done once, however often it asks. */
struct request {
    enum { REQUEST_ONE, REQUEST_BATCH, REQUEST_RESEND } kind;
    bool has_key; /* an idempotency key: it is repeated until there is an answer */
    bool ignores_opt_out;
    bool is_over; /* answered, refused, or given up */
    unsigned tries;
    unsigned count; /* of its messages, whose numbers follow each other */
    int first;      /* of those that are there; NOBODY */
    int told;       /* the first that the client was told of; NOBODY */
    struct message_options options[MOST_IN_REQUEST];
    int old;                      /* of a resend: the message, NOBODY until one is chosen; */
    bool again, accept_duplicate; /* and what the client says of it */
    int64_t cancel_after;         /* of a batch: a cursor; */
    unsigned cancel_seen;         /* and how many messages the pages had */
};

/* What an operator has decided about a phone. */
struct decision {
    unsigned groups; /* bits */
    bool disabled;
    unsigned daily_segments, window_segments; /* limits of its own; 0: none */
};

/* ---- Phones ---- */

struct journal {
    struct message_id epoch;
    struct journal_entry {
        enum {
            ENTRY_NONE,
            ENTRY_OFFERED,
            ENTRY_RELEASED,
            ENTRY_SUBMITTING,
            ENTRY_DONE,
            ENTRY_DROPPED
        } state;
        unsigned attempt;
        int64_t expires_at_ms; /* 0: never */
        bool nothing_sent;     /* ENTRY_DONE */
    } entries[MOST_MESSAGES];
    struct outgoing {
        unsigned seq;
        unsigned message, attempt;
        enum message_status status;
        const char *code;
        unsigned parts_sent;
    } outbox[MOST_OUTBOX];
    unsigned outbox_count;
    unsigned incoming[MOST_INCOMING], incoming_count; /* SMS that are not acknowledged */
};

struct phone {
    unsigned index;
    bool assured, polled; /* neither: a basic one */
    bool runs;
    unsigned incarnation; /* one more with each start */
    struct journal memory, disk;
    unsigned epochs;
    int64_t wiped_at_ms; /* 0: never */
    unsigned last_seq;
    unsigned last_opened; /* of its connections, at the broker */
    int current, older;   /* connections; NOBODY */
    bool connects;        /* an event for that is on its way */
    int64_t wait_ms;      /* before the next connection */

    bool reads_older;     /* goes on with an old connection beside the new one */
    bool notices_silence; /* of its radio, and reports a timeout */
    int64_t slow_ms;
    unsigned credit;
    bool no_sim;
    bool ignores_options; /* an older app */
    bool tells_sims;
    unsigned sims, told_sims; /* bit N for slot N: those it has, and has told on this connection */
    unsigned ever_told;       /* bit N: it has told the set N */

    struct app app; /* of a polled phone */

    struct decision decided; /* on disk */
    int64_t use_day;         /* while it has a limit of its own, what it was given: the day, */
    unsigned use;            /* and the segments */

    /* A basic phone: what it was given, for ever; the last status, until it is killed. */
    bool seen[MOST_MESSAGES];
    bool has_status[MOST_MESSAGES];
    enum message_status status[MOST_MESSAGES];
    const char *code[MOST_MESSAGES];
    int64_t expires_at_ms[MOST_MESSAGES];

    struct reported {
        unsigned message, attempt;
        enum message_status status;
    } reported[MOST_REPORTS]; /* by seq */
};

/* ---- What really happened ---- */

struct submit {
    unsigned phone, attempt;
    bool taken;       /* the network has it, or a part */
    bool proved;      /* the phone has journaled that nothing was sent */
    bool interrupted; /* the phone was killed before the radio had answered */
    bool
        unnoted; /* the app of a polled phone does not know that it has sent it, and may do so again */
    bool too_late; /* it had said before that it was cancelled */
};

struct record {
    bool promised;    /* a client was given the id */
    unsigned resends; /* that made another message of it */
    bool cancelled;   /* by the gateway, before a phone was told to send it */
    bool stopped;     /* it was there when its recipient opted out */
    bool revoke_promised;
    enum message_status status; /* on disk */
    unsigned attempt, event_count;
    struct {
        int device;
        struct message_id journal;
        bool basic, polled, dispatched, accepted, proved;
        bool claims_nothing; /* a polled phone has said that nothing was sent */
        int64_t accepted_ms; /* wall */
        bool released;       /* the release was on the wire */
        unsigned reports;
        bool by_broker, was_told; /* a broker claimed it, and has its answer, */
        bool may_be_untold;       /* or died, */
        bool in_doubt;            /* or was told that it is not known */
        unsigned host;
    } attempts[MOST_ATTEMPTS];
    unsigned new_sms_count;
    struct submit submits[MOST_SUBMITS];
    unsigned submit_count;
};

/* The conditions of a seed. */
struct conditions {
    unsigned messages;
    int64_t faults_ms; /* how long things go wrong */
    int64_t fault_every_ms;
    unsigned cuts, kills, drains, crashes, wipes, jumps, troubles, seconds, cancels, lost_doorbells,
        sim_losses, credit_changes, decisions, sim_changes;      /* weights; 0: never */
    unsigned crash_per_mille;                                    /* at each step of a phone */
    unsigned definite, permanent, ambiguous, partial, no_result; /* per mille of submits */
    unsigned options;                                            /* per mille of messages */
    unsigned keys, batches, lost_answers;                        /* per mille of requests */
    unsigned resends;
    int64_t delay_ms, commit_ms;
    unsigned long_delays;    /* per mille */
    unsigned write_failures; /* per mille */

    /* Of two brokers: weights, and how many of a thousand transactions lose their connection. */
    unsigned freezes, cut_offs, moves, lost_connections;
};

struct counts {
    uint64_t seeds, steps, messages, kills, drains, wipes, crashes, cuts, jumps, commits_lost,
        frames, listings, registrations, submits, incoming, opt_outs, expired, replays, batches,
        resends, decisions, events, freezes, lost_connections, outcomes_unknown, ended_brokers,
        moves, violations;
    uint64_t ended[MESSAGE_STATUS_COUNT];
};

enum { TRACE_LINES = 4096, TRACE_WIDTH = 200 };

struct trace {
    char lines[TRACE_LINES][TRACE_WIDTH];
    uint64_t count;
    bool print; /* at once */
};

/* What a follower of the events has seen; it was read between transactions. */
struct follower {
    struct random random;
    int64_t cursor;
    unsigned seen[MOST_MESSAGES]; /* events of the message */
    enum message_status status[MOST_MESSAGES];
    struct message_id batches[MOST_REQUESTS]; /* that are finished */
    unsigned batch_count;
    bool connected[MOST_PHONES];
    unsigned incoming_count;
};

struct world {
    uint64_t seed;
    enum mutation broken;
    struct random random;
    struct schedule schedule;
    int64_t now_ms, wall_offset_ms;
    int64_t right_ms;       /* what wall_offset_ms is when the clock is right */
    int64_t small_jumps_ms; /* of the wall clock, that the broker cannot see */
    struct conditions conditions;
    unsigned second_connections; /* so far */
    bool recovering;             /* faults have ended */
    int64_t recovering_since_ms;

    struct world_store store;
    enum error store_trouble; /* its commits end with this; ERROR_NONE */
    struct host hosts[MOST_BROKERS];
    unsigned broker_count;
    int64_t clock_set_ms[2];   /* when it was set last, and before that */
    int64_t greeting_delay_ms; /* that a frozen broker may add */
    struct connection connections[MOST_CONNECTIONS];
    struct phone phones[MOST_PHONES];
    unsigned phone_count;
    struct record records[MOST_MESSAGES];
    unsigned message_count; /* that are there, or were promised */
    struct request requests[MOST_REQUESTS];
    unsigned request_count;
    struct {
        unsigned phone;
        bool journaled;
        enum keyword { KEYWORD_NONE, KEYWORD_STOP, KEYWORD_START } keyword;
        unsigned recipient;    /* of messages, who sends it; where it has a keyword */
    } incoming[MOST_INCOMING]; /* SMS that phones have received */
    unsigned incoming_count;

    struct follower follower;
    struct polled_world polled;

    struct {
        struct random random;
        bool happen;
        bool out[RECIPIENTS]; /* on disk */
    } opt_outs;

    char violation[256]; /* "": none */
    struct counts *counts;
    struct trace *trace; /* NULL: none is kept */
};

/* ---- world.c ---- */

/* Runs a whole seed; false when an invariant was violated. `trace` may be NULL. */
bool world_run(uint64_t seed, unsigned brokers, enum mutation broken, struct counts *counts,
               struct trace *trace, char violation[256]);

void world_schedule(struct world *world, int64_t in_ms, struct event event);
int64_t world_wall_ms(const struct world *world);

/* A line of the trace; costs nothing when there is none. */
#define TRACE(world, ...)                                                                          \
    do {                                                                                           \
        if ((world)->trace)                                                                        \
            world_trace(world, __VA_ARGS__);                                                       \
    } while (0)
PRINTF_FORMAT(2, 3) void world_trace(struct world *world, const char *format, ...);

/* A transaction of the store; invariants.c checks what it commits. `host`: whose it is, by its clock; NULL: the API's. */
void world_begin_transaction(struct world *world, const struct host *host);
void world_commit_transaction(struct world *world);

/* ---- broker_host.c ---- */

void host_start(struct world *world, struct host *host);
void host_kill(struct world *world, struct host *host);
/* Frees a core at the end of the run. */
void host_discard(struct world *world, struct host *host);
void host_drain(struct world *world, struct host *host);
void host_tick(struct world *world, struct host *host);
void host_schedule_tick(struct world *world, struct host *host);
void host_pump(struct world *world, struct host *host);
void host_write(struct world *world, unsigned connection);
void host_end_lease_if_drained(struct world *world, struct host *host);
void host_schedule(struct world *world, const struct host *host, int64_t in_ms,
                   enum event_kind type);

/* ---- broker_store.c ---- */

void queued_writes_add(struct queued_writes *queue, struct store_write *write,
                       int64_t trusted_wall_ms);
struct queued_write queued_writes_take(struct queued_writes *queue);
void broker_store_submit(struct world *world, struct host *host, struct store_write *write);
void broker_store_poll(struct world *world, struct host *host, struct store_work *work);
void broker_store_end_poll(struct host *host, enum error result, int64_t now_ms);
void broker_store_polled(struct world *world, struct host *host);
void broker_store_commit(struct world *world, struct host *host);
void broker_store_answer(struct world *world, struct host *host);
/* Ends its open transaction: on disk as a whole, or not at all. */
void broker_store_end_transaction(struct world *world, struct host *host, bool commits);
/* Where no transaction is open: the first broker that waits begins one; `first` is asked first. */
void broker_store_go_on(struct world *world, unsigned first);

/* ---- two_brokers.c ---- */

void two_brokers_init(struct world *world);
void two_brokers_recover(struct world *world);
/* Faults. */
void two_brokers_freeze(struct world *world, struct host *host);
void two_brokers_cut_off(struct world *world, struct host *host);
/* The one that a new connection of the phone leads to. */
unsigned two_brokers_choose(struct world *world, const struct phone *phone);
/* How a broker is started again. */
int64_t two_brokers_restart_ms(struct world *world, struct host *host);
/* Whether the event has to wait until its broker goes on; it is then scheduled again. */
bool two_brokers_defer(struct world *world, const struct host *host, const struct event *event);
bool two_brokers_is_frozen(const struct world *world, const struct host *host);
/* Of a transaction: whether its connection is lost now. */
bool two_brokers_lose_connection(struct world *world, struct host *host);
void two_brokers_event(struct world *world, struct host *host, const struct event *event);
/* The invariants over two brokers. */
/* The broker gets the answer. */
void two_brokers_note_told(struct world *world, const struct host *host,
                           const struct store_write *write);
/* It does not, or not what has become of its writes. */
void two_brokers_note_untold(struct world *world, const struct host *host);
/* Whether the transaction of that broker that is committed now is one of which it was told that the outcome is not known. */
bool two_brokers_is_in_doubt(const struct world *world, int host);
void two_brokers_check_lease(struct world *world, const struct change *change);
void two_brokers_check_left(struct world *world, const struct change *change);
bool two_brokers_are_settled(const struct world *world);
void two_brokers_check_end(struct world *world);

/* ---- link.c ---- */

/* NOBODY when there are too many. */
int link_open(struct world *world, unsigned phone);
void link_establish(struct world *world, unsigned connection);
void link_send_up(struct world *world, unsigned connection, int kind, char *text);
void link_send_down(struct world *world, unsigned connection, int kind, char *text,
                    enum error close_error);
void link_frame_up(struct world *world, unsigned connection);
void link_frame_down(struct world *world, unsigned connection);
void link_pause(struct world *world, unsigned connection, bool pause);

/* One side ends it. Of what it has sent, some still arrives (all if `gently`), and the other
   side notices some time. */
void link_leave_phone(struct world *world, unsigned connection, bool gently);
void link_leave_broker(struct world *world, unsigned connection, bool gently);
void link_broker_notices(struct world *world, unsigned connection);
void link_phone_notices(struct world *world, unsigned connection);
void link_release_all(struct world *world);

/* ---- phone.c ---- */

void phone_init(struct world *world, unsigned index);
void phone_start(struct world *world, unsigned index);
void phone_kill(struct world *world, unsigned index);
void phone_wipe(struct world *world, unsigned index);
void phone_connect_later(struct world *world, unsigned index);
void phone_connects(struct world *world, unsigned index, bool second);
void phone_opened(struct world *world, unsigned connection);
void phone_receives(struct world *world, unsigned connection, const struct flying *frame);
void phone_lost(struct world *world, unsigned connection);
void phone_changes_credit(struct world *world, unsigned index);
/* Whether the phone is killed at this very point. */
bool phone_dies_here(struct world *world, struct phone *phone);

/* ---- phone_assured.c ---- */

void assured_greet(struct world *world, struct phone *phone, unsigned connection);
void assured_receives(struct world *world, struct phone *phone, unsigned connection,
                      const char *text);
void assured_starts(struct world *world, struct phone *phone);
void assured_submits(struct world *world, struct phone *phone, unsigned message, unsigned attempt);
void assured_radio(struct world *world, struct phone *phone, unsigned message, unsigned attempt,
                   unsigned result);
void assured_send_reports(struct world *world, struct phone *phone, unsigned connection);

/* ---- phone_basic.c ---- */

void basic_greet(struct world *world, struct phone *phone, unsigned connection);
void basic_receives(struct world *world, struct phone *phone, unsigned connection,
                    const char *text);
void basic_send_reports(struct world *world, struct phone *phone, unsigned connection);
void basic_submits(struct world *world, struct phone *phone, unsigned message);
void basic_radio(struct world *world, struct phone *phone, unsigned message, unsigned result);

/* ---- radio.c ---- */

enum radio_result {
    RADIO_SENT,
    RADIO_DELIVERED,
    RADIO_UNDELIVERED, /* the network says so, later */
    RADIO_DEFINITE,
    RADIO_PERMANENT,
    RADIO_AMBIGUOUS,
    RADIO_PARTIAL, /* some parts went out */
    RADIO_TIMEOUT, /* the phone waited long enough */
};

void radio_submit(struct world *world, struct phone *phone, unsigned message, unsigned attempt);
struct submit *radio_find(struct world *world, unsigned message, unsigned phone, unsigned attempt);

/* ---- faults.c ---- */

void faults_init(struct world *world);
void faults_inject(struct world *world);
void faults_end(struct world *world);

/* ---- clients.c ---- */

enum fate { FATE_ANSWERED, FATE_KILLED, FATE_ANSWER_LOST }; /* of a request at the API */

enum client_step { CLIENT_REQUESTS, CLIENT_CANCELS, CLIENT_COMMITS, OPERATOR_DECIDES };

void clients_init(struct world *world);
/* `about`: a request; a phone where an operator decides. */
void clients_step(struct world *world, enum client_step step, unsigned about);
/* Whether none waits for an answer. */
bool clients_are_done(const struct world *world);
void clients_check_end(struct world *world);
enum fate clients_draw_fate(struct world *world);
/* Runs a write of the API in a transaction of its own. */
void clients_run(struct world *world, struct store_write *write, enum fate fate);
void clients_ring(struct world *world);

/* ---- devices.c ---- */

void devices_init(struct world *world);
void devices_group_name(unsigned group, char name[DEVICE_GROUP_SIZE]);
void devices_decide(struct world *world, unsigned phone);
void devices_change_sims(struct world *world, unsigned phone);
/* The SIMs of the phone, as a member of its device information; "" when it does not tell them. */
const char *devices_sims_text(struct phone *phone, char text[DEVICES_SIMS_SIZE]);
/* After a greeting: the SIMs may have changed since. */
void devices_tell_sims(struct world *world, struct phone *phone);
void devices_check_given(struct world *world, const struct change *change);
void devices_check_returned(struct world *world, const struct change *change);
/* Whether some phone may have the message, as things are. */
bool devices_can_send(const struct world *world, unsigned message);

/* ---- options.c ---- */

/* What a client asks for with a message. */
void options_draw(struct world *world, struct message_options *options);
/* Whether the times that it asks for have passed. */
bool options_are_late(const struct world *world, const struct message_options *options);
void options_check_transition(struct world *world, const struct change *change);
void options_check_submit(struct world *world, const struct phone *phone, unsigned message);
void options_check_claims(struct world *world);
/* Of an offer, or of the frame of a basic phone. */
void options_check_frame(struct world *world, unsigned phone, unsigned message, const char *text);

/* What the phone's clock says; it is always right. */
int64_t phone_clock_ms(const struct world *world);
/* Whether it still may send what expires then. */
bool phone_has_time(const struct world *world, const struct phone *phone, int64_t expires_at_ms);

/* ---- incoming.c ---- */

void incoming_init(struct world *world);
void incoming_event(struct world *world, const struct event *event);
/* After a greeting, or when the connection closes. */
void incoming_send_all(struct world *world, struct phone *phone, unsigned connection);
/* Any frame of the gateway; ignores others. */
void incoming_receives(struct world *world, struct phone *phone, const char *text);
/* The phone need not keep it any longer. */
void incoming_forget(struct world *world, struct phone *phone, unsigned number);
/* Whether the phone has it, and is to pass it on. */
bool incoming_is_kept(const struct phone *phone, unsigned number);
void incoming_sms_of(const struct world *world, unsigned number, struct incoming_sms *sms,
                     char text[INCOMING_TEXT_SIZE]);
/* It is said to be stored. */
void incoming_check_stored(struct world *world, unsigned number);
void incoming_wiped(struct world *world, unsigned phone);
/* Whether no phone waits for an acknowledgement. */
bool incoming_is_settled(const struct world *world);
void incoming_check_ack(struct world *world, const char *text);
void incoming_check_end(struct world *world);

/* ---- opt_outs.c ---- */

void opt_outs_init(struct world *world);
/* Whether the key of a request does. */
bool opt_outs_draw_ignores(struct world *world);
void opt_outs_note(struct world *world, const struct change *change);
void opt_outs_check_given(struct world *world, const struct change *change);
/* After its transaction. `first`: of the numbers that the request had for its messages. */
void opt_outs_check_request(struct world *world, const struct request *request, unsigned first,
                            enum error result, bool replayed);

/* ---- follower.c ---- */

/* After a commit: perhaps a page. */
void follower_reads(struct world *world);
void follower_check_end(struct world *world);

/* ---- load.c ---- */

void load_run(struct world *world);

/* ---- invariants.c ---- */

void invariants_check_transition(struct world *world, const struct change *change);
void invariants_check_frame(struct world *world, unsigned phone, const char *text);
void invariants_check_close(struct world *world, unsigned connection, enum error error);
/* What a phone is told that it may send. */
void invariants_check_release(struct world *world, unsigned phone, unsigned message,
                              unsigned attempt);
void invariants_check_submit(struct world *world, unsigned phone, unsigned message,
                             unsigned attempt);
void invariants_check_rows(struct world *world);
bool invariants_all_finished(const struct world *world);
void invariants_check_end(struct world *world);

PRINTF_FORMAT(2, 3) void violate(struct world *world, const char *format, ...);

/* ---- Reading the gateway's frames; they are ours, so no parser is needed ---- */

bool frame_is(const char *text, const char *type);
/* MOST_MESSAGES without one. */
unsigned frame_message(const char *text);
unsigned frame_number(const char *text, const char *name);
/* 0 without one. */
int64_t frame_expires_at_ms(const char *text);

#endif
