/* The rows that PostgreSQL writes in its own way. */
#ifndef COMMON_STORE_POSTGRESQL_OWN_ROWS_H
#define COMMON_STORE_POSTGRESQL_OWN_ROWS_H

#include "common/store/sql/rows.h"

/* Inserts the new messages that wait for others, and their idempotency keys. What the database says against one of them is the
   failure of the transaction, unless that is careful. */
MUST_CHECK enum error insert_rows_waiting(struct store_database *database);

/* Before the first event of the transaction, and after a savepoint was gone back to: no event with a lower id is going to appear
   behind one that a reader has seen. */
MUST_CHECK enum error event_ids_lock(struct store_database *database);

#endif
