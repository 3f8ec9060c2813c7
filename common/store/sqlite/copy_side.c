/* A file of SQLite as one side of a copy. */
#include "common/store/sqlite/copy_side.h"

#include "common/store/copy.h"
#include "common/store/copy_tables.h"
#include "common/store/sqlite/database_swap.h"
#include "common/store/sqlite/file_work.h"
#include "common/store/sqlite/idempotency_index.h"
#include "common/store/sqlite/process_lock.h"
#include "common/store/sqlite/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INDEXES = 64 };

struct copy_end {
    enum copy_role role;
    struct copy_failure *failure;
    struct file_work work; /* of the failure's problem */
    char path[DATABASE_PATH_SIZE];
    char open_path[DATABASE_PATH_SIZE]; /* of the file that is read or written */
    char kept[DATABASE_PATH_SIZE];
    struct write_lock lock;
    sqlite3 *db;
    sqlite3_stmt *read, *insert;
    size_t columns;             /* of the read, or of the insert */
    char *indexes[MAX_INDEXES]; /* what makes them; SQLite's memory */
    size_t index_count;
};

/* What `work` says is the failure. */
static bool pass(struct copy_end *end, bool good)
{
    if (!good && end->failure->error == ERROR_NONE)
        end->failure->error = end->work.error != ERROR_NONE ? end->work.error
                                                            : ERROR_STORE_UNAVAILABLE;
    return good;
}

static bool fail_sqlite(struct copy_end *end)
{
    file_work_fail_sqlite(&end->work, end->db, end->path);
    return pass(end, false);
}

static bool run(struct copy_end *end, const char *sql)
{
    return pass(end, file_work_run(&end->work, end->db, end->path, sql));
}

/* ---- Opening ---- */

static bool lock(struct copy_end *end, const char *location, enum database_path_state *state)
{
    char holder[PROCESS_LOCK_HOLDER_SIZE];
    if (file_work_lock(&end->work, location, end->path, state, &end->lock) &&
        file_work_refuse_users(&end->work, end->path))
        return true;
    if (end->work.error == ERROR_STORE_BUSY && process_lock_find_holder(end->path, holder))
        snprintf(end->work.problem, STORE_ERROR_SIZE,
                 "%.150s: %.250s uses it: stop the gateway first", end->path, holder);
    return pass(end, false);
}

/* 0: there is no gateway's database in it. */
static bool read_version(struct copy_end *end, int64_t *version)
{
    char reason[STORE_ERROR_SIZE];
    if (!schema_read_version(end->db, &schema_of_gateway, version, reason))
        return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", end->path,
                         reason);
    return true;
}

static bool open_source(struct copy_end *end, enum database_path_state state)
{
    char copied[DATABASE_PATH_SIZE];
    int64_t version;
    if (state != DATABASE_PATH_FILE && database_path_was_copied(end->path, copied))
        return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE,
                         "%.150s: there is no database any more: it was copied before, and is kept"
                         " as %.150s. If that copy has nothing, give the file its name back",
                         end->path, copied);
    if (state != DATABASE_PATH_FILE)
        return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE, "%.240s: there is no database",
                         end->path);
    end->db = file_work_open(&end->work, end->path);
    if (!end->db)
        return pass(end, false);
    if (!read_version(end, &version))
        return false;
    if (version != schema_of_gateway.version)
        return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE,
                         "%.240s: it has schema version %lld, and this program %lld: run"
                         " `sms-gateway database migrate` first",
                         end->path, (long long)version, (long long)schema_of_gateway.version);
    return pass(end, file_work_fold_log(&end->work, end->db, end->path));
}

/* Of a database that is there already. */
static bool check_empty(struct copy_end *end)
{
    struct copy_columns tables = {0};
    int64_t version, rows = 0;
    end->db = file_work_open(&end->work, end->path);
    if (!end->db)
        return pass(end, false);
    if (!read_version(end, &version) || !sqlite_copy_side.list_tables(end, &tables))
        return false;
    for (size_t i = 0; i < tables.count && rows == 0; i++) {
        char sql[160];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT 1)",
                 tables.names[i]);
        if (copy_may_replace(tables.names[i]))
            continue;
        if (!pass(end, file_work_read_number(&end->work, end->db, end->path, sql, &rows)))
            return false;
        if (rows > 0)
            return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE,
                             "%.240s: it is not empty, there is something in %s: name a file that"
                             " is not there",
                             end->path, tables.names[i]);
    }
    sqlite3_close(end->db);
    end->db = NULL;
    return true;
}

