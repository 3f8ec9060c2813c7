/*
 * What a database offers to stand behind the store. Private to this folder.
 *
 * A database is what one process has open: one writer, used by one thread at a time, and readers, each of which
 * belongs to one thread. What a write does to the rows is decided in verbs/; a backend gives it its rows
 * (verbs/rows.h) and makes the transaction around it.
 */
#ifndef COMMON_STORE_STORE_BACKEND_H
#define COMMON_STORE_STORE_BACKEND_H

#include "common/store/copy_side.h"
#include "common/store/settle.h"
#include "common/store/store.h"

#include <pthread.h>

/* Each backend completes these two with what it needs. */
struct store_database;
struct store_database_reader;

enum { STORE_BEGIN_AT_ONCE = 0, STORE_MAX_BATCH = 512 };

/* The devices that may have the messages of a target. */
struct store_device_summary {
    int64_t now_ms;    /* the store's wall clock */
    int64_t known;     /* at least 1 where there is one */
    int64_t connected; /* of these: */
    int64_t enabled;   /* of these: */
    int64_t with_sim;  /* of these, by the reason for which they are given nothing: */
    int64_t waiting[MESSAGE_WAIT_NO_DEVICE];
    /* The first time at which one's reason ends; 0: none. */
    int64_t until_ms[MESSAGE_WAIT_NO_DEVICE];
};

/* Queued messages of a lane. */
struct store_lane_count {
    char lane[LANE_SIZE];
    int64_t count;
};
enum { STORE_MAX_LANE_COUNTS = 100 };

/* Accepted messages of a kind, in periods from first to last. */
struct store_accepted_query {
    enum accepted_kind kind;
    int64_t first, last;
    const char *key_id; /* ""; or of ACCEPTED_BY_KEY */
};

struct store_backend {
    const char *name; /* the scheme of its URLs: "sqlite" */

    /* Opens, or creates and migrates. `location` is the DSN without its scheme, for the time of the call; `options`
       are the store's and stay valid. */
    enum error (*open)(const struct store_options *options, const char *location,
                       struct store_database **database, char problem[STORE_ERROR_SIZE]);
    void (*close)(struct store_database *database); /* after its readers */

    /* Waits for its turn to write, until the deadline (monotonic; STORE_BEGIN_AT_ONCE: not at all). False: other stores
       still write. */
    bool (*take_turn)(struct store_database *database, int64_t deadline_ms);

    /*
     * In its turn: runs the writes in their order, in one transaction, and sets the `result` of each. A write that
     * fails leaves the rows as they were and does not disturb the others; where the database itself refused it in the
     * middle, all of them may fail, of which a second attempt fails it alone. *ran is how many of them, from the first
     * on: less than all where the turn is over and other stores wait, but at least one. The others were not looked at.
     *
     * ERROR_NONE: committed durably; the results count. An error with *ran = 0 says why the transaction could not begin by the
     * deadline (ERROR_STORE_BUSY, or that of `fault`); the turn has ended. Any other error is the result of all, *ran = count:
     * - ERROR_OUTCOME_UNKNOWN: of a file, no process sees anything of the transaction, but if all of them end before one
     *   commits it may be there afterwards; the next run_batch fails until that is ruled out. Of a server, it is there or
     *   not, which is known before the next transaction begins: admin_rows.was_committed, of the writes' `transaction`;
     * - others: nothing of it happened.
     */
    enum error (*run_batch)(struct store_database *database, struct store_write *const writes[],
                            size_t count, int64_t deadline_ms, size_t *ran);

    /* Called once after each run_batch whose transaction could begin, when the submitters have their results: for
       what they need not wait for. The turn has ended once it returns. */
    void (*finish_batch)(struct store_database *database);

    /* The transitions that the last run_batch committed, until the next; none without options.publish_transitions. */
    const struct store_transition *(*transitions)(const struct store_database *database,
                                                  size_t *count);

