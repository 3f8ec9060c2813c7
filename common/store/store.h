/*
 * The store: the one truth about messages and phones.
 *
 * Writes are values. A thread fills in a `struct store_write` and submits it; the store's writer
 * thread runs whatever is waiting in one transaction, each by itself, commits it durably, and only
 * then calls `done` of each. So a write costs a share of one fsync, and its result means that
 * it is on disk (ERROR_NONE), that nobody knows (ERROR_OUTCOME_UNKNOWN), or that nothing of it is (any
 * other). Of what nobody knows nothing is seen while any process has the database open: who goes on may
 * take it as not done, and must not tell others so.
 *
 * Reads go through a `struct store_reader`, of which each thread has its own. None lasts longer than
 * the time limit, so that reading never keeps the log of the writes from being emptied.
 *
 * Nothing here assumes SQLite, one broker, or one host; store_backend.h is the other side.
 */
#ifndef COMMON_STORE_STORE_H
#define COMMON_STORE_STORE_H

#include "common/access/api_key.h"
#include "common/access/device_token.h"
#include "common/base/base.h"
#include "common/base/error.h"
#include "common/model/device.h"
#include "common/model/message.h"
#include "common/process/metrics.h"

struct store;
struct store_reader;

enum {
    STORE_ERROR_SIZE = 512,
    STORE_MAX_CLAIM = 256,
    STORE_MAX_FAILURES = 10, /* tries of a message of which nothing was sent, before it is failed */
    STORE_FIRST_BACKOFF_MS = 5000, /* after the first of them; each is up to twice as long, */
    STORE_MAX_BACKOFF_MS = 15 * 60 * 1000, /* and none longer */
    BROKER_NAME_SIZE = 65,
    STORE_REASON_SIZE = 201,
    STORE_BURST_MINUTES = 10,
    STORE_LOW_BATTERY_PERCENT = 20,
};

/* Brakes. They are counted in the transaction that accepts a message or gives it to a phone, so they hold
   whatever is killed. 0: no limit, and then nothing is counted. A day is UTC's. */
struct store_limits {
    int64_t recipient_daily_messages; /* accepted, for one phone number */
    int64_t daily_messages;           /* accepted */
    int64_t pause_after_messages;     /* accepted within STORE_BURST_MINUTES; one more pauses all */
    int64_t max_queue_age_ms;         /* of the oldest that is due */
    int64_t device_daily_segments;    /* given to one phone */
    int64_t device_window_ms;         /* of pacing: what a phone was given in it is remembered */
};

enum store_verb {
    STORE_ENQUEUE,
    STORE_CANCEL,
    STORE_CLAIM,
    STORE_RELEASE,
    STORE_RETURN_TO_QUEUE,
    STORE_REPORT,
    STORE_EXPIRE,
    STORE_FIND_CANCEL_REQUESTS,
    STORE_COUNT_STUCK,
    STORE_DEVICE_CONNECT,
    STORE_DEVICE_UPDATE,
    STORE_DEVICE_DISCONNECT,
    STORE_BROKER_LEASE,
    STORE_CREATE_KEY,
    STORE_REVOKE_KEY,
    STORE_CREATE_PAIRING,
    STORE_PAIR,
    STORE_CREATE_TOKEN,
    STORE_REVOKE_TOKEN,
    STORE_FIND_REVOKED_TOKENS,
    STORE_COUNT_TAKEOVER,
    STORE_SET_SENDING,
    STORE_REQUEUE,
    STORE_ERASE,
    STORE_PURGE,
    STORE_PROBE,
    STORE_VERB_COUNT
};

/* A message that has changed its status, for the log. */
struct store_transition {
    enum store_verb verb; /* of the write that moved it */
    enum message_status from, to;
    unsigned attempt;
    struct message_id id;
    struct request_id request_id;
    int64_t session;                          /* that it was handed over on; 0: it was not */
    char device_id[DEVICE_ID_SIZE];           /* who has it, or had it until now; "": nobody */
    char error_code[MESSAGE_ERROR_CODE_SIZE]; /* "": none; perhaps a phone's word */
};

