#include "common/store/postgresql/pooler.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { ATTEMPTS = 3 };

#define ASK_SESSION "SELECT pg_backend_pid()"

/* The server's process that answers; 0 with a problem. */
static int session_of(struct connection *connection, const char *sql,
                      char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, sql, problem);
    int session = result && PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    return session;
}

/* Whether another client is given the session that `connection` has just used, or takes it away for as long as its
   transaction lasts. */
static bool is_shared(struct connection *connection, struct connection *other, bool *shared,
                      char problem[STORE_ERROR_SIZE])
{
    int mine = session_of(connection, ASK_SESSION, problem);
    int others = mine ? session_of(other, "BEGIN; " ASK_SESSION, problem) : 0;
    int again = others ? session_of(connection, ASK_SESSION, problem) : 0;
    int end = again ? session_of(other, "COMMIT; " ASK_SESSION, problem) : 0;
    *shared = others == mine || again != mine;
    return end;
}

bool pooler_check(struct connection *connection, const char *url, char problem[STORE_ERROR_SIZE])
{
    int session = session_of(connection, ASK_SESSION, problem);
    if (session == 0)
        return false;
    if (session == PQbackendPID(connection->pg)) /* poolers give numbers of their own */
        return true;
    struct connection other = {.timeout_ms = connection->timeout_ms, .server = connection->server};
    int64_t deadline_ms = clock_monotonic_ms() + connection->timeout_ms;
    bool shared = false, known = connection_open(&other, url, "SELECT 1", deadline_ms, problem);
    for (int i = 0; i < ATTEMPTS && known && !shared; i++)
        known = is_shared(connection, &other, &shared, problem);
    connection_close(&other);
    if (known && shared)
        snprintf(problem, STORE_ERROR_SIZE,
                 "a connection pooler in transaction mode is before it, and the gateway needs "
                 "sessions of its own:"
                 " set pool_mode = session for this database (PgBouncer), or name the server itself"
                 " in DATABASE_URL");
    return known && !shared;
}
