/* Idempotency keys and the answers to their requests. The newest are looked up in memory (idempotency_index.h). */
#include "common/store/sql/idempotency_rows.h"
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/own_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

/* A key whose message waits for others is stored with it, or not at all. */
static enum error insert_if_waiting(struct store_database *database,
                                    const struct store_idempotency *idempotency)
{
    if (!idempotency_rows_key_waits(database, idempotency))
        return ERROR_NONE;
    enum error error = insert_rows_waiting(database);
    database->transaction.lost |= error != ERROR_NONE;
    return error;
}

/* ---- The index ---- */

/* Other processes write rows too, and merge: in each transaction what they have done is read first. */
static enum error read_state(struct store_database *database, int64_t *last_id)
{
    struct handle *handle = &database->handle;
    struct statement *select = get(database, READ_IDEMPOTENCY_STATE);
    bool row;
    enum error error = statement_step(handle, select, &row);
    if (error == ERROR_NONE && row) {
        *last_id = statement_integer(select, FIELD_ID);
        idempotency_index_note_merged(&database->idempotency,
                                      statement_integer(select, FIELD_MERGED_ID), *last_id);
    }
    statement_reset(select);
    return error != ERROR_NONE ? error : row ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error read_new_rows(struct store_database *database)
{
    struct statement *select = get(database, READ_IDEMPOTENCY_HASHES);
    bool row = true;
    enum error error = ERROR_NONE;
    statement_bind_integer(select, FIELD_AFTER, database->idempotency.last_id);
    while (error == ERROR_NONE && row) {
        error = statement_step(&database->handle, select, &row);
        if (error == ERROR_NONE && row &&
            !idempotency_index_add(&database->idempotency,
                                   statement_integer(select, FIELD_KEY_HASH),
                                   statement_integer(select, FIELD_ID)))
            error = ERROR_INTERNAL;
    }
    statement_reset(select);
    return error;
}

/* Before anything of the transaction is added. */
static enum error read_index(struct store_database *database)
{
    struct idempotency_index *index = &database->idempotency;
    int64_t last_id = 0;
    if (index->read)
        return ERROR_NONE;
    enum error error = read_state(database, &last_id);
    if (error == ERROR_NONE && last_id > index->last_id)
        error = read_new_rows(database);
    if (error == ERROR_NONE)
        idempotency_index_note_read(index, last_id);
    return error;
}

static enum error merge(struct store_database *database, size_t count)
{
    struct handle *handle = &database->handle;
    const struct idempotency_entry *entry;
    int64_t first_id = INT64_MAX; /* older rows have been removed, with their entries */
    enum error error = statement_read_integer(handle, get(database, FIRST_IDEMPOTENCY), &first_id);
    while (error == ERROR_NONE && count-- > 0 &&
           (entry = idempotency_index_next(&database->idempotency))) {
        if (entry->id < first_id)
            continue;
        struct statement *insert = get(database, MERGE_IDEMPOTENCY);
        statement_bind_integer(insert, FIELD_KEY_HASH, entry->key_hash);
        statement_bind_integer(insert, FIELD_ID, entry->id);
        error = statement_run(handle, insert);
    }
    if (error != ERROR_NONE || !idempotency_index_ends_round(&database->idempotency))
        return error;
    struct statement *update = get(database, NOTE_IDEMPOTENCY_MERGED);
    statement_bind_integer(update, FIELD_ID, database->idempotency.round_id);
    return statement_run(handle, update);
}

enum error idempotency_rows_flush(struct store_database *database)
{
    size_t due = database->idempotency.read ? idempotency_index_due(&database->idempotency) : 0;
    return due > 0 ? merge(database, due) : ERROR_NONE;
}

/* ---- Rows ---- */

static enum error find(struct store_database *database, struct store_idempotency *idempotency,
                       unsigned char request_hash[SECRET_HASH_BYTES], bool *found)
{
    const struct idempotency_entry *entry;
    uint32_t place = 0;
    *found = false;
    enum error error = insert_if_waiting(database, idempotency);
    if (error == ERROR_NONE)
        error = read_index(database);
    idempotency->key_hash = idempotency_index_hash(idempotency->key_id, idempotency->key);
    while (
        error == ERROR_NONE && !*found &&
        (entry = idempotency_index_find(&database->idempotency, idempotency->key_hash, &place))) {
        struct statement *select = get(database, FIND_IDEMPOTENCY_BY_ID);
        statement_bind_integer(select, FIELD_ID, entry->id);
        error = idempotency_rows_find_by(database, select, idempotency, request_hash, found);
    }
    if (error != ERROR_NONE || *found)
        return error;
    struct statement *select = get(database, FIND_IDEMPOTENCY);
    statement_bind_integer(select, FIELD_KEY_HASH, idempotency->key_hash);
    return idempotency_rows_find_by(database, select, idempotency, request_hash, found);
}

enum error idempotency_rows_insert(struct store_database *database,
                                   const struct store_idempotency *idempotency, int64_t now_ms)
{
    struct idempotency_index *index = &database->idempotency;
    int64_t id = index->last_id + 1;
    if (!index->read) /* the write has looked for its key first */
        return ERROR_INTERNAL;
    struct statement *insert = get(database, INSERT_IDEMPOTENCY);
    idempotency_rows_bind(insert, idempotency, now_ms);
    statement_bind_integer(insert, FIELD_ID, id);
    statement_bind_integer(insert, FIELD_KEY_HASH, idempotency->key_hash);
    enum error error = statement_run(&database->handle, insert);
    if (error == ERROR_NONE && !idempotency_index_add(index, idempotency->key_hash, id))
        error = ERROR_INTERNAL;
    return error;
}

/* Where the message of this write waits for others its key is inserted with it, because it may still fail. A message
   that is there already has no savepoint to be undone to. */
static enum error insert(struct store_database *database,
                         const struct store_idempotency *idempotency, int64_t now_ms)
{
    if (idempotency_rows_message_waits(database))
        return ERROR_NONE;
    enum error error = idempotency_rows_insert(database, idempotency, now_ms);
    database->transaction.lost |= error != ERROR_NONE && database->enqueue;
    return error;
}

const struct idempotency_rows sql_idempotency_rows = {
    .find = find,
    .insert = insert,
    .remove_old = idempotency_rows_remove_old,
};
