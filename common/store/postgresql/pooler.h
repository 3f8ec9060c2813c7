/* A connection pooler between the gateway and its server. */
#ifndef COMMON_STORE_POSTGRESQL_POOLER_H
#define COMMON_STORE_POSTGRESQL_POOLER_H

#include "common/store/postgresql/connection.h"

/* False with `problem`: there is one that gives a session to several clients in turn, as PgBouncer does in transaction mode. The
   gateway's locks, prepared statements and LISTEN are of sessions, and would be others'. Outside of the pipeline. */
MUST_CHECK bool pooler_check(struct connection *connection, const char *url,
                             char problem[STORE_ERROR_SIZE]);

#endif
