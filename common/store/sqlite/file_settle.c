#include "common/store/sqlite/file_settle.h"

#include "common/base/clock.h"
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/own_rows.h"

#include <stdlib.h>

/* Of the store's writer there is what the verb needs. */
static enum error run(struct store_database *database, struct store_write *write)
{
    struct store_transaction *transaction = &database->transaction;
    transaction_reset(transaction, clock_wall_ms());
    enum error error = transaction_run_write(transaction, write);
    if (error == ERROR_NONE)
        error = transaction_flush(transaction);
    return error == ERROR_NONE ? event_rows_flush(database) : error;
}

bool file_settle_run(struct file_work *work, sqlite3 *db, const char *path,
                     struct store_settle *settle)
{
    const struct store_options options = {.dsn = path};
    struct store_write write = {.verb = STORE_SETTLE, .settle = *settle};
    struct store_database *database = calloc(1, sizeof(*database));
    if (!database)
        return file_work_fail(work, ERROR_INTERNAL, "%s: there is no memory", path);
    database->handle.db = db;
    transaction_init(&database->transaction, database, &sql_store_rows, &options);
    bool good = file_work_run(work, db, path, "BEGIN IMMEDIATE");
    enum error error = good ? run(database, &write) : ERROR_NONE;
    if (error != ERROR_NONE)
        good = file_work_fail(work, error, "%.240s: what is open in it cannot be settled: %.200s",
                              path, sqlite3_errmsg(db));
    good = good && file_work_run(work, db, path, "COMMIT");
    *settle = write.settle;
    transaction_fini(&database->transaction);
    statement_finalize_all(&database->handle);
    free(database);
    return good;
}
