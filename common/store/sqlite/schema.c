#include "common/store/sqlite/schema.h"

#include "common/base/log.h"
#include "migrations.h" /* generated from sql/ */

#include <stdio.h>

enum { APPLICATION_ID = 0x534d5347 /* "SMSG", in the file header */ };

const struct schema schema_of_gateway = {
    .version = ARRAY_LENGTH(migrations),
    .migrations = migrations,
    .ways_back = ways_back,
};

bool schema_query_number(sqlite3 *db, const char *sql, int64_t *number)
{
    sqlite3_stmt *query = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &query, NULL) == SQLITE_OK &&
                sqlite3_step(query) == SQLITE_ROW;
    if (good)
        *number = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    return good;
}

bool schema_enable_reclaiming(sqlite3 *db, char problem[STORE_ERROR_SIZE])
{
    int64_t pages = 0; /* with pages it would change nothing, but be a write */
    bool good = schema_query_number(db, "PRAGMA page_count", &pages) &&
                (pages > 0 || sqlite3_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL,
                                           NULL) == SQLITE_OK);
    if (!good)
        snprintf(problem, STORE_ERROR_SIZE, "%s", sqlite3_errmsg(db));
    return good;
}

bool schema_read_version(sqlite3 *db, const struct schema *schema, int64_t *version,
                         char problem[STORE_ERROR_SIZE])
{
    const int64_t newest = schema->version;
    int64_t application = 0, tables = 0;
    if (!schema_query_number(db, "PRAGMA user_version", version) ||
        !schema_query_number(db, "PRAGMA application_id", &application) ||
        !schema_query_number(db, "SELECT count(*) FROM sqlite_schema", &tables)) {
        snprintf(problem, STORE_ERROR_SIZE, "it cannot be read: %s", sqlite3_errmsg(db));
        return false;
    }
    if (tables > 0 && application != APPLICATION_ID) {
        snprintf(problem, STORE_ERROR_SIZE, "it is a database of another program");
        return false;
    }
    if (*version > newest) {
        snprintf(problem, STORE_ERROR_SIZE,
                 "it has schema version %lld, from a newer gateway; this one knows %lld",
                 (long long)*version, (long long)newest);
        return false;
    }
    return true;
}

/* One step, in a transaction that also sets the version. */
static bool change_schema(sqlite3 *db, const char *sql, int64_t version,
                          char problem[STORE_ERROR_SIZE])
{
    char bump[96];
    snprintf(bump, sizeof(bump), "PRAGMA application_id = %d; PRAGMA user_version = %lld",
             APPLICATION_ID, (long long)version);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, bump, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        log_info("database schema made", LOG_NUMBER("version", version));
        return true;
    }
    snprintf(problem, STORE_ERROR_SIZE, "schema version %lld cannot be made: %s",
             (long long)version, sqlite3_errmsg(db));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool schema_migrate(sqlite3 *db, const struct schema *schema, char problem[STORE_ERROR_SIZE])
{
    int64_t version = 0;
    bool good = schema_read_version(db, schema, &version, problem);
    if (!good || version == schema->version)
        return good;
    /* To sort a whole table in memory would take a hundred bytes for each message. */
    sqlite3_exec(db, "PRAGMA temp_store = FILE", NULL, NULL, NULL);
    for (; good && version < schema->version; version++)
        good = change_schema(db, schema->migrations[version], version + 1, problem);
    sqlite3_exec(db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    /* The log may be as large as the database now; the first messages should not wait for its checkpoint. */
    sqlite3_exec(db, "PRAGMA wal_checkpoint(PASSIVE)", NULL, NULL, NULL);
    return good;
}

bool schema_migrate_back(sqlite3 *db, const struct schema *schema, int64_t wanted,
                         char problem[STORE_ERROR_SIZE])
{
    int64_t version = 0;
    bool good = schema_read_version(db, schema, &version, problem);
    if (good && wanted > version) {
        snprintf(problem, STORE_ERROR_SIZE, "it has schema version %lld, which is older",
                 (long long)version);
        return false;
    }
    for (int64_t each = version; good && each > wanted; each--) {
        if (schema->ways_back[each])
            continue;
        snprintf(problem, STORE_ERROR_SIZE, "from schema version %lld there is no way back",
                 (long long)each);
        return false;
    }
    for (; good && version > wanted; version--)
        good = change_schema(db, schema->ways_back[version], version - 1, problem);
    return good;
}
