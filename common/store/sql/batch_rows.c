/* Batches of messages, for the verbs. */
#include "common/store/sql/backend.h"
#include "common/store/sql/message_rows.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id,
                             const struct message_id *batch_id)
{
    struct statement *statement = statement_get(&database->handle, id);
    statement_bind_id(statement, FIELD_BATCH_ID, batch_id);
    return statement;
}

static enum error insert(struct store_database *database, const struct store_batch *batch)
{
    struct statement *statement = get(database, INSERT_BATCH, &batch->id);
    statement_bind_integer(statement, FIELD_CREATED_AT_MS, batch->created_at_ms);
    statement_bind_text(statement, FIELD_KEY_ID, batch->key_id);
    statement_bind_integer(statement, FIELD_COUNT, batch->count);
    statement_bind_text(statement, FIELD_EXTERNAL_ID, batch->external_id);
    return statement_run(&database->handle, statement);
}

static enum error find(struct store_database *database, const struct message_id *id, bool *found)
{
    struct statement *select = get(database, FIND_BATCH, id);
    enum error error = statement_step(&database->handle, select, found);
    statement_reset(select);
    return error;
}

static enum error find_external(struct store_database *database, const char *external_id,
                                bool *found)
{
    struct statement *select = statement_get(&database->handle, FIND_EXTERNAL);
    statement_bind_text(select, FIELD_EXTERNAL_ID, external_id);
    enum error error = statement_step(&database->handle, select, found);
    statement_reset(select);
    return error;
}

static enum error list_messages(struct store_database *database, const struct message_id *id,
                                int64_t after, size_t limit, struct message_row rows[],
                                size_t *count)
{
    struct statement *select = get(database, LIST_MESSAGES_OF_BATCH, id);
    statement_bind_integer(select, FIELD_AFTER, after);
    *count = 0;
    return message_rows_read_list(database, select, limit, rows, count);
}

static enum error find_open(struct store_database *database, const struct message_id *id,
                            bool *found)
{
    struct statement *select = get(database, FIND_OPEN_IN_BATCH, id);
    enum error error = statement_step(&database->handle, select, found);
    statement_reset(select);
    return error;
}

static enum error count_statuses(struct store_database *database, const struct message_id *id,
                                 int64_t counts[MESSAGE_STATUS_COUNT])
{
    memset(counts, 0, MESSAGE_STATUS_COUNT * sizeof(*counts));
    return queries_read_counts(&database->handle, get(database, COUNT_BATCH_STATUSES, id), counts);
}

static enum error remove_empty(struct store_database *database, const struct message_id *id)
{
    return statement_run(&database->handle, get(database, DELETE_EMPTY_BATCH, id));
}

const struct batch_rows sql_batch_rows = {
    .insert = insert,
    .find = find,
    .find_external = find_external,
    .list_messages = list_messages,
    .find_open = find_open,
    .count_statuses = count_statuses,
    .remove_empty = remove_empty,
};
