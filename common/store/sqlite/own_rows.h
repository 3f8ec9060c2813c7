/* The rows that SQLite writes in its own way. */
#ifndef COMMON_STORE_SQLITE_OWN_ROWS_H
#define COMMON_STORE_SQLITE_OWN_ROWS_H

#include "common/store/sql/rows.h"

/* Inserts the new messages that wait for others, each with its idempotency key; one that fails sets its write's result.
   On an error the transaction is lost. */
MUST_CHECK enum error insert_rows_waiting(struct store_database *database);

/* At once, whatever waits. On an error the row may be there: what the write has done is undone, or the transaction is lost. */
MUST_CHECK enum error idempotency_rows_insert(struct store_database *database,
                                              const struct store_idempotency *idempotency,
                                              int64_t now_ms);

/* Merges some of the newest keys into their index, at the end of a transaction that has used them. */
MUST_CHECK enum error idempotency_rows_flush(struct store_database *database);

/* Writes the id of the last event of the transaction. */
MUST_CHECK enum error event_rows_flush(struct store_database *database);

#endif
