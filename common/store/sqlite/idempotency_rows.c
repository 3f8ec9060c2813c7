/* Idempotency keys and the answers to their requests. */
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static bool has_key(const struct store_write *write, const struct store_idempotency *idempotency)
{
    const struct store_idempotency *other = write->enqueue.idempotency;
    return other && strcmp(other->key, idempotency->key) == 0 &&
           strcmp(other->key_id, idempotency->key_id) == 0;
}

/* A key whose message waits for others is stored with it, or not at all. */
static enum error insert_if_waiting(struct store_database *database,
                                    const struct store_idempotency *idempotency)
{
    size_t i = 0;
    while (i < database->waiting_count && !has_key(database->waiting[i], idempotency))
        i++;
    if (i == database->waiting_count)
        return ERROR_NONE;
    enum error error = insert_rows_waiting(database);
    database->transaction.lost |= error != ERROR_NONE;
    return error;
}

/* With a hash that cannot be steered: many keys of one hash would be slow. */
static int64_t hash_of_key(const struct store_idempotency *idempotency)
{
    unsigned char hash[SECRET_HASH_BYTES];
    uint64_t number = 0;
    secret_hash_request(idempotency->key_id, idempotency->key, "", "", 0, hash);
    for (size_t i = 0; i < sizeof(number); i++)
        number = number << 8 | hash[i];
    return (int64_t)number;
}

static void bind_key(struct statement *statement, const struct store_idempotency *idempotency)
{
    statement_bind_integer(statement, FIELD_KEY_HASH, hash_of_key(idempotency));
    statement_bind_text(statement, FIELD_KEY_ID, idempotency->key_id);
    statement_bind_text(statement, FIELD_KEY, idempotency->key);
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

enum error idempotency_rows_insert(struct store_database *database,
                                   const struct store_idempotency *idempotency, int64_t now_ms)
{
    const struct store_answer *answer = &idempotency->answer;
    struct statement *insert = get(database, INSERT_IDEMPOTENCY);
    bind_key(insert, idempotency);
    statement_bind_hash(insert, FIELD_HASH, idempotency->request_hash);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, now_ms);
    statement_bind_integer(insert, FIELD_STATUS, answer->status);
    statement_bind_text(insert, FIELD_LOCATION, answer->location);
    statement_bind_blob(insert, FIELD_ANSWER, answer->body.data, (int)answer->body.length);
    return statement_run(&database->handle, insert);
}

/* Where the message of this write waits for others its key is inserted with it, because it may still fail. A message
   that is there already has no savepoint to be undone to. */
static enum error insert(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms)
{
    size_t waiting = database->waiting_count;
    if (database->enqueue && waiting > 0 && database->waiting[waiting - 1] == database->enqueue)
        return ERROR_NONE;
    enum error error = idempotency_rows_insert(database, idempotency, now_ms);
    database->transaction.lost |= error != ERROR_NONE && database->enqueue;
    return error;
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

const struct idempotency_rows sqlite_idempotency_rows = {
    .find = find,
    .insert = insert,
    .remove_old = remove_old,
};
