/* The database itself: probes. */
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/durability.h"
#include "common/store/postgresql/own_rows.h"
#include "common/store/postgresql/server_schema.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

/* A probe that is not refused here is committed, which shows that the standby answers. */
static enum error check_durability(struct store_database *database, struct store_probe *probe)
{
    char problem[STORE_ERROR_SIZE];
    int64_t faults = 0;
    enum error error = statement_read_integer(&database->handle, get(database, READ_DURABILITY),
                                              &faults);
    if (error != ERROR_NONE)
        return error;
    if (!durability_take(faults, database->options->needs_standby, &database->faults, problem))
        probe->standby = ERROR_NO_STANDBY;
    probe->fsync_off = faults & FAULT_FSYNC;
    probe->full_page_writes_off = faults & FAULT_FULL_PAGE_WRITES;
    probe->durability = durability_of(faults);
    return probe->standby;
}

static enum error check(struct store_database *database, struct store_probe *probe)
{
    int64_t fits = 0;
    struct statement *select = get(database, CHECK_SCHEMA);
    statement_bind_integer(select, FIELD_NUMBER, server_schema_of_gateway.version);
    enum error error = statement_read_integer(&database->handle, select, &fits);
    probe->schema = error == ERROR_NONE && !fits ? ERROR_SCHEMA_CHANGED : error;
    return probe->schema != ERROR_NONE ? probe->schema : check_durability(database, probe);
}

static enum error write_probe(struct store_database *database, int64_t now_ms)
{
    (void)now_ms;
    return statement_run(&database->handle, get(database, WRITE_PROBE));
}

/* The server's autovacuum does. */
static enum error reclaim_space(struct store_database *database, bool *more)
{
    (void)database;
    *more = false;
    return ERROR_NONE;
}

/* Others write at the same time. */
static bool turn_is_over(struct store_database *database)
{
    (void)database;
    return false;
}

static bool was_committed(struct store_database *database, int64_t transaction)
{
    return outcomes_was_committed(&database->outcomes, transaction);
}

const struct admin_rows sql_admin_rows = {
    .check = check,
    .write_probe = write_probe,
    .reclaim_space = reclaim_space,
    .turn_is_over = turn_is_over,
    .was_committed = was_committed,
};
