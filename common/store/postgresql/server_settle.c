#include "common/store/postgresql/server_settle.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/exclusive.h"
#include "common/store/postgresql/server_clock.h"
#include "common/store/postgresql/server_origin.h"

enum { TIMEOUT_MS = 10000 };

/* The store's writer, in the transaction that is open on its connection, up to the commit. */
static enum error run_and_commit(struct store_database *database, struct store_write *write)
{
    struct handle *handle = &database->handle;
    struct store_transaction *transaction = &database->transaction;
    transaction_reset(transaction, clock_wall_ms());
    enum error error = transaction_run_write(transaction, write);
    if (error == ERROR_NONE)
        error = change_rows_finish(database);
    if (error == ERROR_NONE)
        error = handle_settle(handle); /* an error of the commit is one of the commit alone */
    if (error == ERROR_NONE)
        error = statement_run(handle, statement_get(handle, COMMIT_WRITE));
    if (error == ERROR_NONE)
        error = handle_settle(handle);
    if (error == ERROR_NONE && handle->connection.is_warned)
        log_warning("what was settled has not reached the standby yet");
    return error;
}

/* Takes the connection. */
static bool settle_messages(struct exclusive *exclusive, int64_t *unknown)
{
    char setup[SESSION_SETUP_SIZE];
    session_setup_write(setup, TIMEOUT_MS);
    if (!exclusive_run(exclusive, setup))
        return false;
    const struct store_options options = {.dsn = exclusive->url};
    struct store_write write = {.verb = STORE_SETTLE};
    struct store_database *database = database_new(&options);
    if (!database)
        return copy_fail(exclusive->failure, ERROR_INTERNAL, "there is no memory");
    database->handle.connection = exclusive->connection;
    exclusive->connection.pg = NULL;
    enum error error = connection_begin_pipeline(&database->handle.connection)
                           ? run_and_commit(database, &write)
                           : ERROR_STORE_UNAVAILABLE;
    *unknown = write.settle.unknown;
    database_free(database);
    return error == ERROR_NONE || copy_fail(exclusive->failure, error,
                                            "the server has refused it, or is gone; nothing of it"
                                            " may have happened: settle again");
}

/* Writers of before the restore find no row of theirs. */
static bool settle(struct exclusive *database, bool keep, int64_t *unknown)
{
    char *problem = database->failure->problem;
    return exclusive_open(database, EXCLUSIVE_CHANGE) &&
           exclusive_run(database,
                         "DELETE FROM writer; UPDATE schema_version SET settled = settled + 1") &&
           (server_origin_note(&database->connection, problem) || exclusive_fail(database)) &&
           (server_clock_ask(&database->connection, problem) || exclusive_fail(database)) &&
           (keep ? exclusive_run(database, "COMMIT") : settle_messages(database, unknown));
}

enum error server_settle_run(const char *url, bool keep, int64_t *unknown,
                             char problem[STORE_ERROR_SIZE])
{
    struct copy_failure failure = {.problem = problem};
    struct exclusive database = {
        .url = url, .purpose = "sms-gateway database settle", .failure = &failure};
    (void)!settle(&database, keep, unknown);
    connection_close(&database.connection);
    return failure.error;
}