    /* store_fault. NULL: none is known without asking. Any thread. */
    enum error (*fault)(const struct store_database *database);

    /* store_listen. NULL where all processes of the database are on one host, whose doorbell tells them. */
    bool (*listen)(struct store_database *database,
                   void (*notified)(void *context, unsigned topics, bool same_node), void *context);

    /* store_set_guard. NULL: the database always has it. */
    bool (*set_guard)(struct store_database *database, bool on, char problem[STORE_ERROR_SIZE]);

    /* A read holds its view of the database no longer than options.timeout_ms: ERROR_STORE_BUSY. */
    enum error (*open_reader)(struct store_database *database,
                              struct store_database_reader **reader,
                              char problem[STORE_ERROR_SIZE]);
    void (*close_reader)(struct store_database_reader *reader);
    enum error (*find_message)(struct store_database_reader *reader, const struct message_id *id,
                               struct message *message);
    enum error (*read_history)(struct store_database_reader *reader, const struct message_id *id,
                               int64_t after, size_t limit, struct message_event **events,
                               size_t *count);
    enum error (*find_batch)(struct store_database_reader *reader, const struct message_id *id,
                             struct store_batch *batch);
    /* `before` is not NULL: the highest id for all. */
    enum error (*list_batches)(struct store_database_reader *reader,
                               const struct message_id *before, size_t limit,
                               struct store_batch batches[], size_t *count);
    enum error (*find_external_batch)(struct store_database_reader *reader, const char *external_id,
                                      struct store_batch *batch);
    enum error (*read_external_id)(struct store_database_reader *reader,
                                   const struct message_id *batch_id,
                                   char external_id[STORE_EXTERNAL_ID_SIZE]);
    /* *count and *total are 0. */
    enum error (*list_external_batches)(struct store_database_reader *reader,
                                        const struct store_external_query *query,
                                        struct store_batch batches[], size_t *count,
                                        int64_t *total);
    enum error (*list_messages)(struct store_database_reader *reader,
                                const struct store_query *query, struct store_page *page);
    enum error (*find_incoming)(struct store_database_reader *reader, const struct message_id *id,
                                struct incoming_sms *sms);
    enum error (*list_inbox)(struct store_database_reader *reader,
                             const struct store_inbox_query *query, struct store_inbox_page *page);
    enum error (*list_events)(struct store_database_reader *reader,
                              const struct store_event_query *query, struct store_event_page *page);
    enum error (*read_event_range)(struct store_database_reader *reader, int64_t *oldest,
                                   int64_t *newest);
    enum error (*find_opt_out)(struct store_database_reader *reader, const char *phone_number,
                               struct opt_out *opt_out, bool *found);
    enum error (*list_opt_outs)(struct store_database_reader *reader, const char *after,
                                size_t limit, struct opt_out opt_outs[], size_t *count);
    enum error (*find_key)(struct store_database_reader *reader, const char *id,
                           struct api_key *key, bool *found);
    enum error (*list_keys)(struct store_database_reader *reader, struct api_key **keys,
                            size_t *count);
    enum error (*find_token)(struct store_database_reader *reader, const char *id,
                             struct device_token *token, bool *found);
    enum error (*find_hook)(struct store_database_reader *reader,
                            const unsigned char hook_hash[SECRET_HASH_BYTES],
                            struct polled_device *device, bool *found);
    enum error (*list_tokens)(struct store_database_reader *reader, struct device_token **tokens,
                              size_t *count);
    enum error (*read_webhook_news)(struct store_database_reader *reader,
                                    struct store_webhook_news *news);
    enum error (*list_webhooks)(struct store_database_reader *reader, struct webhook **webhooks,
                                size_t *count);
    enum error (*find_webhook)(struct store_database_reader *reader, const char *id,
                               struct webhook *webhook, bool *found);
    enum error (*list_due_deliveries)(struct store_database_reader *reader, const char *webhook_id,
                                      int64_t now_ms, size_t limit,
                                      struct webhook_delivery **deliveries, size_t *count);
    enum error (*list_deliveries)(struct store_database_reader *reader,
                                  const struct store_delivery_query *query,
                                  struct webhook_delivery **deliveries, size_t *count);
    enum error (*read_sending)(struct store_database_reader *reader, struct store_sending *sending);
    enum error (*list_devices)(struct store_database_reader *reader,
                               const struct store_device_query *query,
                               struct store_device_page *page);
    enum error (*summarize_devices)(struct store_database_reader *reader,
                                    const struct message_target *target,
                                    struct store_device_summary *summary);
    /* The lanes, at most STORE_MAX_LANE_COUNTS of them and `most` messages; the lane "" and LANE_WAITING are not among
       them. *retried, *scheduled: in LANE_WAITING. Of retried ones at most `most` are counted, and others as scheduled; of
       scheduled ones all are counted unless more than `most` are due, too. *queued: all of them. */
    enum error (*count_lanes)(struct store_database_reader *reader, int64_t most,
                              struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                              int64_t *retried, int64_t *scheduled, int64_t *queued);
    /* But for the cursors and `more`. */
    enum error (*poll_work)(struct store_database_reader *reader, struct store_work *work);
    enum error (*find_device)(struct store_database_reader *reader, const char *device_id,
                              struct store_device *device, bool *found);
    enum error (*list_readings)(struct store_database_reader *reader, const char *device_id,
                                int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                                size_t *count);
    enum error (*device_is_known)(struct store_database_reader *reader, const char *device_id,
                                  bool *known);
    enum error (*group_is_known)(struct store_database_reader *reader, const char *group,
                                 bool *known);
    /* From the first that is of from_ms or later on, in their order: at most `limit`. */
    enum error (*list_happenings)(struct store_database_reader *reader,
                                  enum store_activity_kind kind, int64_t from_ms, size_t limit,
                                  struct store_happening rows[], size_t *count);
    enum error (*find_times)(struct store_database_reader *reader, int64_t message_seq,
                             struct store_message_times *times, bool *found);
    enum error (*count_accepted)(struct store_database_reader *reader,
                                 const struct store_accepted_query *query, int64_t *count);
    enum error (*read_statistics)(struct store_database_reader *reader, int64_t stuck_for_ms,
                                  struct store_statistics *statistics);

