/* The schema of the SQLite file: its versions, and migrations between them. */
#ifndef COMMON_STORE_SQLITE_SCHEMA_H
#define COMMON_STORE_SQLITE_SCHEMA_H

#include "common/store/sqlite/statement.h"
#include "common/store/store.h"

/* A schema: the migration to each version, and the way back for some. */
struct schema {
    int64_t version;               /* the newest */
    const char *const *migrations; /* SQL: [i] makes version i + 1 */
    const char *const *ways_back;  /* SQL: [i] makes version i - 1 of i; NULL: no way back */
};

/* The gateway's schema, from sql/. */
extern const struct schema schema_of_gateway;

/* The version of a database of the gateway, 0 of an empty one. False with `problem` for a database of another program,
   or of a newer gateway. */
MUST_CHECK bool schema_read_version(sqlite3 *db, const struct schema *schema, int64_t *version,
                                    char problem[STORE_ERROR_SIZE]);

/* Runs the missing migrations, each in a transaction that also raises the version. */
MUST_CHECK bool schema_migrate(sqlite3 *db, const struct schema *schema,
                               char problem[STORE_ERROR_SIZE]);

/* Migrates back to an older version, in the same way; keeps the messages. Not every version has a way back. */
MUST_CHECK bool schema_migrate_back(sqlite3 *db, const struct schema *schema, int64_t version,
                                    char problem[STORE_ERROR_SIZE]);

/* Lets an empty file return free space to the file system later (PRAGMA incremental_vacuum). */
MUST_CHECK bool schema_enable_reclaiming(sqlite3 *db, char problem[STORE_ERROR_SIZE]);

/* The first column of the first row. */
MUST_CHECK bool schema_query_number(sqlite3 *db, const char *sql, int64_t *number);

#endif
