#include "common/store/postgresql/server_origin.h"

#include "common/base/log.h"
#include "common/store/postgresql/server_schema.h"

#include <stdio.h>
#include <string.h>

/* A dump makes other tables, another database, or both, wherever it is restored; no number is given twice by one server. */
#define ORIGIN                                                                                     \
    "(SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT oid FROM pg_database"   \
    " WHERE datname = current_database()) || '/' || 'schema_version'::regclass::oid"

static bool run(struct connection *connection, const char *sql, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, sql, problem);
    PQclear(result);
    return result;
}

bool server_origin_check(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = NULL;
    if (!server_schema_is_copied(connection, problem) &&
        run(connection, "UPDATE schema_version SET origin = " ORIGIN " WHERE origin IS NULL",
            problem))
        result = connection_query(
            connection, "SELECT origin = 'lost' FROM schema_version WHERE origin <> " ORIGIN,
            problem);
    bool is_ours = result && PQntuples(result) == 0;
    if (result && !is_ours)
        snprintf(problem, STORE_ERROR_SIZE,
                 "%s, and messages that are open in it may have been sent since: run `sms-gateway"
                 " database settle` before a gateway uses it",
                 *PQgetvalue(result, 0, 0) == 't' ? "it has lost commits"
                                                  : "it was restored from a dump, or is a copy");
    PQclear(result);
    return is_ours;
}

bool server_origin_note(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    return run(connection, "UPDATE schema_version SET origin = " ORIGIN, problem);
}

bool server_origin_note_lost(struct handle *handle)
{
    bool noted = statement_run(handle, statement_get(handle, NOTE_LOST_COMMITS)) == ERROR_NONE &&
                 handle_settle(handle) == ERROR_NONE;
    log_error("the database has lost commits: no gateway uses it until `sms-gateway database"
              " settle` has run",
              LOG_TEXT("noted", noted ? "yes" : "no"));
    return false;
}
