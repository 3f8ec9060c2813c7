/*
 * The store has all messages and devices. Nothing above it knows which database it is.
 *
 * Writes are values. A thread fills in a `struct store_write` and submits it. The store runs the waiting writes in
 * one transaction, commits it durably, and only then calls `done` of each. Stores of one database, each in its process, take
 * turns; while others wait a transaction is short, and the writes that are left run in the next. So a write costs a share of one
 * fsync, and its result tells whether it is on disk (ERROR_NONE), whether that is unknown
 * (ERROR_OUTCOME_UNKNOWN), or that nothing of it happened (any other error). With a file, a write whose outcome is unknown is
 * invisible while any process has the database open; with a server it is there, or it is not, and the writer knows which
 * before its next transaction begins. The submitter must not tell others that it has not happened.
 *
 * Reads go through a `struct store_reader`; each thread has its own. A read ends within the time limit.
 *
 * The payloads of the writes, and the reads, are in a header for each aggregate: messages.h, inbox.h, opt_outs.h, idempotency.h,
 * devices.h, polled.h, access.h, limits.h, events.h, work.h, webhooks.h, activity.h, admin.h. What the writes do is decided in
 * verbs/, once for all backends; store_backend.h is what a database must offer.
 */
#ifndef COMMON_STORE_STORE_H
#define COMMON_STORE_STORE_H

#include "common/process/metrics.h"
#include "common/store/access.h"
#include "common/store/activity.h"
#include "common/store/admin.h"
#include "common/store/devices.h"
#include "common/store/events.h"
#include "common/store/idempotency.h"
#include "common/store/inbox.h"
#include "common/store/limits.h"
#include "common/store/messages.h"
#include "common/store/opt_outs.h"
#include "common/store/polled.h"
#include "common/store/waits.h"
#include "common/store/webhooks.h"
#include "common/store/work.h"

struct store;
struct store_reader;

enum {
    STORE_ERROR_SIZE = 512,
    STORE_TURN_US = 600,
};

enum store_verb {
    STORE_ENQUEUE,
    STORE_ENQUEUE_BATCH,
    STORE_CANCEL,
    STORE_CANCEL_BATCH,
    STORE_CLAIM,
    STORE_RELEASE,
    STORE_RETURN_TO_QUEUE,
    STORE_REPORT,
    STORE_POLL_MESSAGES,
    STORE_REPORT_POLLED,
    STORE_NOTE_POLLED,
    STORE_EXPIRE_UNREPORTED,
    STORE_DEVICE_CONNECT,
    STORE_DEVICE_UPDATE,
    STORE_DEVICE_DISCONNECT,
    STORE_NOTE_WAITS,
    STORE_CONFIGURE_DEVICE,
    STORE_BROKER_LEASE,
    STORE_CREATE_KEY,
    STORE_REVOKE_KEY,
    STORE_OPEN_SESSION,
    STORE_CREATE_PAIRING,
    STORE_PAIR,
    STORE_CREATE_TOKEN,
    STORE_REVOKE_TOKEN,
    STORE_COUNT_TAKEOVER,
    STORE_CREATE_TICKET,
    STORE_TAKE_TICKET,
    STORE_SET_SENDING,
    STORE_CREATE_WEBHOOK,
    STORE_CHANGE_WEBHOOK,
    STORE_REMOVE_WEBHOOK,
    STORE_TEST_WEBHOOK,
    STORE_REDELIVER,
    STORE_NOTE_DELIVERIES,
    STORE_RESEND,
    STORE_RECEIVE,
    STORE_CHANGE_OPT_OUTS,
    STORE_ERASE,
    STORE_PURGE,
    STORE_FIND_ANSWER,
    STORE_PROBE,
    STORE_SETTLE,
    STORE_VERB_COUNT
};

