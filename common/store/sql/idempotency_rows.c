#include "common/store/sql/idempotency_rows.h"

#include <string.h>

static bool has_key(const struct store_write *write, const struct store_idempotency *idempotency)
{
    const struct store_idempotency *other = write->enqueue.idempotency;
    return other && strcmp(other->key, idempotency->key) == 0 &&
           strcmp(other->key_id, idempotency->key_id) == 0;
}

bool idempotency_rows_key_waits(const struct store_database *database,
                                const struct store_idempotency *idempotency)
{
    size_t i = 0;
    while (i < database->waiting_count && !has_key(database->waiting[i], idempotency))
        i++;
    return i < database->waiting_count;
}

bool idempotency_rows_message_waits(const struct store_database *database)
{
    size_t waiting = database->waiting_count;
    return database->enqueue && waiting > 0 && database->waiting[waiting - 1] == database->enqueue;
}

static void bind_key(struct statement *statement, const struct store_idempotency *idempotency)
{
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

enum error idempotency_rows_find_by(struct store_database *database, struct statement *select,
                                    struct store_idempotency *idempotency,
                                    unsigned char request_hash[SECRET_HASH_BYTES], bool *found)
{
    bind_key(select, idempotency);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = statement_hash(select, FIELD_HASH, request_hash)
                    ? read_answer(select, &idempotency->answer)
                    : ERROR_INTERNAL;
    statement_reset(select);
    return error;
}

void idempotency_rows_bind(struct statement *insert, const struct store_idempotency *idempotency,
                           int64_t now_ms)
{
    const struct store_answer *answer = &idempotency->answer;
    bind_key(insert, idempotency);
    statement_bind_hash(insert, FIELD_HASH, idempotency->request_hash);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, now_ms);
    statement_bind_integer(insert, FIELD_STATUS, answer->status);
    statement_bind_text(insert, FIELD_LOCATION, answer->location);
    statement_bind_blob(insert, FIELD_ANSWER, answer->body.data, (int)answer->body.length);
}

enum error idempotency_rows_remove_old(struct store_database *database, int64_t before_ms,
                                       int64_t limit, int64_t *count)
{
    struct statement *delete = statement_get(&database->handle, REMOVE_IDEMPOTENCY);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    enum error error = statement_run(&database->handle, delete);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}
