/* Events, for the verbs; those of messages are written with their messages. The backend numbers them. */
#include "common/store/sql/rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static enum error insert(struct store_database *database, const struct event_row *event,
                         int64_t now_ms)
{
    struct statement *insert = get(database, INSERT_GATEWAY_EVENT);
    enum error error = event_rows_bind_next_id(database, insert);
    if (error != ERROR_NONE)
        return error;
    statement_bind_integer(insert, FIELD_TYPE, event->type);
    statement_bind_integer(insert, FIELD_AT_MS, now_ms);
    statement_bind_text(insert, FIELD_DEVICE_ID, event->device_id);
    statement_bind_text(insert, FIELD_SUBJECT, event->subject);
    statement_bind_text(insert, FIELD_DETAIL, event->detail);
    return run(database, insert);
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count, int64_t *last_id)
{
    bool row;
    struct statement *select = get(database, LIST_OLD_EVENTS);
    statement_bind_integer(select, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(select, FIELD_LIMIT, limit);
    *count = *last_id = 0;
    enum error error = statement_step(&database->handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(&database->handle, select, &row)) {
        *last_id = statement_integer(select, FIELD_EVENT_ID);
        ++*count;
    }
    statement_reset(select);
    if (error != ERROR_NONE || *count == 0)
        return error;
    struct statement *delete = get(database, DELETE_OLD_EVENTS);
    statement_bind_integer(delete, FIELD_EVENT_ID, *last_id);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    return run(database, delete);
}

static enum error note_removed(struct store_database *database, int64_t id)
{
    struct statement *update = get(database, NOTE_REMOVED_EVENT);
    statement_bind_integer(update, FIELD_EVENT_ID, id);
    return run(database, update);
}

const struct event_rows sql_event_rows = {
    .insert = insert,
    .insert_for_broker = event_rows_insert_for_broker,
    .remove_old = remove_old,
    .skip_ids = event_rows_skip_ids,
    .note_removed = note_removed,
};
