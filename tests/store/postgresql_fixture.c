#include "tests/store/postgresql_fixture.h"

#include "common/store/postgresql/partitions.h"
#include "common/store/postgresql/server_clock.h"
#include "common/store/store.h"
#include "tests/unit/unit.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <unistd.h>

bool is_postgresql(void)
{
    const char *dsn = getenv("STORE_DSN");
    return dsn && strncmp(dsn, "postgresql:", strlen("postgresql:")) == 0;
}

/* The DSN of another database of the server. */
static void name_database(const char *name, char *dsn, size_t size)
{
    const char *server = getenv("STORE_DSN"), *place = strstr(server, "/postgres?");
    assert_non_null(place);
    snprintf(dsn, size, "%.*s/%s%s", (int)(place - server), server, name,
             place + strlen("/postgres"));
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

static char database[64], database_dsn[256];

/* A session's first statements take the server ten times as long as its next: one is kept. */
static PGconn *session_of(const char *dsn)
{
    static PGconn *kept;
    if (strcmp(dsn, database_dsn) != 0)
        return PQconnectdb(dsn);
    if (PQstatus(kept) != CONNECTION_OK) {
        PQfinish(kept);
        kept = PQconnectdb(dsn);
    }
    return kept;
}

static PGresult *ask(PGconn *session, const char *sql)
{
    PQsetNoticeReceiver(session, ignore_notice, NULL);
    return PQexec(session, sql);
}

/* False where the statement fails; *problem says why. */
static bool query(const char *dsn, const char *sql, int64_t *number, char problem[STORE_ERROR_SIZE])
{
    PGconn *session = session_of(dsn);
    PGresult *result = ask(session, sql);
    if (PQstatus(session) != CONNECTION_OK && strcmp(dsn, database_dsn) == 0) {
        PQclear(result); /* a test has ended it */
        session = session_of(dsn);
        result = ask(session, sql);
    }
    ExecStatusType status = PQresultStatus(result);
    *number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    snprintf(problem, STORE_ERROR_SIZE, "%s", PQerrorMessage(session));
    PQclear(result);
    if (strcmp(dsn, database_dsn) != 0)
        PQfinish(session);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

int64_t postgresql_number(const char *dsn, const char *sql)
{
    char problem[STORE_ERROR_SIZE];
    int64_t number;
    if (!query(dsn, sql, &number, problem))
        fail_msg("%s: %s", problem, sql);
    return number;
}

/* ---- Databases ---- */

/* To make a database takes the server a fifth of a second. So a program has one, and this makes it as it was. */
#define KEEP_WHAT_IS_NEW                                                                           \
    "CREATE SCHEMA pristine;"                                                                      \
    "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables"                   \
    " WHERE schemaname = 'public' LOOP"                                                            \
    " EXECUTE format('CREATE TABLE pristine.%1$I AS TABLE public.%1$I', name); END LOOP; END $$;"  \
    "CREATE FUNCTION pristine.restore() RETURNS void LANGUAGE plpgsql AS $$"                       \
    " DECLARE name text; filled boolean; BEGIN"                                                    \
    " PERFORM pg_terminate_backend(pid) FROM pg_stat_activity"                                     \
    "  WHERE datname = current_database() AND pid <> pg_backend_pid();"                            \
    " FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'pristine' LOOP"              \
    "  EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;"                 \
    "  IF filled AND pg_relation_size(format('public.%I', name)) > 65536 THEN"                     \
    "   EXECUTE format('TRUNCATE public.%I', name);"                                               \
    "  ELSIF filled THEN EXECUTE format('DELETE FROM public.%I', name); END IF;"                   \
    "  EXECUTE format('SELECT EXISTS (SELECT FROM pristine.%I)', name) INTO filled;"               \
    "  IF filled THEN"                                                                             \
    "   EXECUTE format('INSERT INTO public.%1$I TABLE pristine.%1$I', name); END IF;"              \
    " END LOOP;"                                                                                   \
    " PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"     \
    "  FROM pg_sequences WHERE schemaname = 'public'; END $$"

static bool is_clean;

static void drop_database(void)
{
    char sql[128], problem[STORE_ERROR_SIZE];
    int64_t number;
    snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    (void)!query(getenv("STORE_DSN"), sql, &number, problem);
}

/* With the schema, which a store makes. */
static void make_database(void)
{
    char sql[128], problem[STORE_ERROR_SIZE] = "";
    struct store_options options = {.dsn = database_dsn, .timeout_ms = 10000};
    struct store *store;
    if (!*database) {
        snprintf(database, sizeof(database), "test_%d", (int)getpid());
        atexit(drop_database);
    }
    name_database(database, database_dsn, sizeof(database_dsn));
    drop_database();
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", database);
    postgresql_number(getenv("STORE_DSN"), sql);
    if (store_open(&options, &store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    store_close(store);
    postgresql_number(database_dsn, KEEP_WHAT_IS_NEW);
}

void postgresql_create(char *dsn, size_t size)
{
    if (!is_clean)
        make_database();
    is_clean = false;
    snprintf(dsn, size, "%s", database_dsn);
}

void postgresql_drop(const char *dsn)
{
    char problem[STORE_ERROR_SIZE];
    int64_t number;
    is_clean = query(dsn, "SELECT pristine.restore()", &number, problem);
}

void *postgresql_open(const char *dsn, const char *sql)
{
    PGconn *connection = PQconnectdb(dsn);
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

void postgresql_close(void *session, const char *sql)
{
    PQclear(PQexec(session, sql));
    PQfinish(session);
}

const char *postgresql_statement(const char *id)
{
    static const struct {
        const char *id, *sql;
    } statements[] = {
#define STATEMENT(name, use, text) {#name, text},
#include "common/store/postgresql/statements.def"
#undef STATEMENT
    };
    size_t i = 0;
    while (i < ARRAY_LENGTH(statements) && strcmp(statements[i].id, id) != 0)
        i++;
    assert_true(i < ARRAY_LENGTH(statements));
    return statements[i].sql;
}
