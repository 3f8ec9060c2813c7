#include "common/store/postgresql/role_lock.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000, RETRY_MS = 50, CONNECT_MS = 10000, HOST_SIZE = 65 };

/* With nothing that needs quoting in SQL. */
static void read_host(char host[HOST_SIZE])
{
    if (gethostname(host, HOST_SIZE) < 0)
        strcpy(host, "unknown");
    host[HOST_SIZE - 1] = '\0';
    for (char *c = host; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            *c = '_';
    }
}

void role_name_write(const char *role, char name[ROLE_NAME_SIZE])
{
    char host[HOST_SIZE];
    read_host(host);
    snprintf(name, ROLE_NAME_SIZE, "%.40s, process %d on %s", role ? role : "sms-gateway",
             (int)getpid(), host);
}

/* *holder: the name of the process that has it. */
static bool try_lock(struct connection *connection, const char *sql, char holder[ROLE_NAME_SIZE],
                     char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(connection, sql, problem);
    bool taken = result && PQntuples(result) == 1 && *PQgetvalue(result, 0, 0) == 't';
    if (result && PQntuples(result) == 1)
        snprintf(holder, ROLE_NAME_SIZE, "%s", PQgetvalue(result, 0, 1));
    PQclear(result);
    return taken;
}

/* One of this process that the server does not know to be lost. */
static void end_lost_session(struct connection *connection, const char *name)
{
    char sql[ROLE_NAME_SIZE + 160], ignored[STORE_ERROR_SIZE];
    snprintf(sql, sizeof(sql),
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
             " WHERE application_name = '%s' AND pid <> pg_backend_pid()",
             name);
    PQclear(connection_query(connection, sql, ignored));
}

bool role_lock_take(struct connection *connection, const char *url,
                    const struct store_options *options, bool again, char problem[STORE_ERROR_SIZE])
{
    const char *role = options->role, *node = options->node;
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
    char host[HOST_SIZE], name[ROLE_NAME_SIZE], holder[ROLE_NAME_SIZE] = "", setup[256], sql[768];
    read_host(host);
    if (node)
        snprintf(host, sizeof(host), "%s", node);
    role_name_write(role, name);
    snprintf(setup, sizeof(setup), "SET application_name = '%s'", name);
    /* Two numbers: those of one are the locks of events. */
    snprintf(sql, sizeof(sql),
             "SELECT pg_try_advisory_lock(72362, hashtext('%.40s@%s')), (SELECT application_name"
             " FROM pg_stat_activity WHERE pid = (SELECT min(pid) FROM pg_locks WHERE locktype ="
             " 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname ="
             " current_database()) AND granted AND classid = 72362 AND objid::bigint ="
             " (hashtext('%.40s@%s')::bigint & 4294967295) AND objsubid = 2))",
             role, host, role, host);
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    if (!connection_open(connection, url, setup, clock_monotonic_ms() + CONNECT_MS, problem))
        return false;
    *problem = '\0';
    while (!try_lock(connection, sql, holder, problem)) {
        if (again && strcmp(holder, name) == 0)
            end_lost_session(connection, name);
        else if (*problem || clock_monotonic_ms() >= deadline_ms) {
            if (!*problem)
                snprintf(problem, STORE_ERROR_SIZE,
                         "%.150s has it open, and there is only one %.40s on %.60s: stop that "
                         "process, or"
                         " give this host a NODE_NAME of its own",
                         *holder ? holder : "another process", role, host);
            connection_close(connection);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}
