#include "common/store/postgresql/connection.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/postgresql/servers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_FOR_ONE_MS = 2000,    /* while there are other servers to try */
    MOST_FOR_ANOTHER_MS = 500, /* when one is there */
    SETUP_SIZE = 4096,
};

void connection_close(struct connection *connection)
{
    PQfinish(connection->pg);
    connection->pg = NULL;
}

/* libpq's texts end with a newline, and some have several lines. */
static void set_problem(char problem[STORE_ERROR_SIZE], const char *text)
{
    snprintf(problem, STORE_ERROR_SIZE, "%s", text);
    problem[strcspn(problem, "\n")] = '\0';
}

/* False when the time is up. */
static bool wait_for(const struct connection *connection, short events, int64_t deadline_ms)
{
    struct pollfd descriptor = {.fd = PQsocket(connection->pg), .events = events};
    int64_t left_ms;
    int ready = -1;
    while (ready < 0 && (left_ms = deadline_ms - clock_monotonic_ms()) > 0) {
        ready = poll(&descriptor, 1, (int)MIN(left_ms, (int64_t)INT32_MAX));
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return ready > 0;
}

bool connection_is_past(const struct connection *connection)
{
    return connection->newest && timeline_is_past(connection->newest, connection->timeline);
}

bool connection_is_open(struct connection *connection)
{
    if (connection->pg && connection_is_past(connection))
        connection_close(connection);
    /* The second time what comes is the end. */
    for (int i = 0; i < 2 && connection->pg; i++) {
        struct pollfd descriptor = {.fd = PQsocket(connection->pg), .events = POLLIN};
        if (poll(&descriptor, 1, 0) == 0)
            return true;
        if (i == 1 || !PQconsumeInput(connection->pg))
            connection_close(connection);
    }
    return false;
}

/* ---- Opening ---- */

static bool await_connected(struct connection *connection, const char *url, const char *server,
                            int64_t deadline_ms, char problem[STORE_ERROR_SIZE])
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!wait_for(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                      deadline_ms)) {
            servers_add_problem(problem, url, server, "the server does not answer");
            return false;
        }
        status = PQconnectPoll(connection->pg);
    }
    if (status != PGRES_POLLING_OK)
        servers_add_problem(problem, url, server, PQerrorMessage(connection->pg));
    return status == PGRES_POLLING_OK;
}

static void note_warning(void *context, const PGresult *notice)
{
    struct connection *connection = context;
    const char *code = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    connection->is_warned |= code && strcmp(code, "01000") == 0;
}

/* Appends to the problem. A server that vanishes is noticed within half a minute, unless the URL says otherwise. */
static bool open_one(struct connection *connection, const char *url, const struct servers *servers,
                     int64_t deadline_ms, char problem[STORE_ERROR_SIZE])
{
    const char *const keywords[] = {
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "dbname",
        "client_encoding",
        "fallback_application_name",
        "host",
        "port",
        NULL,
    };
    const char *const values[] = {
        "10",
        "5",
        "3",
        "25000",
        url,
        "UTF8",
        "sms-gateway",
        servers->hosts[connection->server],
        servers->ports[connection->server],
        NULL,
    };
    connection->pg = PQconnectStartParams(keywords, values, 1);
    if (!connection->pg || PQstatus(connection->pg) == CONNECTION_BAD) {
        servers_add_problem(problem, url, servers->hosts[connection->server],
                            connection->pg ? PQerrorMessage(connection->pg) : "no memory");
        return false;
    }
    PQsetNoticeReceiver(connection->pg, note_warning, connection);
    PQsetnonblocking(connection->pg, 1);
    return await_connected(connection, url, servers->hosts[connection->server], deadline_ms,
                           problem);
}

/* What the server's role or database has for other programs: a session at rest is not ended, a COMMIT's warning is not held back,
   a number of decimals comes as it is stored, and the tablespace of the database may be named as the default, which partitioned
   tables refuse (CREATE TABLE). */
#define OF_EVERY_SESSION                                                                           \
    "SET client_min_messages = warning; SET extra_float_digits = 1;"                               \
    " SELECT set_config(name, '0', false)"                                                         \
    " FROM (VALUES ('idle_session_timeout'), ('transaction_timeout')) AS of_later_servers (name)"  \
    " WHERE current_setting(name, true) IS NOT NULL;"                                              \
    " SELECT set_config('default_tablespace', '', false)"                                          \
    " FROM pg_database AS d JOIN pg_tablespace AS t ON t.oid = d.dattablespace"                    \
    " WHERE d.datname = current_database() AND t.spcname = "                                       \
    "current_setting('default_tablespace'); "