struct store_options {
    /* Of the database, with or without `sqlite:` before it; links are followed once, by store_open
       (database_path.h). */
    const char *path;
    bool must_exist;    /* where there is no database none is made: the gateway alone makes one */
    int64_t timeout_ms; /* a write that cannot start, a read that has not ended by then fails */
    int64_t max_wal_bytes;  /* while a reader holds the write-ahead log above it, new messages and
                              probes are refused: ERROR_WAL_FULL; 0: no bound */
    int64_t min_free_bytes; /* likewise while less is free on its disk: ERROR_DISK_FULL */
    struct store_limits limits;
    int64_t (*wall_ms)(void); /* the time of day, for tests; NULL: clock_wall_ms */
    struct metrics *metrics;  /* where commits, refusals and messages are counted; or NULL */
    /* After a commit that is work for the broker: a new message, one to be revoked, a phone to be sent
       away, sending resumed. Once for several that follow each other at once. On the thread that ran
       the last. Or NULL. */
    void (*enqueued)(void *context);
    /* After the `done` of all writes of a commit: the moment to wake who waits for them. On the
       thread that ran them. Or NULL. */
    void (*completed)(void *context);
    /* What a commit moved, oldest first, when everybody has heard of it and other processes may write:
       on the thread that ran it. Or NULL. */
    void (*moved)(void *context, const struct store_transition *moves, size_t count);
    void *context;
};

/* Opens or creates the database, brings its schema up to date and starts the writer thread. On an
   error `problem` says in one sentence what is wrong. One that is gone, and has left files, is not made
   again. */
MUST_CHECK enum error store_open(const struct store_options *options, struct store **store,
                                 char problem[STORE_ERROR_SIZE]);

/* Runs what was submitted, stops the writer, closes. Nobody may use the store meanwhile. */
void store_close(struct store *store);

/* ---- Writes ---- */

/* A place in a phone's hands, for one message. */
struct store_holder {
    char device_id[DEVICE_ID_SIZE];
    int64_t session;           /* the connection that it speaks on */
    bool assured;              /* it has a journal: it is offered the message */
    struct message_id journal; /* its epoch; zero without one */
    bool at_daily_limit;       /* out, of a hand-over: it was passed over, and shall ask later */
};

/* A message in a phone's hands, and for how long nothing has been heard of it. */
struct store_held_message {
    struct message_id id;
    unsigned attempt;
    int64_t silent_ms;
    bool revoke; /* somebody wants it cancelled */
};

/* What a phone's journal says of a message that has no end yet, and what follows from it. */
struct store_journal_entry {
    struct message_id id;
    unsigned attempt;
    bool offered; /* it waits for the release; otherwise it was released */
    enum store_verdict {
        STORE_VERDICT_NONE,
        STORE_VERDICT_RELEASE, /* committed as accepted: the phone may send it */
        STORE_VERDICT_DROP,    /* the offer no longer stands */
    } verdict;                 /* out */
};

struct store_write {
    enum store_verb verb;
    union {
        /* A new message, `queued`. Its id, number, text, encoding and segments are filled in.
           ERROR_SENDING_PAUSED, ERROR_QUEUE_FULL, ERROR_DAILY_CAP_REACHED, ERROR_KEY_CAP_REACHED,
           ERROR_RECIPIENT_CAP_REACHED: the limits; such a message counts nowhere. */
        struct {
            const struct message *message; /* borrowed until done */
            char key_id[SECRET_ID_SIZE];   /* whose it is; "": nobody's */
            int64_t key_daily_messages;    /* its limit; 0: none */
        } enqueue;

