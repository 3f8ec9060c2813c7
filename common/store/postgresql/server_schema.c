#include "common/store/postgresql/server_schema.h"

#include "common/base/log.h"
#include "migrations-postgresql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct server_schema server_schema_of_gateway = {ARRAY_LENGTH(migrations), migrations};

/* As the database says: its version, and the oldest whose programs work with it. */
struct window {
    int64_t compatible_from, version; /* 0: it is empty */
};

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

/* Tables in another schema than the one in which new ones would be made: where the search_path has changed, or a schema was
   renamed, or made later with the role's name, there would be a second, empty set of them. */
static bool hides_tables(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(
        connection,
        "SELECT relnamespace::regnamespace,"
        " coalesce('leads to ' || quote_ident(current_schema()) || ' first', 'leads nowhere'), "
        "quote_ident(current_user)"
        " FROM pg_class AS of_version WHERE relkind = 'r' AND relname = 'schema_version'"
        " AND relnamespace IS DISTINCT FROM to_regnamespace(quote_ident(current_schema()))"
        " AND EXISTS (SELECT FROM pg_class WHERE relkind = 'r' AND relname = 'message_state'"
        " AND relnamespace = of_version.relnamespace) LIMIT 1",
        problem);
    bool hides = !result || PQntuples(result) > 0;
    if (result && hides)
        snprintf(
            problem, STORE_ERROR_SIZE,
            "its tables are in the schema %.100s, and the search_path %.120s: ALTER ROLE %.100s SET"
            " search_path = %.100s",
            PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2),
            PQgetvalue(result, 0, 0));
    PQclear(result);
    return hides;
}

static bool read_window(struct connection *connection, struct window *window,
                        char problem[STORE_ERROR_SIZE])
{
    int64_t ours = 0, tables = 0;
    *window = (struct window){0, 0};
    if (!read_number(connection,
                     "SELECT count(*) FROM pg_class WHERE relnamespace ="
                     " quote_ident(current_schema())::regnamespace AND relkind = 'r' AND relname"
                     " IN ('schema_version', 'message_state')",
                     &ours, problem))
        return false;
    if (ours == 2)
        return read_number(connection, "SELECT version FROM schema_version", &window->version,
                           problem) &&
               read_number(connection, "SELECT compatible_from FROM schema_version",
                           &window->compatible_from, problem);
    if (!read_number(connection,
                     "SELECT count(*) FROM pg_class WHERE relnamespace ="
                     " quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p', 'v')",
                     &tables, problem))
        return false;
    if (tables > 0)
        snprintf(problem, STORE_ERROR_SIZE,
                 "it has tables of another program; give the gateway a database of its own");
    return tables == 0 && !hides_tables(connection, problem);
}

static bool may_use(const struct server_schema *schema, const struct window *window,
                    char problem[STORE_ERROR_SIZE])
{
    if (window->version <= schema->version || window->compatible_from <= schema->version)
        return true;
    snprintf(problem, STORE_ERROR_SIZE,
             "its schema has version %lld, which programs for version %lld and newer work with, and"
             " this one is for %lld: install a newer gateway",
             (long long)window->version, (long long)window->compatible_from,
             (long long)schema->version);
    return false;
}

/* Those that have the locks of their roles. */
static bool are_others_stopped(struct connection *connection, const char *process,
                               char problem[STORE_ERROR_SIZE])
{
    char sql[768];
    snprintf(sql, sizeof(sql),
             "SELECT min(application_name) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
             " WHERE l.locktype = 'advisory' AND l.classid = 72362 AND l.objsubid = 2"
             " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
             " AND application_name <> '%.200s'",
             process);
    PGresult *result = connection_query(connection, sql, problem);
    bool stopped = result && PQgetisnull(result, 0, 0);
    if (result && !stopped)
        snprintf(problem, STORE_ERROR_SIZE,
                 "its schema has an older version, and %.200s is for that one: stop the gateway on"
                 " all hosts, then start this version",
                 PQgetvalue(result, 0, 0));
    PQclear(result);
    return stopped;
}