/* idempotency_key_hash(key_id, key) */
static void hash_key(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *key_id = (const char *)sqlite3_value_text(values[0]),
               *key = (const char *)sqlite3_value_text(values[1]);
    (void)count;
    if (key_id && key)
        sqlite3_result_int64(context, idempotency_index_hash(key_id, key));
}

/* Rows are inserted without them. */
static bool drop_indexes(struct copy_end *end)
{
    static const char select[] =
        "SELECT sql, name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    char drops[COPY_SQL_SIZE] = "";
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(end->db, select, -1, &query, NULL);
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW &&
           end->index_count < MAX_INDEXES) {
        size_t length = strlen(drops);
        snprintf(drops + length, sizeof(drops) - length, "DROP INDEX \"%s\";",
                 (const char *)sqlite3_column_text(query, 1));
        end->indexes[end->index_count++] = sqlite3_mprintf("%s", sqlite3_column_text(query, 0));
    }
    sqlite3_finalize(query);
    return code == SQLITE_OK ? run(end, drops) : fail_sqlite(end);
}

/* All is in a file of another name until the commit, so that no journal is needed. */
static bool open_target(struct copy_end *end, enum database_path_state state)
{
    char reason[STORE_ERROR_SIZE];
    if ((state == DATABASE_PATH_FILE && !check_empty(end)) ||
        !pass(end, file_work_path(&end->work, end->open_path, end->path, DATABASE_CREATING) &&
                       file_work_create(&end->work, end->open_path) &&
                       (end->db = file_work_open(&end->work, end->open_path))))
        return false;
    if (!schema_enable_reclaiming(end->db, reason) ||
        !schema_migrate(end->db, &schema_of_gateway, reason))
        return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE, "%.200s: %.300s", end->open_path,
                         reason);
    sqlite3_create_function(end->db, "idempotency_key_hash", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                            NULL, hash_key, NULL, NULL);
    return run(end, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                    " PRAGMA temp_store = FILE; PRAGMA cache_size = -65536; BEGIN") &&
           drop_indexes(end);
}

static void close_end(struct copy_end *end)
{
    if (!end)
        return;
    sqlite3_finalize(end->read);
    sqlite3_finalize(end->insert);
    for (size_t i = 0; i < end->index_count; i++)
        sqlite3_free(end->indexes[i]);
    sqlite3_close(end->db);
    if (*end->open_path)
        unlink(end->open_path); /* after a commit it has another name */
    write_lock_close(&end->lock);
    free(end);
}

static bool open_end(const char *location, enum copy_role role, struct copy_failure *failure,
                     struct copy_end **result)
{
    enum database_path_state state = DATABASE_PATH_NONE;
    struct copy_end *end = calloc(1, sizeof(*end));
    if (!end)
        return copy_fail(failure, ERROR_INTERNAL, "no memory");
    *result = end;
    end->role = role;
    end->failure = failure;
    end->work.problem = failure->problem;
    end->lock = WRITE_LOCK_NONE;
    return lock(end, location, &state) &&
           (role == COPY_SOURCE ? open_source(end, state) : open_target(end, state));
}

/* ---- Tables ---- */

