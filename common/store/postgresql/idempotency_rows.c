/* Idempotency keys and the answers to their requests. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static void bind_key(struct statement *statement, const struct store_idempotency *idempotency)
{
    statement_bind_text(statement, FIELD_KEY_ID, idempotency->key_id);
    statement_bind_text(statement, FIELD_KEY, idempotency->key);
}

static bool has_key(const struct store_write *write, const struct store_idempotency *idempotency)
{
    const struct store_idempotency *other = write->enqueue.idempotency;
    return other && strcmp(other->key, idempotency->key) == 0 &&
           strcmp(other->key_id, idempotency->key_id) == 0;
}

/* A key whose message waits for others is sent with it. */
static enum error insert_if_waiting(struct store_database *database,
                                    const struct store_idempotency *idempotency)
{
    struct store_write *enqueue = database->enqueue;
    size_t i = 0;
    while (i < database->waiting_count && !has_key(database->waiting[i], idempotency))
        i++;
    enum error error = i < database->waiting_count ? insert_rows_waiting(database) : ERROR_NONE;
    database->enqueue = enqueue;
    return error;
}

static enum error read_answer(const struct statement *select, struct store_answer *answer)
{
    answer->status = (int)statement_integer(select, FIELD_STATUS);
    statement_text(select, FIELD_LOCATION, answer->location, sizeof(answer->location));
    buffer_clear(&answer->body);
    statement_append_blob(select, FIELD_ANSWER, &answer->body);
    return answer->body.failed ? ERROR_INTERNAL : ERROR_NONE;
}

static enum error find(struct store_database *database, struct store_idempotency *idempotency,
                       unsigned char request_hash[SECRET_HASH_BYTES], bool *found)
{
    *found = false;
    enum error error = insert_if_waiting(database, idempotency);
    if (error != ERROR_NONE)
        return error;
    struct statement *select = get(database, FIND_IDEMPOTENCY);
    bind_key(select, idempotency);
    error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = statement_hash(select, FIELD_HASH, request_hash)
                    ? read_answer(select, &idempotency->answer)
                    : ERROR_INTERNAL;
    statement_reset(select);
    return error;
}

/* Where the message of this write waits for others its key is sent with it. */
static enum error insert(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms)
{
    size_t waiting = database->waiting_count;
    if (database->enqueue && waiting > 0 && database->waiting[waiting - 1] == database->enqueue)
        return ERROR_NONE;
    struct statement *insert = get(database, INSERT_IDEMPOTENCY);
    bind_key(insert, idempotency);
    statement_bind_hash(insert, FIELD_HASH, idempotency->request_hash);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, now_ms);
    statement_bind_integer(insert, FIELD_STATUS, idempotency->answer.status);
    statement_bind_text(insert, FIELD_LOCATION, idempotency->answer.location);
    statement_bind_blob(insert, FIELD_ANSWER, idempotency->answer.body.data,
                        (int)idempotency->answer.body.length);
    return statement_run(&database->handle, insert);
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    struct statement *delete = get(database, REMOVE_IDEMPOTENCY);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    enum error error = statement_run(&database->handle, delete);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

const struct idempotency_rows sql_idempotency_rows = {
    .find = find,
    .insert = insert,
    .remove_old = remove_old,
};
