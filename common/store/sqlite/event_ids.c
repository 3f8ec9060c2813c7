/* The ids of events: the transaction counts them up, and writes the last at its end. */
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

static enum error next_id(struct store_database *database)
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
    enum error error = next_id(database);
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

enum error event_rows_skip_ids(struct store_database *database, int64_t id)
{
    int64_t last;
    enum error error = event_rows_last_id(database, &last);
    if (error == ERROR_NONE)
        database->last_event_id = MAX(last, id);
    return error;
}

enum error event_rows_flush(struct store_database *database)
{
    if (database->last_event_id == 0)
        return ERROR_NONE;
    struct statement *update = get(database, WRITE_LAST_EVENT);
    statement_bind_integer(update, FIELD_EVENT_ID, database->last_event_id);
    return run(database, update);
}

enum error event_rows_insert_for_broker(struct store_database *database, enum event_type type,
                                        const struct message_id *broker, int64_t now_ms,
                                        int64_t *count)
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
