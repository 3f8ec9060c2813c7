/*
 * The row of a writer in the database, which tells after a lost connection what became of its last commit. It has a token of its process:
 * in a database that was restored another one may have its id.
 */
#ifndef COMMON_STORE_POSTGRESQL_WRITER_ROW_H
#define COMMON_STORE_POSTGRESQL_WRITER_ROW_H

#include "common/store/postgresql/database.h"

/* False when nobody may write. */
MUST_CHECK bool writer_row_add(struct store_database *database);

/* Over a new connection: *committed is the number of the last batch that was committed, and what is left of the old connection is
   refused. ERROR_DATABASE_REPLACED: it is not this writer's database any more; where its commits were lost, it is marked. */
MUST_CHECK enum error writer_row_begin_epoch(struct store_database *database, int64_t *committed);

#endif
