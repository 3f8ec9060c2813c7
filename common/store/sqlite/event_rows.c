/* Events, for the verbs; those of messages are written with their messages. */
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/own_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

enum error event_rows_next_id(struct store_database *database)
{
    enum error error = ERROR_NONE;
    if (database->last_event_id == 0)
        error = statement_read_integer(&database->handle, get(database, READ_LAST_EVENT),
                                       &database->last_event_id);
    database->last_event_id++;
    return error;
}

enum error event_rows_bind_next_id(struct store_database *database, struct statement *insert)
{
    enum error error = event_rows_next_id(database);
    if (error == ERROR_NONE)
        statement_bind_integer(insert, FIELD_EVENT_ID, database->last_event_id);
    return error;
}

enum error event_rows_last_id(struct store_database *database, int64_t *event_id)
{
    *event_id = database->last_event_id;
    return *event_id ? ERROR_NONE
                     : statement_read_integer(&database->handle, get(database, READ_LAST_EVENT),
                                              event_id);
}

enum error event_rows_flush(struct store_database *database)
{
    if (database->last_event_id == 0)
        return ERROR_NONE;
    struct statement *update = get(database, WRITE_LAST_EVENT);
    statement_bind_integer(update, FIELD_EVENT_ID, database->last_event_id);
    return run(database, update);
}

static enum error insert(struct store_database *database, const struct event_row *event,
                         int64_t now_ms)
{
    enum error error = event_rows_next_id(database);
    if (error != ERROR_NONE)
        return error;
    struct statement *insert = get(database, INSERT_GATEWAY_EVENT);
    statement_bind_integer(insert, FIELD_EVENT_ID, database->last_event_id);
    statement_bind_integer(insert, FIELD_TYPE, event->type);
    statement_bind_integer(insert, FIELD_AT_MS, now_ms);
    statement_bind_text(insert, FIELD_DEVICE_ID, event->device_id);
    statement_bind_text(insert, FIELD_SUBJECT, event->subject);
    statement_bind_text(insert, FIELD_DETAIL, event->detail);
    return run(database, insert);
}

static enum error insert_for_broker(struct store_database *database, enum event_type type,
                                    const struct message_id *broker, int64_t now_ms, int64_t *count)
{
    int64_t last;
    enum error error = event_rows_last_id(database, &last);
    if (error != ERROR_NONE)
        return error;
    struct statement *insert = get(database, INSERT_EVENTS_FOR_BROKER);
    statement_bind_integer(insert, FIELD_EVENT_ID, last);
    statement_bind_integer(insert, FIELD_TYPE, type);
    statement_bind_integer(insert, FIELD_AT_MS, now_ms);
    statement_bind_id(insert, FIELD_BROKER, broker);
    error = run(database, insert);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    if (*count > 0)
        database->last_event_id = last + *count;
    return error;
}

static enum error find_newest_of(struct store_database *database, const struct message_row *row,
                                 int64_t *id)
{
    struct statement *select = get(database, FIND_NEWEST_EVENT);
    statement_bind_integer(select, FIELD_SEQ, row->seq);
    *id = 0;
    return statement_read_integer(&database->handle, select, id);
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
    .insert_for_broker = insert_for_broker,
    .find_newest_of = find_newest_of,
    .remove_old = remove_old,
    .note_removed = note_removed,
};