struct store_write {
    enum store_verb verb;
    union {
        struct store_enqueue enqueue;
        struct store_enqueue_batch enqueue_batch;
        struct store_cancel cancel;
        struct store_cancel_batch cancel_batch;
        struct store_claim claim;
        struct store_release release;
        struct store_return_to_queue return_to_queue;
        struct store_report report;
        struct store_poll_messages poll_messages;
        struct store_report_polled report_polled;
        struct store_note_polled note_polled;
        struct store_expire expire_unreported;
        struct store_connect_device connect;
        struct store_update_device update;
        struct store_disconnect_device disconnect;
        struct store_note_waits note_waits;
        struct store_configure_device configure;
        struct store_lease_broker lease;
        struct store_create_key create_key;
        struct store_revoke_key revoke_key;
        struct store_open_session open_session;
        struct store_create_pairing create_pairing;
        struct store_pair pair;
        struct store_create_token create_token;
        struct store_revoke_token revoke_token;
        struct store_count_takeover count_takeover;
        struct store_create_ticket create_ticket;
        struct store_take_ticket take_ticket;
        struct store_set_sending set_sending;
        struct store_create_webhook create_webhook;
        struct store_change_webhook change_webhook;
        struct store_remove_webhook remove_webhook;
        struct store_test_webhook test_webhook;
        struct store_redeliver redeliver;
        struct store_note_deliveries note_deliveries;
        struct store_resend resend;
        struct store_receive receive;
        struct store_change_opt_outs change_opt_outs;
        struct store_erase erase;
        struct store_purge purge;
        struct store_find_answer find_answer;
        struct store_probe probe;
        struct store_settle settle;
    };

    enum error result; /* valid in `done` */
    /* With ERROR_OUTCOME_UNKNOWN: the transaction, for a later write that is about its outcome; 0: it comes to nothing. */
    int64_t transaction;

    /* While many writes come, how long after the beginning of the last transaction the next may begin, so that more share it. Of
       the writes that wait the shortest counts. 0: at once. */
    int64_t patience_us;

    /* A client waits for its answer, and may send its next request only then: where such clients are the only ones, the write
       does not wait for company. */
    bool is_awaited;

    /* If the writer is idle and the write waits for no company, run on the submitting thread, which then waits for the disk but for no
       other process: a single write is faster without a switch of threads. */
    bool run_inline;

    /* Called once, on the thread that ran the write, after the commit or its failure. The store does not touch
       the write again: `done` may free it or hand it to another thread. It must not block. It should
       not wake a thread that waits for the write, which may take the processor from others whose results are ready:
       `completed` is the moment for that. */
    void (*done)(struct store_write *write);
    void *owner; /* the submitter's */

    /* The store's own */
    int64_t deadline_ms; /* monotonic */
    struct store_write *next;
};

/* Where a commit has left something for other processes: bits. */
enum store_topic {
    STORE_TOPIC_MESSAGES = 1, /* messages to claim */
    STORE_TOPIC_WORK = 2,     /* what store_poll_work finds */
    STORE_TOPIC_KEYS = 4,     /* an API key was revoked */
    STORE_TOPICS = 7,
};

/* A committed transition of a message, for the log. */
struct store_transition {
    enum transition_reason reason;
    enum message_status from, to;
    struct message_ref ref;
    struct request_id request_id;
    int64_t connection_epoch;                 /* that it was dispatched on; 0: it was not */
    char device_id[DEVICE_ID_SIZE];           /* that has it, or had it until now; "": none */
    char error_code[MESSAGE_ERROR_CODE_SIZE]; /* "": none */
    bool is_devices_code;                     /* the device chose the error code, freely */
};