        /* Nobody wants the message any more. What no phone was released is `cancelled`; where a
           phone with a journal has it the wish is kept (`asked`), and the phone decides.
           ERROR_MESSAGE_NOT_FOUND, ERROR_NOT_CANCELLABLE: it is too late, or never possible.
           Once more is no error. */
        struct {
            struct message_id id;
            bool asked; /* out */
        } cancel;

        /* Gives the oldest messages that are due to phones, `dispatched` to one with a journal,
           `accepted` by a basic one. The oldest goes to the first slot, unless that phone has had too
           much today; nothing goes anywhere while sending is paused. */
        struct {
            size_t slot_count; /* at most STORE_MAX_CLAIM */
            struct store_holder *slots;
            /* Out, by slot: room for slot_count, zeroed; without a text where there is none for it.
               The submitter frees texts. */
            struct message *messages;
            size_t message_count; /* out: how many there are */
            bool paused;          /* out */
        } claim;

        /* A phone has acknowledged an offer: `dispatched` becomes `accepted`, the point of no
           return. `verdict` says what to tell it. */
        struct {
            struct store_holder phone;
            struct message_id id;
            unsigned attempt;
            enum store_verdict verdict; /* out */
        } release;

        /* Back to the queue, because nothing can have been sent: what was offered, and what a
           basic phone was never written. A message that moved on stays as it is. Whatever brings
           a message back, it is `cancelled` at once where somebody has asked for that. */
        struct {
            struct message_id id;
            unsigned attempt;
            char device_id[DEVICE_ID_SIZE];
            bool refused;  /* by the phone: counts as a failure, and store_backoff_ms passes */
            bool hopeless; /* no phone can be given it: `failed` at once, with code and message */
            double spread;
            char error_code[MESSAGE_ERROR_CODE_SIZE];
            const char *error_message; /* static, or NULL */
            bool changed;              /* out: it went back */
        } return_to_queue;

        /* A phone reports on a message. ERROR_MESSAGE_NOT_HELD: not one of its messages. A report
           that is late or repeated changes nothing and is no error. */
        struct {
            struct message_id id;
            unsigned attempt; /* 0: the phone does not say */
            int64_t seq;      /* in its journal; one that is not the latest is late. -1: none */
            struct store_holder phone;
            enum message_status status;
            bool nothing_sent; /* `failed`, proved: queued again, after store_backoff_ms */
            double spread;
            char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "" : none */
            char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "" : none */
            bool changed;                                /* out: the message moved */
        } report;

        /* Messages in a phone's hands without news since then become `unknown`; those that were
           offered, and nobody minds any more, go back to the queue. */
        struct {
            int64_t silent_since_ms;  /* wall; 0: the clock is not to be trusted now */
            int64_t offered_since_ms; /* wall */
            unsigned limit;           /* of each */
            unsigned unknown, queued; /* out: how many */
        } expire;

        /* What phones have and somebody wants cancelled, oldest first, so many of them. */
        struct {
            int64_t after; /* 0, or `last` of those before */
            struct store_cancel_request {
                struct message_id id;
                unsigned attempt;
                char device_id[DEVICE_ID_SIZE];
            } * messages; /* out, room for capacity; the submitter's */
            size_t capacity;
            size_t count; /* out */
            int64_t last; /* out; of no use if there is none */
        } find_cancel_requests;

        /* Messages without an end that have been in the same status since then, by status; of a
           great many only the first are looked at. */
        struct {
            int64_t since_ms;                     /* wall */
            int64_t counts[MESSAGE_STATUS_COUNT]; /* out */
        } count_stuck;

