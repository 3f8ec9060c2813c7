/* The schema of the SQLite file: its versions, and the way from one to another. */
#ifndef COMMON_STORE_SQLITE_SCHEMA_H
#define COMMON_STORE_SQLITE_SCHEMA_H

#include "common/store/sqlite/statement.h"
#include "common/store/store.h"

/* A schema: how each version is made from the one before, and how some are taken back. */
struct schema {
    int64_t version;               /* the newest */
    const char *const *migrations; /* SQL: [i] makes version i + 1 */
    const char *const *ways_back;  /* SQL: [i] makes version i - 1 of i; NULL: there is no way */
};

/* The gateway's, of sql/. */
extern const struct schema schema_of_gateway;

/* The version of a database of the gateway, 0 of an empty one. False with `problem` for a database of another program,
   or of a newer gateway. */
MUST_CHECK bool schema_read_version(sqlite3 *db, const struct schema *schema, int64_t *version,
                                    char problem[STORE_ERROR_SIZE]);

/* Runs the migrations that the file lacks, each in a transaction that also raises the version. */
MUST_CHECK bool schema_migrate(sqlite3 *db, const struct schema *schema,
                               char problem[STORE_ERROR_SIZE]);

/* Back to an older version, in the same way; the messages stay. Not every version has a way back. */
MUST_CHECK bool schema_migrate_back(sqlite3 *db, const struct schema *schema, int64_t version,
                                    char problem[STORE_ERROR_SIZE]);

/* For a file that is still empty: free space can be given back to the file system (PRAGMA incremental_vacuum). */
MUST_CHECK bool schema_enable_reclaiming(sqlite3 *db, char problem[STORE_ERROR_SIZE]);

/* The first column of the first row. */
MUST_CHECK bool schema_query_number(sqlite3 *db, const char *sql, int64_t *number);

#endif
