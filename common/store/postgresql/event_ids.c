/* The ids of events: a sequence numbers them. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

enum error event_ids_lock(struct store_database *database)
{
    if (database->has_event_lock)
        return ERROR_NONE;
    database->has_event_lock = true;
    return statement_run(&database->handle, get(database, LOCK_EVENTS));
}

enum error event_rows_bind_next_id(struct store_database *database, struct statement *insert)
{
    (void)insert; /* its default */
    return event_ids_lock(database);
}

enum error event_rows_last_id(struct store_database *database, int64_t *event_id)
{
    *event_id = 0;
    return statement_read_integer(&database->handle, get(database, READ_LAST_EVENT), event_id);
}

enum error event_rows_skip_ids(struct store_database *database, int64_t id)
{
    struct statement *skip = get(database, SKIP_EVENT_IDS);
    statement_bind_integer(skip, FIELD_EVENT_ID, id);
    return statement_run(&database->handle, skip);
}

enum error event_rows_insert_for_broker(struct store_database *database, enum event_type type,
                                        const struct message_id *broker, int64_t now_ms,
                                        int64_t *count)
{
    struct statement *insert = get(database, INSERT_EVENTS_FOR_BROKER);
    statement_bind_integer(insert, FIELD_TYPE, type);
    statement_bind_integer(insert, FIELD_AT_MS, now_ms);
    statement_bind_id(insert, FIELD_BROKER, broker);
    enum error error = event_ids_lock(database);
    if (error == ERROR_NONE)
        error = statement_run(&database->handle, insert);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}
