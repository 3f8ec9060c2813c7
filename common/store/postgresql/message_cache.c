#include "common/store/postgresql/message_cache.h"

#include "common/base/grow_list.h"
#include "common/store/postgresql/database.h"
#include "common/store/sql/message_rows.h"
#include "common/store/sql/rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- The cache ---- */

static struct message_row *find_seq(const struct message_cache *cache, int64_t seq)
{
    ptrdiff_t place = seq_places_find(&cache->places, seq);
    return place == SEQ_NOWHERE ? NULL : &cache->rows[place];
}

void message_cache_put(struct message_cache *cache, const struct message_row *row)
{
    struct message_row *known = find_seq(cache, row->seq);
    if (!known && cache->count == cache->capacity) {
        void *more = grow_list(cache->rows, &cache->capacity, sizeof(*row));
        if (!more)
            return;
        cache->rows = more;
    }
    if (!known && !seq_places_put(&cache->places, row->seq, cache->count))
        return;
    if (!known)
        known = &cache->rows[cache->count++];
    *known = *row;
    /* As the database has it. */
    if (row->status != MESSAGE_QUEUED)
        known->place = (struct message_place){.rank_ms = 0};
    else if (!*row->place.lane)
        known->place.rank_ms = 0;
}

const struct message_row *message_cache_find(const struct message_cache *cache, int64_t seq)
{
    return find_seq(cache, seq);
}

void message_cache_clear(struct message_cache *cache)
{
    cache->count = 0;
    seq_places_clear(&cache->places);
}

void message_cache_fini(struct message_cache *cache)
{
    seq_places_fini(&cache->places);
    free(cache->rows);
    *cache = (struct message_cache){0};
}

static void forget(struct message_cache *cache, int64_t seq)
{
    struct message_row *row = find_seq(cache, seq);
    if (!row)
        return;
    *row = cache->rows[--cache->count];
    (void)!seq_places_put(&cache->places, row->seq, (size_t)(row - cache->rows)); /* not new */
    seq_places_remove(&cache->places, seq);
}

/* ---- Rows, through it ---- */

static enum error find(struct store_database *database, const struct message_id *id,
                       struct message_row *row, bool *found)
{
    struct message_cache *cache = &database->messages;
    int64_t seq = message_id_seq(id);
    for (int beside = 0; beside < 2; beside++) { /* the keys that it may have */
        const struct message_row *known = find_seq(cache, seq + beside);
        if (known && message_id_equal(&known->id, id)) {
            *row = *known;
            *found = true;
            return ERROR_NONE;
        }
    }
    enum error error = message_rows_find(database, id, row, found);
    if (error == ERROR_NONE && *found)
        message_cache_put(cache, row);
    return error;
}

static enum error change(struct store_database *database, const struct message_row *before,
                         const struct message_row *after, enum transition_reason reason,
                         const struct message_error *message_error)
{
    enum error error = sql_message_rows.change(database, before, after, reason, message_error);
    if (error != ERROR_NONE)
        return error;
    if (message_cache_find(&database->messages, before->seq))
        message_cache_put(&database->messages, after);
    last_devices_note(&database->last_devices, after);
    return ERROR_NONE;
}

static enum error assign(struct store_database *database, const struct message_row *row)
{
    forget(&database->messages, row->seq);
    return sql_message_rows.assign(database, row);
}

static enum error set_place(struct store_database *database, const struct message_row *row)
{
    forget(&database->messages, row->seq);
    if (!*row->place.lane) /* it may be older than what is claimed now */
        claim_mark_reset(&database->claim_mark, database->transaction.now_ms);
    return sql_message_rows.set_place(database, row);
}

static enum error list_due_from(struct store_database *database, size_t limit,
                                struct due_message due[], size_t *count)
{
    bool row, with_last = database->options->limits.same_device_ms > 0;
    struct statement *select = statement_get(&database->handle,
                                             with_last ? LIST_DUE_AND_LAST : LIST_DUE);
    statement_bind_integer(select, FIELD_FIRST, database->claim_mark.seq);
    if (!with_last)
        return queue_rows_read_due(database, select, limit, due, count);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    *count = 0;
    database->last_devices.count = 0;
    enum error error = statement_step(&database->handle, select, &row);
    while (error == ERROR_NONE && row) {
        error = queue_rows_read_one(select, &due[(*count)++]);
        if (error == ERROR_NONE)
            last_devices_put(database, select, &due[*count - 1]);
        if (error == ERROR_NONE)
            error = statement_step(&database->handle, select, &row);
    }
    statement_reset(select);
    return error;
}

static enum error find_last_device(struct store_database *database, const char *phone_number,
                                   int64_t since_ms, char device_id[DEVICE_ID_SIZE], unsigned *sim)
{
    const struct last_device *last = last_devices_find(&database->last_devices, phone_number);
    if (!last)
        return sql_message_rows.find_last_device(database, phone_number, since_ms, device_id, sim);
    bool is_recent = last->seq != 0 && last->updated_at_ms >= since_ms;
    strcpy(device_id, is_recent ? last->device_id : "");
    *sim = is_recent ? last->sim : 0;
    return ERROR_NONE;
}

/* Where it finds less than it may there may be more below the mark. */
static enum error list_due(struct store_database *database, int64_t expired_at_ms, size_t limit,
                           struct due_message due[], size_t *count)
{
    struct claim_mark *mark = &database->claim_mark;
    if (expired_at_ms != 0)
        return sql_message_rows.list_due(database, expired_at_ms, limit, due, count);
    enum error error = list_due_from(database, limit, due, count);
    if (error == ERROR_NONE && *count < limit && mark->seq != 0) {
        for (size_t i = 0; i < *count; i++)
            message_fini(&due[i].message);
        claim_mark_reset(mark, database->transaction.now_ms);
        error = list_due_from(database, limit, due, count);
    }
    if (error == ERROR_NONE)
        claim_mark_note(mark, *count > 0 ? due[0].row.seq : 0, *count == limit);
    return error;
}

static enum error request_cancel(struct store_database *database, const struct message_row *row)
{
    forget(&database->messages, row->seq);
    return sql_message_rows.request_cancel(database, row);
}

static enum error set_confirmed(struct store_database *database, const struct message_row *row)
{
    forget(&database->messages, row->seq);
    return sql_message_rows.set_confirmed(database, row);
}

static enum error remove_message(struct store_database *database, const struct message_row *row)
{
    forget(&database->messages, row->seq);
    return sql_message_rows.remove(database, row);
}

static enum error purge(struct store_database *database, const struct message_row rows[],
                        size_t count, int64_t *newest_event)
{
    message_cache_clear(&database->messages);
    return purge_rows(database, rows, count, newest_event);
}

static enum error correct_future(struct store_database *database, int64_t latest_ms, int64_t now_ms)
{
    message_cache_clear(&database->messages);
    return sql_message_rows.correct_future(database, latest_ms, now_ms);
}

struct message_rows message_cache_rows(void)
{
    struct message_rows rows = sql_message_rows;
    rows.find = find;
    rows.change = change;
    rows.assign = assign;
    rows.set_place = set_place;
    rows.list_due = list_due;
    rows.find_last_device = find_last_device;
    rows.request_cancel = request_cancel;
    rows.set_confirmed = set_confirmed;
    rows.remove = remove_message;
    rows.purge = purge;
    rows.correct_future = correct_future;
    return rows;
}
