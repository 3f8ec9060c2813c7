/*
 * One transaction of the store, as its verbs see it: the rows, the time, and what is added up until the commit.
 *
 * A backend has one for its writer. It calls transaction_reset, begins the database's own transaction, calls
 * transaction_run_write for each write and transaction_flush, and commits; when that has succeeded it calls
 * transaction_committed. One thread at a time.
 */
#ifndef COMMON_STORE_VERBS_TRANSACTION_H
#define COMMON_STORE_VERBS_TRANSACTION_H

#include "common/store/verbs/rows.h"

/* What is added to the kept counts at the end, and to the metrics after the commit. */
struct tally {
    int64_t count_delta[MESSAGE_STATUS_COUNT];
    uint32_t reached[MESSAGE_STATUS_COUNT]; /* by transitions */
    uint32_t received[METRICS_RECEIVED_SIZE];
    uint32_t opt_outs_added, opt_outs_removed;
    struct metrics_histogram message_dispatch_seconds, message_delivery_seconds;
};

/* The counts of new messages, of which each is read once in a transaction and written at its end. */
struct accepted_counts {
    int64_t tidied_minute; /* when no old count was left; kept over transactions */
    bool loaded;
    int64_t today, minute; /* since 1970 */
    enum error refusal;    /* of all new messages: ERROR_SENDING_PAUSED, ERROR_QUEUE_FULL */
    bool has_opt_outs;     /* recipients have opted out */
    bool pauses;           /* the burst limit was exceeded: sending is paused with the commit */
    struct accepted_count {
        char key_id[SECRET_ID_SIZE];
        int64_t stored, added;
    } day, burst, keys[8];
    size_t key_count;
};

struct store_transaction {
    /* Set once */
    struct store_database *database; /* passed to each function of `rows` */
    const struct store_rows *rows;
    struct store_limits limits;
    struct metrics *metrics;  /* or NULL */
    bool records_transitions; /* options.publish_transitions is set */

    /* Of this transaction */
    int64_t now_ms; /* wall */
    enum store_verb verb;
    /* A write failed and could not be undone: nothing of the transaction may be committed. */
    bool lost;
    enum error refusal; /* of all new messages, by the backend: it has no room; or ERROR_NONE */
    bool has_returned;  /* messages to the queue, to be claimed at once */
    struct tally tally;
    struct store_refund refund; /* the last one of this write; a verb that tells of it zeroes it */
    struct accepted_counts accepted;
    /* Batches of which a message was finished. */
    struct message_id finished_in[16];
    size_t finished_count;
    struct store_transition *transitions;
    size_t transition_count, transition_capacity;

    /* Memory for one write; see transaction_scratch */
    void *scratch;
    size_t scratch_bytes;
};

void transaction_init(struct store_transaction *transaction, struct store_database *database,
                      const struct store_rows *rows, const struct store_options *options);
void transaction_fini(struct store_transaction *transaction);

/* Forgets the last transaction. The database is not touched. */
void transaction_reset(struct store_transaction *transaction, int64_t now_ms);

/* Runs the verb of one write. On an error the transaction's own counts are as before; the backend restores the rows, of
   all verbs but those of which verb_is_atomic is true. */
MUST_CHECK enum error transaction_run_write(struct store_transaction *transaction,
                                            struct store_write *write);

/* The message of an enqueue that ran well could not be inserted after all, and counts for nothing. For a backend that
   inserts several together. On an error the transaction is lost. */
MUST_CHECK enum error transaction_refund(struct store_transaction *transaction,
                                         const struct store_write *write);

/* Whether a failed write of that verb leaves no trace in the rows by itself: a savepoint would cost more than the
   write. */
bool verb_is_atomic(enum store_verb verb);

/* Whether a write of that verb, once it has changed a row, can fail by the database alone: other reasons are found before. */
bool verb_fails_early(enum store_verb verb);

/* Writes what was added up: the last step before the commit. */
MUST_CHECK enum error transaction_flush(struct store_transaction *transaction);

/* Metrics and log lines, after the commit. */
void transaction_committed(struct store_transaction *transaction);

/* Whether what has expired may become `expired`: see trusted_wall_ms in messages.h. */
bool transaction_trusts(const struct store_transaction *transaction, int64_t trusted_wall_ms);

/* Memory for what one write is about, reused by the next. NULL without memory. */
void *transaction_scratch(struct store_transaction *transaction, size_t bytes);

#endif