    const struct copy_side *copy_side; /* NULL: it cannot be copied */
    /* As store_settle, or NULL. */
    enum error (*settle)(const char *url, bool keep, int64_t *unknown,
                         char problem[STORE_ERROR_SIZE]);
};

/* The topics of a write that has succeeded, but for messages that it has returned to the queue. */
unsigned store_write_topics(const struct store_write *write);

/* For list_devices: what a page has taken so far. */
struct store_device_page_size {
    size_t extra_bytes, in_flight;
};

/* Appends the device, which the page then owns. False: the page ends before it. */
bool store_device_page_append(const struct store_device_query *query,
                              struct store_device_page *page, const struct store_device *device,
                              struct store_device_page_size *size);

/* What is known about the devices of a target: waits.c. */
struct wait_view {
    int64_t read_at_ms; /* monotonic; 0: it was not */
    bool paused;        /* sending is */
    struct message_target target;
    struct store_device_summary devices;
};

/* Those of all readers of a store, so that none contradicts what another one has just said. */
struct wait_views {
    pthread_mutex_t lock;
    struct wait_view views[16]; /* under lock; a target has its place, and may have to share it */
};

/* A thread's reader. */
struct store_reader {
    const struct store_backend *backend;
    struct store_database_reader *reader;
    struct wait_views *views; /* the store's */
};

extern const struct store_backend store_backend_sqlite, store_backend_memory;
/* Of the shared object that backend_loader.h loads. */
__attribute__((visibility("default"))) extern const struct store_backend store_backend_postgresql;

#endif
