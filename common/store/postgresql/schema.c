#include "common/store/postgresql/schema.h"

#include "migrations-postgresql.h"

#include <stdio.h>
#include <stdlib.h>

int schema_version(void)
{
    return (int)ARRAY_LENGTH(migrations);
}

static bool run(struct connection *connection, const char *sql, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, sql, problem);
    PQclear(result);
    return result;
}

static bool read_number(struct connection *connection, const char *sql, int64_t *number,
                        char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, sql, problem);
    bool good = result && PQntuples(result) == 1;
    if (good)
        *number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return good;
}

/* 0: it is empty. */
static bool read_version(struct connection *connection, int64_t *version,
                         char problem[STORE_ERROR_SIZE])
{
    int64_t ours = 0, tables = 0;
    *version = 0;
    if (!read_number(connection,
                     "SELECT count(*) FROM pg_class WHERE relnamespace ="
                     " current_schema()::regnamespace AND relkind = 'r' AND relname"
                     " IN ('schema_version', 'message_state')",
                     &ours, problem))
        return false;
    if (ours == 2)
        return read_number(connection, "SELECT version FROM schema_version", version, problem);
    if (!read_number(connection,
                     "SELECT count(*) FROM pg_class WHERE relnamespace ="
                     " current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')",
                     &tables, problem))
        return false;
    if (tables > 0)
        snprintf(problem, STORE_ERROR_SIZE,
                 "it has tables of another program; give the gateway a database of its own");
    return tables == 0;
}

static bool migrate_from(struct connection *connection, int64_t version, bool must_exist,
                         char problem[STORE_ERROR_SIZE])
{
    char update[96];
    if (version > schema_version()) {
        snprintf(problem, STORE_ERROR_SIZE,
                 "its schema has version %lld, and this program knows versions up to %d: install a"
                 " newer gateway",
                 (long long)version, schema_version());
        return false;
    }
    if (version == 0 && must_exist) {
        snprintf(problem, STORE_ERROR_SIZE, "it is empty; start the gateway first");
        return false;
    }
    for (; version < schema_version(); version++) {
        if (!run(connection, migrations[version], problem))
            return false;
    }
    snprintf(update, sizeof(update), "UPDATE schema_version SET version = %d WHERE version <> %d",
             schema_version(), schema_version());
    return run(connection, update, problem);
}

bool schema_migrate(struct connection *connection, bool must_exist, char problem[STORE_ERROR_SIZE])
{
    int64_t version, encoding_is_right;
    char ignored[STORE_ERROR_SIZE];
    if (!read_number(connection, "SELECT (current_setting('server_encoding') = 'UTF8')::integer",
                     &encoding_is_right, problem))
        return false;
    if (PQserverVersion(connection->pg) < 150000 || !encoding_is_right) {
        snprintf(problem, STORE_ERROR_SIZE, "%s",
                 encoding_is_right ? "the server is older than PostgreSQL 15"
                                   : "its encoding is not UTF8");
        return false;
    }
    /* A number of the gateway's own. */
    bool good = run(connection,
                    "BEGIN; SET LOCAL lock_timeout = '30s';"
                    " SELECT pg_advisory_xact_lock(7236270945301)",
                    problem) &&
                read_version(connection, &version, problem) &&
                migrate_from(connection, version, must_exist, problem);
    if (good)
        return run(connection, "COMMIT", problem);
    (void)!run(connection, "ROLLBACK", ignored);
    return false;
}
