/* The database itself: probes, and free space. */
#include "common/store/sql/rows.h"
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/schema.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error check_schema(struct store_database *database)
{
    int64_t version = 0;
    enum error error = statement_read_integer(&database->handle, get(database, READ_SCHEMA),
                                              &version);
    return error == ERROR_NONE && version != schema_of_gateway.version ? ERROR_SCHEMA_CHANGED
                                                                       : error;
}

static enum error check(struct store_database *database, struct store_probe *probe)
{
    probe->schema = check_schema(database);
    probe->disk = database->disk_error;
    probe->log = database->wal_error;
    probe->durability = STORE_DURABILITY_SINGLE;
    return probe->schema != ERROR_NONE ? probe->schema
           : probe->disk != ERROR_NONE ? probe->disk
                                       : probe->log;
}

static enum error write_probe(struct store_database *database, int64_t now_ms)
{
    struct statement *update = get(database, WRITE_PROBE);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return statement_run(&database->handle, update);
}

/* Shrinks a database that is at least an eighth free; new messages use what is left. A file that the gateway did not
   create may not be able to shrink, until database_file_compact has rewritten it. */
static enum error reclaim_space(struct store_database *database, bool *more)
{
    enum { WORTH_IT_PAGES = 2048, SHARE = 8, INCREMENTAL = 2 };
    struct handle *handle = &database->handle;
    int64_t mode = 0, free_pages = 0, pages = 0;
    enum error error = statement_read_integer(handle, get(database, READ_AUTO_VACUUM), &mode);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, get(database, READ_FREE_PAGES), &free_pages);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, get(database, READ_PAGES), &pages);
    if (error != ERROR_NONE)
        return error;
    *more = mode == INCREMENTAL && free_pages > MAX(pages / SHARE, (int64_t)WORTH_IT_PAGES);
    bool row = *more;
    struct statement *give = get(database, GIVE_SPACE_BACK);
    while (error == ERROR_NONE && row)
        error = statement_step(handle, give, &row); /* a page with each */
    statement_reset(give);
    return error;
}

/* Before the next transaction begins, what is left of one in doubt is overwritten: wal_mend. */
static bool was_committed(struct store_database *database, int64_t transaction)
{
    (void)database, (void)transaction;
    return false;
}

const struct admin_rows sql_admin_rows = {
    .check = check,
    .write_probe = write_probe,
    .reclaim_space = reclaim_space,
    .turn_is_over = database_turn_is_over,
    .was_committed = was_committed,
};