static bool migrate_from(struct connection *connection, const struct server_schema *schema,
                         int64_t version, const char *process, char problem[STORE_ERROR_SIZE])
{
    struct window window;
    for (int64_t next = version; next < schema->version; next++) {
        if (!run(connection, schema->migrations[next], problem))
            return false;
    }
    if (!read_window(connection, &window, problem))
        return false;
    if (window.version != schema->version || window.compatible_from > window.version) {
        snprintf(problem, STORE_ERROR_SIZE, "the migrations do not say what they have made");
        return false;
    }
    if (version > 0 && window.compatible_from > version &&
        !are_others_stopped(connection, process, problem))
        return false;
    log_info(version > 0 ? "the schema was migrated" : "the tables were created",
             LOG_NUMBER("version", schema->version),
             LOG_NUMBER("compatible_from", window.compatible_from));
    return true;
}

/* Since PostgreSQL 15 only the owner of a database may, until others are allowed to. */
static bool may_create(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(
        connection,
        "SELECT current_user, CASE WHEN current_schema() IS NOT NULL OR to_regnamespace('public') "
        "IS"
        " NULL THEN format('ALTER DATABASE %I OWNER TO %I', current_database(), current_user)"
        " ELSE format('ALTER ROLE %I SET search_path = public', current_user) END"
        " WHERE has_schema_privilege(current_schema(), 'CREATE') IS NOT TRUE",
        problem);
    bool good = result && PQntuples(result) == 0;
    if (result && !good)
        snprintf(problem, STORE_ERROR_SIZE,
                 "it has no tables yet, and %.150s may make none in it; its owner may: %.250s",
                 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    PQclear(result);
    return good;
}

static bool migrate(struct connection *connection, const struct server_schema *schema,
                    const char *process, bool must_exist, char problem[STORE_ERROR_SIZE])
{
    struct window window;
    if (!read_window(connection, &window, problem) || !may_use(schema, &window, problem))
        return false;
    if (window.version == 0 && must_exist) {
        snprintf(problem, STORE_ERROR_SIZE, "it is empty; start the gateway first");
        return false;
    }
    if (window.version == 0 && !may_create(connection, problem))
        return false;
    return window.version >= schema->version ||
           migrate_from(connection, schema, window.version, process, problem);
}

bool server_schema_check(struct connection *connection, const struct server_schema *schema,
                         char problem[STORE_ERROR_SIZE])
{
    struct window window;
    return read_window(connection, &window, problem) && may_use(schema, &window, problem);
}

bool server_schema_begin(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    /* A number of the gateway's own. */
    bool good = run(connection,
                    "BEGIN; SET LOCAL lock_timeout = '30s';"
                    " SELECT pg_advisory_xact_lock(7236270945301)",
                    problem);
    if (!good && strstr(problem, "lock timeout"))
        snprintf(problem, STORE_ERROR_SIZE,
                 "another process makes its tables or copies it, and has not ended in time");
    return good;
}

bool server_schema_is_copied(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(
        connection, "SELECT copied_to FROM schema_version WHERE copied_to IS NOT NULL", problem);
    bool copied = !result || PQntuples(result) > 0;
    if (result && copied)
        snprintf(problem, STORE_ERROR_SIZE,
                 "it was copied to %.200s, which the gateway should use now. Only if that copy is"
                 " not used: UPDATE schema_version SET copied_to = NULL",
                 PQgetvalue(result, 0, 0));
    PQclear(result);
    return copied;
}

bool server_schema_migrate(struct connection *connection, const struct server_schema *schema,
                           const char *process, bool must_exist, char problem[STORE_ERROR_SIZE])
{
    int64_t encoding_is_right;
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
    bool good = server_schema_begin(connection, problem) &&
                migrate(connection, schema, process, must_exist, problem);
    if (good)
        return run(connection, "COMMIT", problem);
    (void)!run(connection, "ROLLBACK", ignored);
    return false;
}
