/* Idempotency keys and the answers to their requests, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

/* A row with only its key filled in. */
static struct memory_idempotency key_of(const struct store_idempotency *idempotency)
{
    struct memory_idempotency row = {.status = 0};
    strcpy(row.key_id, idempotency->key_id);
    strcpy(row.key, idempotency->key);
    return row;
}

static enum error find(struct store_database *database, struct store_idempotency *idempotency,
                       unsigned char request_hash[SECRET_HASH_BYTES], bool *found)
{
    struct memory_idempotency key = key_of(idempotency);
    const struct memory_idempotency *row = table_find(&database->tables->idempotency, &key);
    struct store_answer *answer = &idempotency->answer;
    *found = row;
    if (!row)
        return ERROR_NONE;
    memcpy(request_hash, row->request_hash, SECRET_HASH_BYTES);
    answer->status = row->status;
    strcpy(answer->location, row->location);
    buffer_clear(&answer->body);
    buffer_append(&answer->body, row->answer, row->answer_length);
    return answer->body.failed ? ERROR_INTERNAL : ERROR_NONE;
}

static enum error insert(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms)
{
    const struct store_answer *answer = &idempotency->answer;
    struct memory_idempotency row = key_of(idempotency);
    memcpy(row.request_hash, idempotency->request_hash, sizeof(row.request_hash));
    row.created_at_ms = now_ms;
    row.status = answer->status;
    strcpy(row.location, answer->location);
    row.answer_length = answer->body.length;
    row.answer = table_copy_row(answer->body.data ? answer->body.data : "",
                                answer->body.length + 1);
    if (!row.answer)
        return ERROR_INTERNAL;
    struct memory_idempotency *copy = table_copy_row(&row, sizeof(row));
    if (!copy)
        free(row.answer);
    return table_put(&database->tables->idempotency, &database->undo, copy);
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    struct table *table = &database->tables->idempotency;
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = 0; i < table->count && *count < limit && error == ERROR_NONE;) {
        struct memory_idempotency *row = table->rows[i];
        if (row->created_at_ms >= before_ms) {
            i++;
            continue;
        }
        error = table_remove(table, &database->undo, row); /* the next one takes its place */
        ++*count;
    }
    return error;
}

const struct idempotency_rows memory_idempotency_rows = {
    .find = find,
    .insert = insert,
    .remove_old = remove_old,
};