        /* A phone is there: its newest connection, on this broker. `session` counts them. What it
           has in its hands from before, the latest first, goes into `held`.

           With a journal, what was offered to it is `accepted` where the journal has the offer, and
           otherwise queued again; what another journal of this device had is `unknown`.
           ERROR_DEVICE_TOKEN_INVALID: its token has ended, or is another device's. */
        struct {
            struct store_holder phone;
            char token_id[SECRET_ID_SIZE]; /* "": none is needed */
            struct device_info info;       /* owned by the submitter */
            struct message_id broker;
            struct store_journal_entry *entries; /* the submitter's */
            size_t entry_count;
            int64_t session;                 /* out */
            struct store_held_message *held; /* out, room for held_capacity; the submitter's */
            size_t held_capacity;
            size_t held_count; /* out */
            int64_t
                recent_segments; /* out: given to it in about the last limits.device_window_ms */
            bool quarantined;    /* out: two phones use its token, which has ended; the phone is not
                                    there, and nothing else is filled in */
        } connect;

        /* News of a phone. Ignored when `session` is no longer its newest. */
        struct {
            char device_id[DEVICE_ID_SIZE];
            struct device_info info; /* owned by the submitter */
            int64_t session;
        } update;

        struct {
            char device_id[DEVICE_ID_SIZE];
            int64_t session;
        } disconnect;

        /* The broker `instance`, by that name, lives for another lease_ms; its phones count as
           connected so long. 0 ends it. A new instance ends those of the same name before it. */
        struct {
            char name[BROKER_NAME_SIZE];
            struct message_id instance;
            int64_t lease_ms;
        } lease;

        /* A new API key; its time of creation is the store's. */
        struct {
            struct api_key key;
        } create_key;

        /* A key that no longer opens anything, from the commit on. */
        struct {
            char id[SECRET_ID_SIZE];
            bool changed; /* out: there was such a key, and it stood */
        } revoke_key;

        /* A code that pairs one phone, until then. */
        struct {
            unsigned char code_hash[SECRET_HASH_BYTES];
            char device_id[DEVICE_ID_SIZE]; /* "": the phone chooses */
            int64_t expires_at_ms;          /* wall */
        } create_pairing;

        /* A phone has the code: it gets `token`, of which id and hash are filled in, for the device of the
           code or, where that leaves it to the phone, for token.device_id. The device's token before it
           ends. ERROR_PAIRING_CODE_INVALID: there is no such code, or no longer; ERROR_DEVICE_ID_TAKEN:
           a phone cannot choose one that is paired. */
        struct {
            unsigned char code_hash[SECRET_HASH_BYTES];
            struct device_token token; /* out: device_id, created_at_ms */
        } pair;

        /* A token without a code, made on the gateway's machine. The device's token before it ends. */
        struct {
            struct device_token token; /* id, hash, device_id are filled in */
        } create_token;

        /* Ends the token of a device; its connection is then to be closed. Who revokes it takes back the
           codes for that device too. */
        struct {
            char device_id[DEVICE_ID_SIZE];
            char token_id[SECRET_ID_SIZE]; /* this one alone; "": whichever stands */
            enum device_token_revocation end;
            bool changed; /* out: there was one that stood */
        } revoke_token;

        /* A connection was taken over while its phone was there. Where that happens too often two phones use
           the token, and it ends (token_use.h). Nothing for a token that has ended. */
        struct {
            char device_id[DEVICE_ID_SIZE];
            char token_id[SECRET_ID_SIZE];
            bool quarantined; /* out: it has ended with this */
        } count_takeover;

        /* Phones on this broker whose token has ended since they connected, so many of them; each is
           found until it connects again or has left. */
        struct {
            struct message_id broker;
            char after[DEVICE_ID_SIZE]; /* "", or the last of those before */
            struct store_revoked_device {
                char device_id[DEVICE_ID_SIZE];
                int64_t session;
                enum device_token_revocation end; /* of its last token */
            } * devices;                          /* out, room for capacity; the submitter's */
            size_t capacity;
            size_t count; /* out */
        } find_revoked_tokens;

        /* Pauses sending, or resumes it; then what was accepted until now is no burst any more. */
        struct {
            bool pause;
            char reason[STORE_REASON_SIZE]; /* for people */
            bool changed;                   /* out: it was not so already */
        } set_sending;