/* Appends to the problem. The session is set up, and its server's timeline is known: of one round trip. */
static bool set_up(struct connection *connection, const char *url, const struct servers *servers,
                   const char *setup, char problem[STORE_ERROR_SIZE])
{
    char sql[SETUP_SIZE], own_problem[STORE_ERROR_SIZE] = "";
    const char *reason = own_problem, *server = servers->hosts[connection->server];
    snprintf(sql, sizeof(sql), OF_EVERY_SESSION "%s; " TIMELINE_QUERY, setup);
    PGresult *result = connection_query(connection, sql, own_problem);
    if (result && PQntuples(result) == 1) {
        connection->timeline = timeline_parse(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
        reason = !connection_is_past(connection)    ? NULL
                 : connection->timeline.number == 0 ? "it is a standby, which cannot be written"
                                                    : "another server was promoted in its place";
    }
    PQclear(result);
    if (reason)
        servers_add_problem(problem, url, server, reason);
    return !reason;
}

/* Others may still use an old primary: their processes are to look for the new one, too. */
static void end_sessions(struct connection *connection)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (connection->timeline.number == 0)
        return;
    PGresult *result = connection_query(
        connection,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname ="
        " current_database() AND usename = current_user AND pid <> pg_backend_pid()",
        problem);
    log_warning("an old primary of the database still takes connections: stop it",
                LOG_TEXT("host", PQhost(connection->pg)),
                LOG_NUMBER("ended_sessions", result ? atoi(PQgetvalue(result, 0, 0)) : 0));
    PQclear(result);
}

/* Keeps the better one of two in `best`, and closes the other. */
static void choose(struct connection *connection, struct connection *best)
{
    struct connection worse = *connection;
    if (!best->pg || timeline_is_older(best->timeline, connection->timeline)) {
        worse = *best;
        *best = *connection;
    }
    if (worse.pg && timeline_is_older(worse.timeline, best->timeline))
        end_sessions(&worse);
    connection_close(&worse);
    connection->pg = NULL;
}

bool connection_open(struct connection *connection, const char *url, const char *setup,
                     int64_t deadline_ms, char problem[STORE_ERROR_SIZE])
{
    struct servers servers;
    connection_close(connection);
    if (!servers_read(&servers, url, problem))
        return false;
    struct connection best = *connection;
    connection->server %= servers.count;
    for (int left = servers.count; left > 0 && (!best.pg || connection->leads); left--) {
        int64_t now_ms = clock_monotonic_ms();
        int64_t share_ms = (deadline_ms - now_ms) / left;
        if (left > 1)
            share_ms = MIN(share_ms, (int64_t)MOST_FOR_ONE_MS);
        if (best.pg)
            share_ms = MOST_FOR_ANOTHER_MS;
        if (open_one(connection, url, &servers, now_ms + share_ms, problem) &&
            set_up(connection, url, &servers, setup, problem))
            choose(connection, &best);
        connection_close(connection);
        connection->server = (connection->server + 1) % servers.count;
    }
    if (!best.pg)
        return false;
    *problem = '\0';
    *connection = best;
    if (connection->newest && connection->leads)
        timeline_note(connection->newest, connection->timeline);
    return true;
}

/* ---- Answers ---- */

/* Sends what waits, and reads what has come, until libpq has a result. One that it has already is taken without reading, which
   moves all that is behind it in the buffer. */
static bool await_result(struct connection *connection)
{
    int64_t deadline_ms = clock_monotonic_ms() + connection->timeout_ms;
    PGconn *pg = connection->pg;
    for (;;) {
        int unsent = PQflush(pg);
        if (unsent == 0 && !PQisBusy(pg))
            return true;
        if (unsent < 0 || !PQconsumeInput(pg))
            return false;
        if (unsent == 0 && !PQisBusy(pg))
            return true;
        if (!wait_for(connection, (short)(unsent ? POLLIN | POLLOUT : POLLIN), deadline_ms)) {
            log_warning("the database does not answer",
                        LOG_NUMBER("timeout_ms", connection->timeout_ms));
            return false;
        }
    }
}

