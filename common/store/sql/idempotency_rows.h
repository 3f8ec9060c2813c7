/* The parts of the rows of idempotency keys that the backends share; how a key is looked up is the backend's own. */
#ifndef COMMON_STORE_SQL_IDEMPOTENCY_ROWS_H
#define COMMON_STORE_SQL_IDEMPOTENCY_ROWS_H

#include "common/store/sql/backend.h"

/* Whether the key is of a message that waits to be inserted with others. */
MUST_CHECK bool idempotency_rows_key_waits(const struct store_database *database,
                                           const struct store_idempotency *idempotency);

/* Whether the message of the write that runs waits to be inserted with others: its key is inserted with it. */
MUST_CHECK bool idempotency_rows_message_waits(const struct store_database *database);

/* Binds the key and runs the select; of the row it reads the answer and the hash of the request. */
MUST_CHECK enum error idempotency_rows_find_by(struct store_database *database,
                                               struct statement *select,
                                               struct store_idempotency *idempotency,
                                               unsigned char request_hash[SECRET_HASH_BYTES],
                                               bool *found);

/* Binds the columns that both backends have. */
void idempotency_rows_bind(struct statement *insert, const struct store_idempotency *idempotency,
                           int64_t now_ms);

/* As of struct idempotency_rows. */
enum error idempotency_rows_remove_old(struct store_database *database, int64_t before_ms,
                                       int64_t limit, int64_t *count);

#endif