        /* A message that came to nothing is sent once more, as a new one: an operator's decision, because
           of an `unknown` one nobody knows that it was not sent. Once for each, unless `again`. The new
           one is counted by the limits as any other. ERROR_MESSAGE_NOT_FOUND, those of enqueue, or
           ERROR_NONE and `outcome`. */
        struct {
            struct message_id id;
            struct message_id new_id;
            bool again;
            enum store_requeue_outcome {
                STORE_REQUEUED,
                STORE_REQUEUE_NOT_ENDED, /* it may still be sent, or has been */
                STORE_REQUEUE_DONE,      /* before; new_id is that one's, out */
                STORE_REQUEUE_NO_TEXT,   /* its text has been removed */
            } outcome;                   /* out */
        } requeue;

        /* A message that no phone is at work on (`sent` and what follows it) is gone, and its events.
           ERROR_MESSAGE_NOT_FOUND. */
        struct {
            struct message_id id;
            bool erased; /* out: it had come so far */
        } erase;

        /* Removes texts, and messages with their events, that have been at their end (`sent` and what
           follows it) since before then; so many of each. Nothing of them stays in the
           file; its free space is given back when that is a large part of it. */
        struct {
            int64_t text_before_ms;    /* wall; 0: none */
            int64_t message_before_ms; /* likewise; and the message came before then */
            int64_t limit;
            int64_t texts, messages; /* out: how many were removed */
            bool more;               /* out: there is more to do */
        } purge;
        /* Whether a new message would be accepted now, limits and a pause apart: where nothing is in its way
           a row is written. */
        struct {
            bool looked;                  /* out: the others are known */
            enum error schema, disk, log; /* out: what is in its way, of each kind */
        } probe;
    };

    enum error result; /* valid in `done` */

    /* If the writer is idle, run on the submitting thread, which then waits for the disk but for no
       other process: a single write is faster without a switch of threads. */
    bool run_inline;

    /* Called once, on the thread that ran it, after the commit or its failure. The store does not touch
       the write again: `done` may free it or hand it to another thread. It must not block, and
       whom it wakes before `completed` may take the processor from that thread. */
    void (*done)(struct store_write *write);
    void *owner; /* the submitter's */

    /* The store's own */
    int64_t deadline_ms; /* monotonic */
    struct store_write *next;
};

/* How long a message waits after so many failures, before it is due again. `spread`, from 0 to 1 and
   best by chance, keeps those that failed together from coming back together. */
int64_t store_backoff_ms(unsigned failures, double spread);

/*
 * Has `write` run: the writer thread calls `done` later, or, with run_inline, this thread may have
 * done so when it returns. Any thread; otherwise it never blocks on the database. Writes of one
 * thread run in the order of their submission. On an error (too many are waiting, or the store is
 * closing) `done` is not called.
 */
MUST_CHECK enum error store_submit(struct store *store, struct store_write *write);

/* How many writes the latest transactions had: about the largest number. Any thread. */
size_t store_recent_batch_size(const struct store *store);

/* submit, and wait for `done`: for tests and for the start and end of a program. */
enum error store_run(struct store *store, struct store_write *write);

/* Whether what runs has been at it for `limit_ms` beyond the time that it may wait for others: the disk does
   not come back, or the thread does not. Any thread, at once. */
MUST_CHECK bool store_is_stuck(struct store *store, int64_t limit_ms);

/* ---- Reads: ERROR_STORE_BUSY when one takes too long ---- */

MUST_CHECK enum error store_reader_open(struct store *store, struct store_reader **reader);
void store_reader_close(struct store_reader *reader);

/* ERROR_MESSAGE_NOT_FOUND without one; otherwise the caller does message_fini. */
MUST_CHECK enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                                         struct message *message);

