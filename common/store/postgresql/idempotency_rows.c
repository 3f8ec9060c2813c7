/* Idempotency keys and the answers to their requests. */
#include "common/store/sql/idempotency_rows.h"
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

/* A key whose message waits for others is sent with it. */
static enum error insert_if_waiting(struct store_database *database,
                                    const struct store_idempotency *idempotency)
{
    struct store_write *enqueue = database->enqueue;
    enum error error = idempotency_rows_key_waits(database, idempotency)
                           ? insert_rows_waiting(database)
                           : ERROR_NONE;
    database->enqueue = enqueue;
    return error;
}

static enum error find(struct store_database *database, struct store_idempotency *idempotency,
                       unsigned char request_hash[SECRET_HASH_BYTES], bool *found)
{
    *found = false;
    enum error error = insert_if_waiting(database, idempotency);
    if (error != ERROR_NONE)
        return error;
    return idempotency_rows_find_by(database, get(database, FIND_IDEMPOTENCY), idempotency,
                                    request_hash, found);
}

/* Where the message of this write waits for others its key is sent with it. */
static enum error insert(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms)
{
    if (idempotency_rows_message_waits(database))
        return ERROR_NONE;
    struct statement *insert = get(database, INSERT_IDEMPOTENCY);
    idempotency_rows_bind(insert, idempotency, now_ms);
    return statement_run(&database->handle, insert);
}

const struct idempotency_rows sql_idempotency_rows = {
    .find = find,
    .insert = insert,
    .remove_old = idempotency_rows_remove_old,
};