static bool is_lost(const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return PQresultStatus(result) == PGRES_FATAL_ERROR && !code;
}

PGresult *connection_answer(struct connection *connection)
{
    PGresult *result = NULL;
    for (int i = 0; i < 2 && !result; i++) { /* NULL ends each command but a sync */
        if (!connection->pg || !await_result(connection))
            break;
        result = PQgetResult(connection->pg);
    }
    if (result && !is_lost(result))
        return result;
    if (connection->pg)
        log_warning("the connection to the database is lost",
                    LOG_TEXT("error", PQerrorMessage(connection->pg)));
    PQclear(result);
    connection_close(connection);
    return NULL;
}

PGresult *connection_query(struct connection *connection, const char *sql,
                           char problem[STORE_ERROR_SIZE])
{
    PGresult *last = NULL, *next = NULL;
    bool good = PQsendQuery(connection->pg, sql) && await_result(connection);
    while (good && (next = PQgetResult(connection->pg))) {
        ExecStatusType status = PQresultStatus(next);
        PQclear(last);
        last = next;
        good = (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) &&
               await_result(connection);
    }
    if (good && last)
        return last;
    set_problem(problem, PQerrorMessage(connection->pg));
    if (*problem == '\0')
        set_problem(problem, "the server does not answer in time");
    while (last &&
           (next = PQgetResult(connection->pg))) /* blocks for no longer than the server sends */
        PQclear(next);
    PQclear(last);
    return NULL;
}

/* ---- COPY ---- */

bool connection_copy_begin(struct connection *connection, const char *sql,
                           char problem[STORE_ERROR_SIZE])
{
    PGresult *result = NULL;
    if (connection->pg && PQsendQuery(connection->pg, sql) && await_result(connection))
        result = PQgetResult(connection->pg);
    bool good = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    if (!good)
        set_problem(problem, PQerrorMessage(connection->pg));
    return good;
}

/* libpq keeps what the server does not take yet: no more than one piece. */
static bool flush(struct connection *connection)
{
    int64_t deadline_ms = clock_monotonic_ms() + connection->timeout_ms;
    int unsent;
    while ((unsent = PQflush(connection->pg)) > 0) {
        if (!wait_for(connection, POLLIN | POLLOUT, deadline_ms) || !PQconsumeInput(connection->pg))
            return false;
    }
    return unsent == 0;
}

bool connection_copy_put(struct connection *connection, const char *bytes, size_t length,
                         char problem[STORE_ERROR_SIZE])
{
    if (PQputCopyData(connection->pg, bytes, (int)length) == 1 && flush(connection))
        return true;
    /* The server has said why, or is gone. */
    if (connection_copy_end(connection, problem))
        set_problem(problem, "it does not take the rows");
    return false;
}

bool connection_copy_end(struct connection *connection, char problem[STORE_ERROR_SIZE])
{
    PGresult *result = NULL, *next;
    bool good = PQputCopyEnd(connection->pg, NULL) == 1;
    if (await_result(connection))
        result = PQgetResult(connection->pg);
    good &= PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        set_problem(problem,
                    result ? PQresultErrorMessage(result) : PQerrorMessage(connection->pg));
    PQclear(result);
    while (await_result(connection) && (next = PQgetResult(connection->pg)))
        PQclear(next);
    return good;
}

/* ---- The pipeline ---- */

bool connection_begin_pipeline(struct connection *connection)
{
    return PQenterPipelineMode(connection->pg) == 1;
}

bool connection_prepare(struct connection *connection, const char *name, const char *sql)
{
    return connection->pg && PQsendPrepare(connection->pg, name, sql, 0, NULL) == 1;
}

bool connection_describe(struct connection *connection, const char *name)
{
    return connection->pg && PQsendDescribePrepared(connection->pg, name) == 1;
}

bool connection_execute(struct connection *connection, const char *name,
                        const struct connection_values *values)
{
    enum { BINARY = 1, MOST = 64 };
    int formats[MOST];
    for (int i = 0; i < MOST; i++)
        formats[i] = BINARY;
    return connection->pg && values->count <= MOST &&
           PQsendQueryPrepared(connection->pg, name, values->count, values->bytes, values->lengths,
                               formats, BINARY) == 1;
}

bool connection_sync(struct connection *connection)
{
    connection->round_trips++;
    return connection->pg && PQpipelineSync(connection->pg) == 1;
}