/* One step in the life of a message. */
struct message_event {
    enum message_status status; /* that it reached */
    unsigned attempt;
    char device_id[DEVICE_ID_SIZE];              /* "": no phone has to do with it */
    char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "": none */
    char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* likewise */
    int64_t at_ms;                               /* wall */
};

/* All steps of a message, in their order; the first is that it was queued. ERROR_MESSAGE_NOT_FOUND
   without one. The caller frees *events, also after an error. */
MUST_CHECK enum error store_read_history(struct store_reader *reader, const struct message_id *id,
                                         struct message_event **events, size_t *count);

/* Which messages, newest first. Filters that are not set (false, "", 0) let everything through. */
struct store_query {
    bool has_status;
    enum message_status status;
    char device_id[DEVICE_ID_SIZE];
    char phone_number[PHONE_NUMBER_SIZE];
    bool has_created_after, has_created_before;
    int64_t created_after_ms;  /* wall, inclusive */
    int64_t created_before_ms; /* wall, exclusive */

    size_t limit; /* at least 1 */
    size_t
        max_text_bytes; /* of all texts of a page: it ends before the message that is over it, but
                              has one message at least; 0: no bound */

    /* Where the page starts: after `offset` messages, or beside a message of another page. */
    enum store_position { STORE_AT_OFFSET, STORE_OLDER_THAN, STORE_NEWER_THAN } position;
    int64_t offset;
    struct message_id cursor;
};

struct store_page {
    struct message *messages; /* newest first */
    size_t count;
    int64_t total;             /* that match the filters, on all pages */
    bool has_older, has_newer; /* also where the page ended early */
};

/* One consistent view. The caller does store_page_fini, also after an error. */
MUST_CHECK enum error store_list_messages(struct store_reader *reader,
                                          const struct store_query *query, struct store_page *page);
void store_page_fini(struct store_page *page);

/* The key of that id, whatever its state. */
MUST_CHECK enum error store_find_key(struct store_reader *reader, const char *id,
                                     struct api_key *key, bool *found);

/* All there ever were, oldest first. The caller frees *keys, also after an error. */
MUST_CHECK enum error store_list_keys(struct store_reader *reader, struct api_key **keys,
                                      size_t *count);

/* The token of that id, whatever its state. */
MUST_CHECK enum error store_find_token(struct store_reader *reader, const char *id,
                                       struct device_token *token, bool *found);

/* The newest token of each device, by device id. The caller frees *tokens, also after an error. */
MUST_CHECK enum error store_list_tokens(struct store_reader *reader, struct device_token **tokens,
                                        size_t *count);

struct store_sending {
    int64_t paused_since_ms; /* wall; 0: it is not paused */
    char reason[STORE_REASON_SIZE];
};
MUST_CHECK enum error store_read_sending(struct store_reader *reader,
                                         struct store_sending *sending);

/* The connected phones, by device id. The caller frees with store_devices_free. */
MUST_CHECK enum error store_list_devices(struct store_reader *reader, struct device **devices,
                                         size_t *count);
void store_devices_free(struct device *devices, size_t count);

/* Messages in each status, those that STORE_COUNT_STUCK counts, phones, and what is on the disk. */
struct store_statistics {
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t stuck[MESSAGE_STATUS_COUNT];
    int64_t devices_connected;
    int64_t devices_battery_low; /* of these: below STORE_LOW_BATTERY_PERCENT, and not charging */
    int64_t devices_offline;     /* have a token, and are not connected */
    int64_t devices_quarantined; /* the newest token was ended because two phones used it */
    int64_t wal_bytes;
    int64_t database_bytes; /* without it */
    int64_t
        oldest_queued_ms; /* wall; since when the oldest that is due is queued; 0: there is none */
    int64_t disk_free_bytes, disk_size_bytes;
    bool sending_paused;
};
MUST_CHECK enum error store_read_statistics(struct store_reader *reader, int64_t stuck_since_ms,
                                            struct store_statistics *statistics);

#endif
