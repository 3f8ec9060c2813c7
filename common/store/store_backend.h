/*
 * What a database must offer to stand behind the store. Private to this folder.
 *
 * One connection belongs to one thread at a time. A write that fails leaves the others of its
 * transaction alone: that is part of the contract.
 */
#ifndef COMMON_STORE_STORE_BACKEND_H
#define COMMON_STORE_STORE_BACKEND_H

#include "common/store/store.h"

struct store_connection;

enum { STORE_BEGIN_AT_ONCE = 0 };

struct store_backend {
    /* `writer` connections may begin. The first of them creates and migrates. */
    enum error (*open)(const struct store_options *options, bool writer,
                       struct store_connection **connection, char problem[STORE_ERROR_SIZE]);
    void (*close)(struct store_connection *connection);

    /* A transaction that will write, with every other writer shut out. Waits until the deadline
       (monotonic; STORE_BEGIN_AT_ONCE: not at all) and then gives ERROR_STORE_BUSY. */
    enum error (*begin)(struct store_connection *connection, int64_t deadline_ms);

    /* Runs one write. `*transaction_lost` is set when the failure ended the whole transaction. New
       messages may wait until the next write of another kind, or commit: where one fails then, that sets
       its `result`. */
    enum error (*execute)(struct store_connection *connection, struct store_write *write,
                          bool *transaction_lost);

    /* Durable when it returns ERROR_NONE. ERROR_OUTCOME_UNKNOWN: no process sees anything of the
       transaction, but where all end before one commits it may be there afterwards; begin fails until that
       is out of the question. Otherwise nothing of the transaction happened. */
    enum error (*commit)(struct store_connection *connection);
    void (*rollback)(struct store_connection *connection);

    /* What the last transaction moved, until the next begins; none without options.moved. */
    const struct store_transition *(*moves)(const struct store_connection *connection,
                                            size_t *count);

    /* After commit or rollback, when the callers have their answers: housekeeping, then the other
       writers may go on. False when readers were in its way: `tidy` is then called outside a
       transaction, at a moment when no reader of this process reads. */
    MUST_CHECK bool (*finish)(struct store_connection *connection);
    void (*tidy)(struct store_connection *connection);

    /* A read holds its view of the database no longer than options.timeout_ms: ERROR_STORE_BUSY. */
    enum error (*find_message)(struct store_connection *connection, const struct message_id *id,
                               struct message *message);
    enum error (*read_history)(struct store_connection *connection, const struct message_id *id,
                               struct message_event **events, size_t *count);
    enum error (*list_messages)(struct store_connection *connection,
                                const struct store_query *query, struct store_page *page);
    enum error (*find_key)(struct store_connection *connection, const char *id, struct api_key *key,
                           bool *found);
    enum error (*list_keys)(struct store_connection *connection, struct api_key **keys,
                            size_t *count);
    enum error (*find_token)(struct store_connection *connection, const char *id,
                             struct device_token *token, bool *found);
    enum error (*list_tokens)(struct store_connection *connection, struct device_token **tokens,
                              size_t *count);
    enum error (*read_sending)(struct store_connection *connection, struct store_sending *sending);
    enum error (*list_devices)(struct store_connection *connection, struct device **devices,
                               size_t *count);
    enum error (*read_statistics)(struct store_connection *connection, int64_t stuck_since_ms,
                                  struct store_statistics *statistics);
};

extern const struct store_backend store_backend_sqlite;

#endif
