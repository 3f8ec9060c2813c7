/*
 * The store: the one truth about messages and phones.
 *
 * Writes are values. A thread fills in a `struct store_write` and submits it; the store's writer
 * thread runs whatever is waiting in one transaction, a savepoint each, commits it durably, and
 * only then calls `done` of each. So a write costs a share of one fsync, and its result means that
 * it is on disk (ERROR_NONE) or that nothing of it is (any other).
 *
 * Reads go through a `struct store_reader`, of which each thread has its own.
 *
 * Nothing here assumes SQLite, one broker, or one host; store_backend.h is the other side.
 */
#ifndef COMMON_STORE_H
#define COMMON_STORE_H

#include "../base.h"
#include "../device.h"
#include "../error.h"
#include "../message.h"

struct store;
struct store_reader;

enum { STORE_PROBLEM_SIZE = 512, STORE_MAX_HAND_OVER = 256, BROKER_NAME_SIZE = 65 };

struct store_options {
    const char *path;   /* of the database; borrowed until store_close */
    int64_t timeout_ms; /* a write that cannot start by then fails */
    void (*enqueued)(
        void *context); /* after a commit that queued a message; writer thread; or NULL */
    void *context;
};

/* Opens or creates the database, brings its schema up to date and starts the writer thread. On an
   error `problem` says in one sentence what is wrong. */
MUST_CHECK enum error store_open(const struct store_options *options, struct store **store,
                                 char problem[STORE_PROBLEM_SIZE]);

/* Runs what was submitted, stops the writer, closes. Nobody may use the store meanwhile. */
void store_close(struct store *store);

/* ---- Writes ---- */

enum store_verb {
    STORE_ENQUEUE,
    STORE_HAND_OVER,
    STORE_TAKE_BACK,
    STORE_REPORT,
    STORE_GIVE_UP,
    STORE_DEVICE_CONNECT,
    STORE_DEVICE_UPDATE,
    STORE_DEVICE_DISCONNECT,
    STORE_BROKER_LEASE,
    STORE_PROBE,
    STORE_VERB_COUNT
};

/* A message in a phone's hands, and for how long nothing has been heard of it. */
struct store_held_message {
    struct message_id id;
    int64_t silent_ms;
};

struct store_write {
    enum store_verb verb;
    union {
        /* A new message, `queued`. Its id, number, text, encoding and segments are filled in. */
        struct {
            const struct message *message; /* borrowed until done */
        } enqueue;

        /* Gives the oldest queued messages to basic phones: message i, `accepted`, to the device
           of slot i. */
        struct {
            size_t slot_count; /* at most STORE_MAX_HAND_OVER */
            char (*slots)[DEVICE_ID_SIZE];
            struct message *messages; /* out, room for slot_count; the submitter frees texts */
            size_t message_count;     /* out */
        } hand_over;

        /* `accepted` back to `queued`: the broker knows that the phone was never written to. A
           message that moved on meanwhile stays as it is. */
        struct {
            struct message_id id;
            char device_id[DEVICE_ID_SIZE];
        } take_back;

        /* A phone reports on a message. ERROR_MESSAGE_NOT_HELD: not one of its messages. A report
           that is late or repeated changes nothing and is no error. */
        struct {
            struct message_id id;
            char device_id[DEVICE_ID_SIZE];
            enum message_status status;
            char error_code[MESSAGE_ERROR_CODE_SIZE];    /* "" : none */
            char error_message[MESSAGE_ERROR_TEXT_SIZE]; /* "" : none */
            bool changed;                                /* out: the message moved */
        } report;

        /* Messages in a phone's hands without news since then become `unknown`. */
        struct {
            int64_t silent_since_ms; /* wall */
            unsigned limit;
            unsigned count; /* out: how many */
        } give_up;

        /* A phone is there: its newest connection, on this broker. `session` counts them. What it
           has in its hands from before, the latest first, goes into `held`. */
        struct {
            char device_id[DEVICE_ID_SIZE];
            struct device_info info; /* owned by the submitter */
            struct message_id broker;
            int64_t session;                 /* out */
            struct store_held_message *held; /* out, room for held_capacity; the submitter's */
            size_t held_capacity;
            size_t held_count; /* out */
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
    };

    enum error result; /* valid in `done` */

    /* Called once, on the writer thread, after the commit or its failure. The store does not touch
       the write again: `done` may free it or hand it to another thread. It must not block. */
    void (*done)(struct store_write *write);
    void *owner; /* the submitter's */

    /* The store's own */
    int64_t deadline_ms; /* monotonic */
    struct store_write *next;
};

/*
 * Hands `write` to the writer thread, which calls `done` later. Any thread; never blocks on the
 * database. Writes of one thread run in the order of their submission. On an error (too many are
 * waiting, or the store is closing) `done` is not called.
 */
MUST_CHECK enum error store_submit(struct store *store, struct store_write *write);

/* submit, and wait for `done`: for tests and for the start and end of a program. */
enum error store_run(struct store *store, struct store_write *write);

/* ---- Reads ---- */

MUST_CHECK enum error store_reader_open(struct store *store, struct store_reader **reader);
void store_reader_close(struct store_reader *reader);

/* ERROR_MESSAGE_NOT_FOUND without one; otherwise the caller does message_fini. */
MUST_CHECK enum error store_find_message(struct store_reader *reader, const struct message_id *id,
                                         struct message *message);

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

    /* Where the page starts: after `offset` messages, or beside a message of another page. */
    enum store_position { STORE_AT_OFFSET, STORE_OLDER_THAN, STORE_NEWER_THAN } position;
    int64_t offset;
    struct message_id cursor;
};

struct store_page {
    struct message *messages; /* newest first */
    size_t count;
    int64_t total; /* that match the filters, on all pages */
    bool has_older, has_newer;
};

/* One consistent view. The caller does store_page_fini, also after an error. */
MUST_CHECK enum error store_list_messages(struct store_reader *reader,
                                          const struct store_query *query, struct store_page *page);
void store_page_fini(struct store_page *page);

/* The connected phones, by device id. The caller frees with store_devices_free. */
MUST_CHECK enum error store_list_devices(struct store_reader *reader, struct device **devices,
                                         size_t *count);
void store_devices_free(struct device *devices, size_t count);

/* Messages in each status, and phones connected. */
struct store_statistics {
    int64_t messages[MESSAGE_STATUS_COUNT];
    int64_t devices_connected;
};
MUST_CHECK enum error store_read_statistics(struct store_reader *reader,
                                            struct store_statistics *statistics);

#endif
