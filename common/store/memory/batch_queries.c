/* Reads of batches, in memory: the lock is held. */
#include "common/store/memory/memory.h"

#include <string.h>

static void copy_batch(const struct memory_tables *tables, const struct memory_batch *row,
                       struct store_batch *batch)
{
    *batch = (struct store_batch){
        .id = row->id, .created_at_ms = row->created_at_ms, .count = row->count};
    strcpy(batch->key_id, row->key_id);
    strcpy(batch->external_id, row->external_id);
    for (size_t i = 0; i < tables->messages.count; i++) {
        const struct message_row *message =
            &((const struct memory_message *)tables->messages.rows[i])->row;
        batch->counts[message->status] += message_id_equal(&message->batch_id, &row->id);
    }
}

enum error memory_read_batch(const struct memory_tables *tables, const struct message_id *id,
                             struct store_batch *batch)
{
    const struct memory_batch *row = table_find(&tables->batches, id);
    if (row)
        copy_batch(tables, row, batch);
    return row ? ERROR_NONE : ERROR_BATCH_NOT_FOUND;
}

void memory_list_batches(const struct memory_tables *tables, const struct message_id *before,
                         size_t limit, struct store_batch batches[], size_t *count)
{
    size_t end = table_lower_bound(&tables->batches, before);
    for (*count = 0; *count < limit && *count < end; (*count)++)
        copy_batch(tables, tables->batches.rows[end - 1 - *count], &batches[*count]);
}

enum error memory_find_external_batch(const struct memory_tables *tables, const char *external_id,
                                      struct store_batch *batch)
{
    for (size_t i = 0; i < tables->batches.count; i++) {
        const struct memory_batch *row = tables->batches.rows[i];
        if (strcmp(row->external_id, external_id) != 0)
            continue;
        copy_batch(tables, row, batch);
        return ERROR_NONE;
    }
    return ERROR_BATCH_NOT_FOUND;
}

void memory_read_external_id(const struct memory_tables *tables, const struct message_id *batch_id,
                             char external_id[STORE_EXTERNAL_ID_SIZE])
{
    const struct memory_batch *row = table_find(&tables->batches, batch_id);
    strcpy(external_id, row ? row->external_id : "");
}

static bool is_of_device(const struct memory_tables *tables, const struct memory_batch *batch,
                         const char *device_id)
{
    bool found = *device_id == '\0';
    for (size_t i = 0; i < tables->messages.count && !found; i++) {
        const struct message_row *message =
            &((const struct memory_message *)tables->messages.rows[i])->row;
        found = message_id_equal(&message->batch_id, &batch->id) &&
                strcmp(message->device_id, device_id) == 0;
    }
    return found;
}

static size_t index_at_time(const struct table *batches, int64_t wall_ms)
{
    struct message_id first = message_id_first_at(wall_ms);
    return table_lower_bound(batches, &first);
}

void memory_list_external_batches(const struct memory_tables *tables,
                                  const struct store_external_query *query,
                                  struct store_batch batches[], size_t *count, int64_t *total)
{
    const struct table *all = &tables->batches;
    size_t first = query->has_created_after ? index_at_time(all, query->created_after_ms) : 0;
    size_t end = query->has_created_before ? index_at_time(all, query->created_before_ms)
                                           : all->count;
    for (size_t i = first; i < end; i++) {
        const struct memory_batch *row = all->rows[query->oldest_first ? i : first + end - 1 - i];
        struct store_batch batch;
        if (!*row->external_id || !is_of_device(tables, row, query->device_id))
            continue;
        copy_batch(tables, row, &batch);
        if (query->matches && !query->matches(batch.counts, query->wanted))
            continue;
        if (*count < query->limit && *total >= query->offset)
            batches[(*count)++] = batch;
        ++*total;
    }
}