struct store_options {
    /* Which database: `sqlite:PATH`, or PATH alone, is a file; links are followed once, by store_open
       (database_path.h). `memory:` is gone when the store is closed; the stores of one process that open
       `memory:NAME` share it until the last of them is closed. `postgresql://...` and `postgres://...` are URLs of libpq: any
       number of hosts share the database, and what names one process or one turn below is about one node. */
    const char *dsn;
    /* The program's role. Only one process of a role has the database open; store_open waits some seconds for a
       predecessor that is stopping. Until the process ends. NULL: any number of processes. */
    const char *role;
    const char *runtime_dir; /* with a role: tells people which process it is */
    const char *node; /* with a role and PostgreSQL: whose process it is; NULL: this host's */
    bool must_exist;  /* a database that is missing is not created: only the gateway creates one */
    int64_t timeout_ms;    /* after this time a write that could not start, or a read, fails */
    bool needs_standby;    /* PostgreSQL's commits must wait for a standby: else ERROR_NO_STANDBY */
    int64_t max_wal_bytes; /* while a reader holds the write-ahead log above this, new messages and
                              probes are refused: ERROR_WAL_FULL; 0: no bound */
    int64_t min_free_bytes; /* while less is free on the disk, too: ERROR_DISK_FULL */
    struct store_limits limits;
    /* A transaction that has lasted this long ends when another store waits; 0: STORE_TURN_US. */
    int64_t turn_us;
    /* Idempotency keys that are merged into their index together, for tests; 0: many. */
    size_t unindexed_keys;
    int64_t (*wall_ms)(void); /* the time of day, for tests; NULL: clock_wall_ms */
    struct metrics *metrics;  /* where commits, refusals and messages are counted; or NULL */
    /* After a commit that is work for the broker: a new message, a cancel request, a revoked token, sending
       resumed. Once for commits that follow each other immediately. On the thread that ran the last. Or NULL. */
    void (*wake_broker)(void *context);
    /* After `done` of all writes of a commit: the moment to wake the threads that wait for them. On the thread
       that ran the commit. Or NULL. */
    void (*completed)(void *context);
    /* The transitions of a commit, oldest first, after all callbacks and while other processes may write again:
       on the thread that ran it. Or NULL. */
    void (*publish_transitions)(void *context, const struct store_transition *transitions,
                                size_t count);
    void *context;
};

/* Opens or creates the database, brings its schema up to date and starts the writer thread. On an error `problem`
   says in one sentence what is wrong. A database that is missing although files show that there was one is not
   created again. */
MUST_CHECK enum error store_open(const struct store_options *options, struct store **store,
                                 char problem[STORE_ERROR_SIZE]);

/* Runs what was submitted, stops the writer thread, closes. No other thread may use the store meanwhile. */
void store_close(struct store *store);

/*
 * Has `write` run: the writer thread calls `done` later, or, with run_inline, this thread may have done so
 * when it returns. Any thread; without run_inline it never blocks on the database. Writes of one thread run in the
 * order of their submission, but for STORE_ENQUEUE_BATCH: that has a transaction without other writes, which may run
 * before it, so that they wait for one of its kind at most. On an error (too many are waiting, or the store is closing) `done` is not called.
 */
MUST_CHECK enum error store_submit(struct store *store, struct store_write *write);

/* How many writes the latest transactions had: about the largest number. Any thread. */
size_t store_recent_batch_size(const struct store *store);

/* Submits and waits for `done`: for tests and for the start and end of a program. */
enum error store_run(struct store *store, struct store_write *write);

/* Whether the running transaction has taken `limit_ms` longer than it may wait for others: the disk, or the thread,
   hangs. Any thread; does not block. */
MUST_CHECK bool store_is_stuck(struct store *store, int64_t limit_ms);

/* Why no write can be run now, as the last attempt has shown: ERROR_DATABASE_UNREACHABLE, ERROR_DATABASE_REPLACED,
   ERROR_STORE_UNAVAILABLE, ERROR_NO_STANDBY; ERROR_NONE: nothing is known against it. Any thread; does not block. */
MUST_CHECK enum error store_fault(const struct store *store);
/* What an operator is to do about it, in sentences, for a log and for /readyz; "" where its title says it. Static. */
const char *store_fault_advice(enum error fault);

/*
 * Calls `notified` from now on, until store_close, when processes of other nodes have committed something; `topics` says what
 * to look at. It is a hint as the doorbell's (common/process/doorbell.h): several commits may share one, and what came while
 * the database could not be reached is told as all topics at once. `same_node`: the process has options.node, too. On a thread
 * of the store's own, which it must not block. Once for a store. True, without any call, for databases that one host has.
 */
MUST_CHECK bool store_listen(struct store *store,
                             void (*notified)(void *context, unsigned topics, bool same_node),
                             void *context);

/* Whether the database refuses a change of a message that the gateway would not make (common/model/transitions.def), of all
   that write it past the store. For ever, until it is set otherwise. False with `problem`. */
MUST_CHECK bool store_set_guard(struct store *store, bool on, char problem[STORE_ERROR_SIZE]);

/* For the reads of the headers above: ERROR_STORE_BUSY when one takes too long. */
MUST_CHECK enum error store_reader_open(struct store *store, struct store_reader **reader);
void store_reader_close(struct store_reader *reader);

#endif
