/*
 * Transitions of messages, their events, and what they add to the counts: kept within the transaction, and sent together, one
 * statement for all of a kind. What would read them, or is to come after them, has them sent first (struct handle, `deferred`).
 */
#ifndef COMMON_STORE_POSTGRESQL_CHANGE_ROWS_H
#define COMMON_STORE_POSTGRESQL_CHANGE_ROWS_H

#include "common/store/postgresql/records.h"
#include "common/store/postgresql/seq_places.h"
#include "common/store/verbs/rows.h"

/* Of one message, however often it changes. */
struct changed_row {
    struct message_row after;
    enum message_status old_status;
    unsigned old_attempt;
    bool keeps_error;
    char error_code[MESSAGE_ERROR_CODE_SIZE], error_message[MESSAGE_ERROR_TEXT_SIZE];
};

struct changes {
    struct changed_row *rows;
    size_t count, capacity;
    struct seq_places places; /* of the rows */
    struct records messages;  /* while they are sent */
    struct records events;
    int64_t count_deltas[MESSAGE_STATUS_COUNT];
};

void change_rows_init(struct store_database *database);
/* Of a new transaction, or after a write that has failed: forgets what was not sent, and what may have gone with its savepoint. */
void change_rows_clear(struct store_database *database);
/* Changes and events. */
MUST_CHECK enum error change_rows_send(struct store_database *database);
/* All that the transaction still has to send before its COMMIT: new messages, changes, events and counts. Also what has gone wrong
   so far is its error. */
MUST_CHECK enum error change_rows_finish(struct store_database *database);
void change_rows_fini(struct store_database *database);

#endif
