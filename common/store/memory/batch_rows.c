/* Batches of messages, in memory. */
#include "common/base/log.h"
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static enum error insert(struct store_database *database, const struct store_batch *batch)
{
    struct memory_batch row = {
        .id = batch->id, .created_at_ms = batch->created_at_ms, .count = batch->count};
    strcpy(row.key_id, batch->key_id);
    strcpy(row.external_id, batch->external_id);
    if (table_find(&database->tables->batches, &batch->id)) {
        log_error("the id of a batch is taken");
        return ERROR_INTERNAL;
    }
    return table_put(&database->tables->batches, &database->undo,
                     table_copy_row(&row, sizeof(row)));
}

static enum error find(struct store_database *database, const struct message_id *id, bool *found)
{
    *found = table_find(&database->tables->batches, id);
    return ERROR_NONE;
}

static enum error find_external(struct store_database *database, const char *external_id,
                                bool *found)
{
    const struct table *batches = &database->tables->batches;
    *found = false;
    for (size_t i = 0; i < batches->count && !*found; i++)
        *found = strcmp(((const struct memory_batch *)batches->rows[i])->external_id,
                        external_id) == 0;
    return ERROR_NONE;
}

static enum error list_messages(struct store_database *database, const struct message_id *id,
                                int64_t after, size_t limit, struct message_row rows[],
                                size_t *count)
{
    const struct table *messages = &database->tables->messages;
    struct memory_message key = {.row.seq = after};
    *count = 0;
    for (size_t i = table_lower_bound(messages, &key); i < messages->count && *count < limit; i++) {
        const struct message_row *row = &((const struct memory_message *)messages->rows[i])->row;
        if (row->seq > after && message_id_equal(&row->batch_id, id))
            rows[(*count)++] = *row;
    }
    return ERROR_NONE;
}

static enum error count_statuses(struct store_database *database, const struct message_id *id,
                                 int64_t counts[MESSAGE_STATUS_COUNT])
{
    const struct table *messages = &database->tables->messages;
    memset(counts, 0, MESSAGE_STATUS_COUNT * sizeof(*counts));
    for (size_t i = 0; i < messages->count; i++) {
        const struct message_row *row = &((const struct memory_message *)messages->rows[i])->row;
        counts[row->status] += message_id_equal(&row->batch_id, id);
    }
    return ERROR_NONE;
}

static enum error find_open(struct store_database *database, const struct message_id *id,
                            bool *found)
{
    const struct table *messages = &database->tables->messages;
    *found = false;
    for (size_t i = messages->count; i > 0 && !*found; i--) {
        const struct message_row *row =
            &((const struct memory_message *)messages->rows[i - 1])->row;
        *found = row->status < MESSAGE_SENT && message_id_equal(&row->batch_id, id);
    }
    return ERROR_NONE;
}

static enum error remove_empty(struct store_database *database, const struct message_id *id)
{
    struct message_row row;
    size_t count;
    enum error error = list_messages(database, id, 0, 1, &row, &count);
    struct memory_batch *batch = table_find(&database->tables->batches, id);
    return error == ERROR_NONE && count == 0 && batch
               ? table_remove(&database->tables->batches, &database->undo, batch)
               : error;
}

const struct batch_rows memory_batch_rows = {
    .insert = insert,
    .find = find,
    .find_external = find_external,
    .list_messages = list_messages,
    .find_open = find_open,
    .count_statuses = count_statuses,
    .remove_empty = remove_empty,
};
