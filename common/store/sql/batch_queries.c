/* Reading batches of messages. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"

#include <string.h>

/* But the counts. */
static void read_batch_row(const struct statement *row, struct store_batch *batch)
{
    *batch = (struct store_batch){.created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS),
                                  .count = statement_integer(row, FIELD_COUNT)};
    (void)!statement_id(row, FIELD_ID, &batch->id);
    statement_text(row, FIELD_KEY_ID, batch->key_id, sizeof(batch->key_id));
    statement_text(row, FIELD_EXTERNAL_ID, batch->external_id, sizeof(batch->external_id));
}

static enum error read_statuses(struct handle *handle, struct store_batch *batch)
{
    struct statement *statuses = statement_get(handle, READ_BATCH_STATUSES);
    statement_bind_id(statuses, FIELD_BATCH_ID, &batch->id);
    return queries_read_counts(handle, statuses, batch->counts);
}

/* Reads the one batch that `select` finds. Within a transaction of the caller. */
static enum error read_batch(struct handle *handle, struct statement *select,
                             struct store_batch *batch)
{
    bool found;
    enum error error = statement_step(handle, select, &found);
    if (error == ERROR_NONE && found)
        read_batch_row(select, batch);
    statement_reset(select);
    if (error != ERROR_NONE || !found)
        return error != ERROR_NONE ? error : ERROR_BATCH_NOT_FOUND;
    return read_statuses(handle, batch);
}

/* Within a transaction of the caller. */
static enum error list_batches(struct handle *handle, const struct message_id *before, size_t limit,
                               struct store_batch batches[], size_t *count)
{
    bool found = false;
    enum error error;
    struct statement *select = statement_get(handle, LIST_BATCHES);
    statement_bind_id(select, FIELD_BATCH_ID, before);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    *count = 0;
    while ((error = statement_step(handle, select, &found)) == ERROR_NONE && found)
        read_batch_row(select, &batches[(*count)++]);
    statement_reset(select);
    for (size_t i = 0; i < *count && error == ERROR_NONE; i++)
        error = read_statuses(handle, &batches[i]);
    return error;
}

enum error queries_find_batch(struct store_database_reader *reader, const struct message_id *id,
                              struct store_batch *batch)
{
    enum error error = reader_begin_view(reader);
    if (error != ERROR_NONE)
        return error;
    struct statement *select = statement_get(&reader->handle, READ_BATCH);
    statement_bind_id(select, FIELD_BATCH_ID, id);
    return reader_end_view(reader, read_batch(&reader->handle, select, batch));
}

enum error queries_find_external_batch(struct store_database_reader *reader,
                                       const char *external_id, struct store_batch *batch)
{
    enum error error = reader_begin_view(reader);
    if (error != ERROR_NONE)
        return error;
    struct statement *select = statement_get(&reader->handle, READ_EXTERNAL_BATCH);
    statement_bind_text(select, FIELD_EXTERNAL_ID, external_id);
    return reader_end_view(reader, read_batch(&reader->handle, select, batch));
}

enum error queries_read_external_id(struct store_database_reader *reader,
                                    const struct message_id *batch_id,
                                    char external_id[STORE_EXTERNAL_ID_SIZE])
{
    bool found;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, READ_BATCH);
    statement_bind_id(select, FIELD_BATCH_ID, batch_id);
    enum error error = statement_step(&reader->handle, select, &found);
    external_id[0] = '\0';
    if (error == ERROR_NONE && found)
        statement_text(select, FIELD_EXTERNAL_ID, external_id, STORE_EXTERNAL_ID_SIZE);
    statement_reset(select);
    reader_end(reader);
    return error;
}

enum error queries_list_batches(struct store_database_reader *reader,
                                const struct message_id *before, size_t limit,
                                struct store_batch batches[], size_t *count)
{
    enum error error = reader_begin_view(reader);
    return error == ERROR_NONE ? reader_end_view(reader, list_batches(&reader->handle, before,
                                                                      limit, batches, count))
                               : error;
}

/* ---- Batches with an external id ---- */

/* From `first` up to, but without, `end`: borrowed by the statement. */
struct id_range {
    struct message_id first, end;
};

static struct id_range range_of(const struct store_external_query *query)
{
    struct id_range range = {0};
    memset(&range.end, 0xff, sizeof(range.end));
    if (query->has_created_after)
        range.first = message_id_first_at(query->created_after_ms);
    if (query->has_created_before)
        range.end = message_id_first_at(query->created_before_ms);
    return range;
}

/* Within a transaction of the caller. */
static enum error list_external(struct handle *handle, const struct store_external_query *query,
                                struct store_batch batches[], size_t *count, int64_t *total)
{
    struct id_range range = range_of(query);
    struct statement *select = statement_get(handle, query->oldest_first ? LIST_EXTERNAL_OLDEST
                                                                         : LIST_EXTERNAL_NEWEST);
    bool found;
    enum error error;
    statement_bind_id(select, FIELD_ID, &range.first);
    statement_bind_id(select, FIELD_BATCH_ID, &range.end);
    statement_bind_text(select, FIELD_DEVICE_ID, query->device_id);
    while ((error = statement_step(handle, select, &found)) == ERROR_NONE && found) {
        struct store_batch batch;
        read_batch_row(select, &batch);
        bool is_on_page = *count < query->limit && *total >= query->offset;
        if (query->matches || is_on_page)
            error = read_statuses(handle, &batch);
        if (error != ERROR_NONE)
            break;
        if (query->matches && !query->matches(batch.counts, query->wanted))
            continue;
        if (is_on_page)
            batches[(*count)++] = batch;
        ++*total;
    }
    statement_reset(select);
    return error;
}

enum error queries_list_external_batches(struct store_database_reader *reader,
                                         const struct store_external_query *query,
                                         struct store_batch batches[], size_t *count,
                                         int64_t *total)
{
    enum error error = reader_begin_view(reader);
    return error == ERROR_NONE ? reader_end_view(reader, list_external(&reader->handle, query,
                                                                       batches, count, total))
                               : error;
}