static bool list_tables(struct copy_end *end, struct copy_columns *names)
{
    static const char select[] =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(end->db, select, -1, &query, NULL);
    names->count = 0;
    while (code == SQLITE_OK && names->count < COPY_MAX_COLUMNS &&
           sqlite3_step(query) == SQLITE_ROW)
        snprintf(names->names[names->count++], COPY_NAME_SIZE, "%s",
                 (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    return code == SQLITE_OK || fail_sqlite(end);
}

static bool list_columns(struct copy_end *end, const char *relation, struct copy_columns *columns)
{
    char sql[512];
    sqlite3_stmt *query = NULL;
    snprintf(sql, sizeof(sql), "SELECT * FROM %s LIMIT 0", relation);
    if (sqlite3_prepare_v2(end->db, sql, -1, &query, NULL) != SQLITE_OK)
        return fail_sqlite(end);
    columns->count = (size_t)MIN(sqlite3_column_count(query), COPY_MAX_COLUMNS);
    for (size_t i = 0; i < columns->count; i++)
        snprintf(columns->names[i], COPY_NAME_SIZE, "%s", sqlite3_column_name(query, (int)i));
    sqlite3_finalize(query);
    return true;
}

/* ---- Reading ---- */

static bool begin_read(struct copy_end *end, const char *relation,
                       const struct copy_columns *columns)
{
    char sql[COPY_SQL_SIZE] = "SELECT ";
    copy_add_names(sql, columns);
    snprintf(sql + strlen(sql), COPY_SQL_SIZE - strlen(sql), " FROM %s", relation);
    sqlite3_finalize(end->read);
    end->read = NULL;
    end->columns = columns->count;
    return sqlite3_prepare_v2(end->db, sql, -1, &end->read, NULL) == SQLITE_OK || fail_sqlite(end);
}

static void read_value(sqlite3_stmt *query, int column, struct copy_value *value)
{
    *value = (struct copy_value){.kind = COPY_NULL};
    switch (sqlite3_column_type(query, column)) {
    case SQLITE_INTEGER:
        value->kind = COPY_INTEGER;
        value->integer = sqlite3_column_int64(query, column);
        break;
    case SQLITE_FLOAT:
        value->kind = COPY_REAL;
        value->real = sqlite3_column_double(query, column);
        break;
    case SQLITE_TEXT:
        value->kind = COPY_TEXT;
        value->bytes = (const char *)sqlite3_column_text(query, column);
        break;
    case SQLITE_BLOB:
        value->kind = COPY_BYTES;
        value->bytes = sqlite3_column_blob(query, column);
        break;
    }
    if (value->kind == COPY_TEXT || value->kind == COPY_BYTES)
        value->length = (size_t)sqlite3_column_bytes(query, column);
}

static bool read_row(struct copy_end *end, struct copy_value values[], bool *more)
{
    int code = sqlite3_step(end->read);
    *more = code == SQLITE_ROW;
    for (size_t i = 0; *more && i < end->columns; i++)
        read_value(end->read, (int)i, &values[i]);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail_sqlite(end);
    if (code == SQLITE_DONE) {
        sqlite3_finalize(end->read);
        end->read = NULL;
    }
    return true;
}

/* ---- Writing ---- */

/* The number of a column's parameter, from 1. */
static size_t number_of(const struct copy_columns *columns, const char *name)
{
    size_t i = 0;
    while (i < columns->count && strcmp(columns->names[i], name) != 0)
        i++;
    return i + 1;
}

static bool begin_write(struct copy_end *end, const char *table, const struct copy_columns *columns)
{
    char sql[COPY_SQL_SIZE], delete[128];
    bool has_hash = strcmp(table, "idempotency") == 0;
    snprintf(delete, sizeof(delete), "DELETE FROM \"%s\"", table);
    snprintf(sql, sizeof(sql), "INSERT INTO \"%s\" (", table);
    copy_add_names(sql, columns);
    size_t length = strlen(sql);
    length += (size_t)snprintf(sql + length, COPY_SQL_SIZE - length, "%s) VALUES (",
                               has_hash ? ", key_hash" : "");
    for (size_t i = 0; i < columns->count; i++)
        length += (size_t)snprintf(sql + length, COPY_SQL_SIZE - length, "%s?%zu", i ? ", " : "",
                                   i + 1);
    if (has_hash)
        length += (size_t)snprintf(sql + length, COPY_SQL_SIZE - length,
                                   ", idempotency_key_hash(?%zu, ?%zu)",
                                   number_of(columns, "key_id"), number_of(columns, "key"));
    snprintf(sql + length, COPY_SQL_SIZE - length, ")");
    end->columns = columns->count;
    return run(end, delete) &&
           (sqlite3_prepare_v2(end->db, sql, -1, &end->insert, NULL) == SQLITE_OK ||
            fail_sqlite(end));
}

static void bind(sqlite3_stmt *insert, int number, const struct copy_value *value)
{
    switch (value->kind) {
    case COPY_NULL:
        sqlite3_bind_null(insert, number);
        break;
    case COPY_INTEGER:
        sqlite3_bind_int64(insert, number, value->integer);
        break;
    case COPY_REAL:
        sqlite3_bind_double(insert, number, value->real);
        break;
    case COPY_TEXT:
        sqlite3_bind_text64(insert, number, value->bytes, value->length, SQLITE_STATIC,
                            SQLITE_UTF8);
        break;
    case COPY_BYTES:
        if (value->length > 0)
            sqlite3_bind_blob64(insert, number, value->bytes, value->length, SQLITE_STATIC);
        else
            sqlite3_bind_zeroblob(insert, number, 0);
        break;
    }
}

static bool write_row(struct copy_end *end, const struct copy_value values[])
{
    for (size_t i = 0; i < end->columns; i++)
        bind(end->insert, (int)i + 1, &values[i]);
    if (sqlite3_step(end->insert) != SQLITE_DONE)
        return fail_sqlite(end);
    sqlite3_reset(end->insert);
    return true;
}

static bool end_write(struct copy_end *end)
{
    sqlite3_finalize(end->insert);
    end->insert = NULL;
    return true;
}

static bool finish(struct copy_end *end, int64_t last_event_id)
{
    (void)last_event_id; /* a row has it */
    for (size_t i = 0; i < end->index_count; i++) {
        if (!run(end, end->indexes[i]))
            return false;
    }
    return run(end, "INSERT INTO idempotency_by_key (key_hash, id) SELECT key_hash, id FROM"
                    " idempotency ORDER BY key_hash, id;"
                    "UPDATE idempotency_state SET merged_id ="
                    " coalesce((SELECT max(id) FROM idempotency), 0)");
}

static bool commit(struct copy_end *end)
{
    if (!run(end, "COMMIT"))
        return false;
    sqlite3_close(end->db);
    end->db = NULL;
    if (!pass(end, file_work_sync(&end->work, end->open_path) &&
                       file_work_swap(&end->work, end->open_path, end->path, end->kept)))
        return false;
    *end->open_path = '\0';
    write_lock_mark(&end->lock);
    if (*end->kept) /* it had nothing but a schema */
        unlink(end->kept);
    return true;
}

/* ---- The source afterwards ---- */

static bool rename_on_disk(struct copy_end *end, const char *from, const char *to)
{
    if (rename(from, to) == 0 && database_swap_sync_folder(to))
        return true;
    file_work_fail_errno(&end->work, from);
    return pass(end, false);
}

static bool set_aside(struct copy_end *end, const char *name, char *kept)
{
    (void)name;
    sqlite3_close(end->db);
    end->db = NULL;
    if (!database_swap_name(end->path, DATABASE_COPIED, end->kept)) {
        file_work_fail_errno(&end->work, end->path);
        return pass(end, false);
    }
    snprintf(kept, STORE_COPY_PLACE_SIZE, "%s", end->kept);
    return rename_on_disk(end, end->path, end->kept);
}

static bool take_back(struct copy_end *end)
{
    end->work.error = ERROR_NONE;
    return rename_on_disk(end, end->kept, end->path);
}

static void name(const struct copy_end *end, char *text)
{
    snprintf(text, STORE_COPY_PLACE_SIZE, "%s", end->path);
}

const struct copy_side sqlite_copy_side = {
    .open = open_end,
    .close = close_end,
    .list_tables = list_tables,
    .list_columns = list_columns,
    .begin_read = begin_read,
    .read_row = read_row,
    .begin_write = begin_write,
    .write_row = write_row,
    .end_write = end_write,
    .finish = finish,
    .commit = commit,
    .set_aside = set_aside,
    .take_back = take_back,
    .name = name,
};
