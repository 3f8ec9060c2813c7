#include "tests/store/postgresql_fixture.h"

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

int64_t postgresql_number(const char *dsn, const char *sql)
{
    PGconn *connection = PQconnectdb(dsn);
    if (PQstatus(connection) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(connection));
    PQsetNoticeReceiver(connection, ignore_notice, NULL);
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    int64_t number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    PQfinish(connection);
    return number;
}

/* "DO NAME REST" */
static void run(const char *what, const char *name, const char *rest)
{
    char sql[256];
    snprintf(sql, sizeof(sql), "%s %s %s", what, name, rest);
    postgresql_number(getenv("STORE_DSN"), sql);
}

static char template_name[64];

static void drop_template(void)
{
    run("DROP DATABASE IF EXISTS", template_name, "WITH (FORCE)");
}

/* With the schema, which a store makes. */
static void make_template(void)
{
    char dsn[256], problem[STORE_ERROR_SIZE] = "";
    struct store_options options = {.dsn = dsn, .timeout_ms = 10000};
    struct store *store;
    snprintf(template_name, sizeof(template_name), "made_%d", (int)getpid());
    run("CREATE DATABASE", template_name, "STRATEGY file_copy");
    name_database(template_name, dsn, sizeof(dsn));
    if (store_open(&options, &store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    store_close(store);
    atexit(drop_template);
}

void postgresql_create(char *dsn, size_t size)
{
    static int number;
    char name[64], from[80];
    if (!*template_name)
        make_template();
    snprintf(name, sizeof(name), "test_%d_%d", (int)getpid(), ++number);
    snprintf(from, sizeof(from), "TEMPLATE %s", template_name);
    run("CREATE DATABASE", name, from);
    name_database(name, dsn, size);
}

void postgresql_drop(const char *dsn)
{
    const char *name = strstr(dsn, "/test_") + 1;
    char copy[64];
    snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(name, "?"), name);
    run("DROP DATABASE IF EXISTS", copy, "WITH (FORCE)");
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
