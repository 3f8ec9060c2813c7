/*
 * One connection to a PostgreSQL server, in libpq's pipeline mode: commands are sent one after the other, and their answers
 * are read together. This is the one place that includes libpq-fe.h.
 *
 * It never blocks longer than its time limit: then it is closed, because a cancelled COMMIT would report a success that is
 * none. One thread at a time.
 */
#ifndef COMMON_STORE_POSTGRESQL_CONNECTION_H
#define COMMON_STORE_POSTGRESQL_CONNECTION_H

#include "common/base/error.h"
#include "common/store/postgresql/timeline.h"
#include "common/store/store.h"

#include <libpq-fe.h>

struct connection {
    PGconn *pg;     /* NULL: closed, or lost */
    int timeout_ms; /* for each answer */
    int server;     /* of those of the URL: the last that was connected */
    bool
        is_warned; /* the server has warned: 01000 with a COMMIT says that a standby was not waited for */
    struct timeline timeline;       /* of its server */
    struct newest_timeline *newest; /* borrowed; NULL: it may go to any server */
    bool leads;                     /* it looks at all servers, and the others follow it */
    int64_t round_trips;            /* over all connections: how often answers were waited for */
};

/* A parameter, and of its type what the server inferred. */
struct connection_values {
    int count;
    const char *const *bytes; /* NULL: NULL */
    const int *lengths;
};

/* Connects, closing what was open, and sets the session up: to the first of the URL's servers that can be used, each of which has
   its share of the time, and that is not past (timeline.h). One that leads takes the server of the newest timeline, and ends the
   sessions of its role on an old primary, so that other processes look for the new one. `problem` says in one sentence why not,
   without the URL's password. */
MUST_CHECK bool connection_open(struct connection *connection, const char *url, const char *setup,
                                int64_t deadline_ms, char problem[STORE_ERROR_SIZE]);
void connection_close(struct connection *connection);

/* Whether the server has not ended it while nothing was asked of it, and is not past. Closes it where it is. */
bool connection_is_open(struct connection *connection);
/* Whether a server has been promoted since. */
bool connection_is_past(const struct connection *connection);

/* Outside of the pipeline: runs texts of SQL, which may be several statements, and gives the last result, which the caller
   clears; NULL, and a problem, if one failed. */
MUST_CHECK PGresult *connection_query(struct connection *connection, const char *sql,
                                      char problem[STORE_ERROR_SIZE]);
/* Rows by COPY ... FROM STDIN: the statement, pieces of its data, and the end. An error comes with any of the three. */
MUST_CHECK bool connection_copy_begin(struct connection *connection, const char *sql,
                                      char problem[STORE_ERROR_SIZE]);
MUST_CHECK bool connection_copy_put(struct connection *connection, const char *bytes, size_t length,
                                    char problem[STORE_ERROR_SIZE]);
MUST_CHECK bool connection_copy_end(struct connection *connection, char problem[STORE_ERROR_SIZE]);
MUST_CHECK bool connection_begin_pipeline(struct connection *connection);

/* Of the pipeline; false if the connection is lost. */
MUST_CHECK bool connection_prepare(struct connection *connection, const char *name,
                                   const char *sql);
MUST_CHECK bool connection_describe(struct connection *connection, const char *name);
MUST_CHECK bool connection_execute(struct connection *connection, const char *name,
                                   const struct connection_values *values);
/* What was sent is to be answered. After an error, commands up to here are not run. */
MUST_CHECK bool connection_sync(struct connection *connection);

/* The next answer, which the caller clears; each command has one, and each sync. NULL: the connection is lost. */
PGresult *connection_answer(struct connection *connection);

#endif
