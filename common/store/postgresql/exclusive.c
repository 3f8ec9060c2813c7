#include "common/store/postgresql/exclusive.h"

#include "common/base/clock.h"
#include "common/store/postgresql/durability.h"
#include "common/store/postgresql/pooler.h"
#include "common/store/postgresql/role_lock.h"
#include "common/store/postgresql/server_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An index of a large table takes its time, and so does a commit that waits for a standby. */
enum { SQL_SIZE = 8192, CONNECT_MS = 10000, ANSWER_MS = 6 * 3600 * 1000 };

#define SETUP                                                                                      \
    "SET statement_timeout = 0; SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout"  \
    " = 0; SET standard_conforming_strings = on; SET maintenance_work_mem = '128MB';"              \
    " SET client_min_messages = warning; SET sms_gateway.writer = 'yes'"

bool exclusive_fail(struct exclusive *database)
{
    if (database->failure->error == ERROR_NONE)
        database->failure->error = ERROR_STORE_UNAVAILABLE;
    return false;
}

PGresult *exclusive_query(struct exclusive *database, const char *sql)
{
    PGresult *result = connection_query(&database->connection, sql, database->failure->problem);
    if (!result)
        exclusive_fail(database);
    return result;
}

bool exclusive_run(struct exclusive *database, const char *sql)
{
    PGresult *result = exclusive_query(database, sql);
    PQclear(result);
    return result;
}

bool exclusive_read_number(struct exclusive *database, const char *sql, int64_t *number)
{
    PGresult *result = exclusive_query(database, sql);
    if (result && PQntuples(result) == 1)
        *number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return result;
}

bool exclusive_list_tables(struct exclusive *database, struct copy_columns *names)
{
    PGresult *result = exclusive_query(
        database, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
                  " AND NOT relispartition"
                  " AND relnamespace = quote_ident(current_schema())::regnamespace"
                  " ORDER BY relname");
    names->count = 0;
    for (int i = 0; result && i < PQntuples(result) && names->count < COPY_MAX_COLUMNS; i++)
        snprintf(names->names[names->count++], COPY_NAME_SIZE, "%s", PQgetvalue(result, i, 0));
    PQclear(result);
    return result;
}

bool exclusive_connect(struct exclusive *database)
{
    char name[ROLE_NAME_SIZE], setup[sizeof(SETUP) + ROLE_NAME_SIZE + 64];
    role_name_write(database->purpose, name);
    snprintf(setup, sizeof(setup), SETUP "; SET application_name = '%s'", name);
    database->connection.timeout_ms = ANSWER_MS;
    database->connection.leads = true;
    return connection_open(&database->connection, database->url, setup,
                           clock_monotonic_ms() + CONNECT_MS, database->failure->problem) ||
           exclusive_fail(database);
}

/* With the lock of the schema until the end of the transaction. */
static bool begin(struct exclusive *database, bool must_exist)
{
    struct connection *connection = &database->connection;
    char name[ROLE_NAME_SIZE], *problem = database->failure->problem;
    int64_t faults = -1;
    role_name_write(database->purpose, name);
    return (pooler_check(connection, database->url, problem) &&
            durability_check(connection, false, &faults, problem) &&
            server_schema_migrate(connection, &server_schema_of_gateway, name, must_exist,
                                  problem) &&
            server_schema_begin(connection, problem) &&
            !server_schema_is_copied(connection, problem)) ||
           exclusive_fail(database);
}

/* A gateway holds the locks of its roles (role_lock.c). */
static bool refuse_gateways(struct exclusive *database)
{
    PGresult *result = exclusive_query(
        database, "SELECT string_agg(DISTINCT a.application_name, ', ') FROM pg_locks l"
                  " JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
                  " AND l.granted AND l.classid = 72362 AND l.objsubid = 2 AND l.database ="
                  " (SELECT oid FROM pg_database WHERE datname = current_database())");
    bool free = result && PQgetisnull(result, 0, 0);
    if (result && !free)
        copy_fail(database->failure, ERROR_STORE_BUSY,
                  "a gateway uses it: stop it first, on every node: %.300s",
                  PQgetvalue(result, 0, 0));
    PQclear(result);
    return free;
}

/* Against what is no gateway, and has been waiting to write. */
static bool lock_tables(struct exclusive *database, const char *mode)
{
    char sql[SQL_SIZE] = "LOCK TABLE ", *problem = database->failure->problem;
    struct copy_columns tables = {0};
    if (!exclusive_list_tables(database, &tables))
        return false;
    for (size_t i = 0; i < tables.count; i++)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "%s\"%s\"", i ? ", " : "",
                 tables.names[i]);
    snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), " IN %s MODE", mode);
    if (exclusive_run(database, sql))
        return true;
    if (strstr(problem, "lock timeout")) {
        database->failure->error = ERROR_STORE_BUSY;
        snprintf(problem, STORE_ERROR_SIZE,
                 "another session uses its tables; pg_stat_activity tells which");
    }
    return false;
}

bool exclusive_open(struct exclusive *database, enum exclusive_use use)
{
    return exclusive_connect(database) && begin(database, use == EXCLUSIVE_CHANGE) &&
           refuse_gateways(database) &&
           lock_tables(database, use == EXCLUSIVE_CHANGE ? "EXCLUSIVE" : "ACCESS EXCLUSIVE");
}
