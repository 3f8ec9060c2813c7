#include "common/store/postgresql/writer_row.h"

#include "common/store/postgresql/role_lock.h"
#include "common/store/postgresql/server_origin.h"

#include <sys/random.h>

bool writer_row_add(struct store_database *database)
{
    char name[ROLE_NAME_SIZE];
    struct handle *handle = &database->handle;
    role_name_write(database->options->role, name);
    struct statement *insert = statement_get(handle, INSERT_WRITER);
    bool row = false;
    if (getrandom(&database->writer_token, sizeof(database->writer_token), 0) < 0)
        return false;
    statement_bind_integer(insert, FIELD_KEY, database->writer_token);
    statement_bind_text(insert, FIELD_NAME, name);
    enum error error = statement_step(handle, insert, &row);
    if (error == ERROR_NONE && row) {
        database->writer_id = statement_integer(insert, FIELD_ID);
        database->settled = statement_integer(insert, FIELD_NUMBER);
        statement_text(insert, FIELD_ORIGIN, database->origin, sizeof(database->origin));
    }
    statement_reset(insert);
    return error == ERROR_NONE && row;
}

/* The row of this writer is gone, or another's: the database was restored or settled, or is another one. Where it is the same and was
   not settled, what this process has committed is lost. */
static enum error lose_row(struct store_database *database)
{
    struct handle *handle = &database->handle;
    struct statement *select = statement_get(handle, IS_ROW_LOST);
    int64_t lost = 0;
    statement_bind_integer(select, FIELD_NUMBER, database->settled);
    statement_bind_text(select, FIELD_ORIGIN, database->origin);
    enum error error = statement_read_integer(handle, select, &lost);
    if (error != ERROR_NONE)
        return ERROR_DATABASE_UNREACHABLE;
    if (lost && (database->batch > 0 || database->outcomes.is_open))
        (void)!server_origin_note_lost(handle);
    return ERROR_DATABASE_REPLACED;
}

enum error writer_row_begin_epoch(struct store_database *database, int64_t *committed)
{
    struct handle *handle = &database->handle;
    struct statement *select = statement_get(handle, NEXT_EPOCH);
    bool row;
    statement_bind_integer(select, FIELD_ID, database->writer_id);
    statement_bind_integer(select, FIELD_KEY, database->writer_token);
    enum error error = statement_step(handle, select, &row);
    if (error == ERROR_NONE && row) {
        database->epoch = statement_integer(select, FIELD_FIRST);
        *committed = statement_integer(select, FIELD_NUMBER);
    }
    statement_reset(select);
    if (error != ERROR_NONE)
        return ERROR_DATABASE_UNREACHABLE;
    return row ? ERROR_NONE : lose_row(database);
}
