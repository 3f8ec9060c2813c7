#include "common/store/sqlite/handle.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* SQLite counts its memory under one lock for all threads, and nothing reads the sum. */
static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

bool handle_open(struct handle *handle, const char *path, int timeout_ms,
                 char problem[STORE_ERROR_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    if (sqlite3_open_v2(path, &handle->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        snprintf(problem, STORE_ERROR_SIZE, "%s",
                 handle->db ? sqlite3_errmsg(handle->db) : "no memory");
        return false;
    }
    sqlite3 *db = handle->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, timeout_ms);
    /* The last handle to close would checkpoint, outside the write lock. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    return true;
}

void handle_close(struct handle *handle)
{
    statement_finalize_all(handle);
    sqlite3_close(handle->db);
    handle->db = NULL;
}

/* A mistyped pragma is silent, so each is read back. */
static bool set_pragma(sqlite3 *db, const char *name, const char *value, const char *expected,
                       char *problem)
{
    char sql[128], found[32] = "";
    sqlite3_stmt *query = NULL;
    snprintf(sql, sizeof(sql), "PRAGMA %s = %s", name, value);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    snprintf(sql, sizeof(sql), "PRAGMA %s", name);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &query, NULL);
    if (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        snprintf(found, sizeof(found), "%s", (const char *)sqlite3_column_text(query, 0));
    bool good = strcmp(found, expected) == 0;
    if (!good)
        snprintf(problem, STORE_ERROR_SIZE, "PRAGMA %s is \"%s\" and not \"%s\": %s", name, found,
                 expected, sqlite3_errmsg(db));
    sqlite3_finalize(query);
    return good;
}

bool handle_configure(struct handle *handle, enum statement_use use, char problem[STORE_ERROR_SIZE])
{
    static const struct {
        const char *name, *value, *expected;
    } pragmas[] = {
        {"journal_mode", "WAL", "wal"},   {"synchronous", "FULL", "2"},
        {"wal_autocheckpoint", "0", "0"}, /* wal.c makes the checkpoints */
        {"trusted_schema", "OFF", "0"},   {"temp_store", "MEMORY", "2"},
        {"cache_size", "-2048", "-2048"}, /* KiB */
        {"secure_delete", "FAST", "2"},   /* overwrite removed texts in their pages */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pragmas); i++) {
        if (!set_pragma(handle->db, pragmas[i].name, pragmas[i].value, pragmas[i].expected,
                        problem))
            return false;
    }
    return use == WRITER || set_pragma(handle->db, "query_only", "ON", "1", problem);
}

bool handle_prepare_all(struct handle *handle, char problem[STORE_ERROR_SIZE])
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        enum statement_id id = (enum statement_id)i;
        if (statement_prepare(handle, id) != SQLITE_OK) {
            snprintf(problem, STORE_ERROR_SIZE, "\"%.200s\": %s", statement_sql(id),
                     sqlite3_errmsg(handle->db));
            return false;
        }
        if (statement_use_of(id) == READER) {
            sqlite3_finalize(handle->statements[i].stmt);
            handle->statements[i].stmt = NULL;
        }
    }
    return true;
}

const char *handle_path(const struct handle *handle)
{
    return sqlite3_db_filename(handle->db, "main");
}
