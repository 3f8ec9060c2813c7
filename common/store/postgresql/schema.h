/* The schema of the gateway's database in PostgreSQL. */
#ifndef COMMON_STORE_POSTGRESQL_SCHEMA_H
#define COMMON_STORE_POSTGRESQL_SCHEMA_H

#include "common/store/postgresql/connection.h"

/* The newest version, which this program needs. */
int schema_version(void);

/* Makes the schema in an empty database, or brings it up to date, under a lock that all processes have. False, and a sentence:
   it is another program's database, or a newer gateway's. Before the pipeline. */
MUST_CHECK bool schema_migrate(struct connection *connection, bool must_exist,
                               char problem[STORE_ERROR_SIZE]);

#endif
