#include "common/store/sqlite/statement.h"

#include "common/base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum statement_use use;
    const char *sql;
} texts[STATEMENT_COUNT] = {
#define STATEMENT(id, use, sql) [id] = {use, sql},
#include "common/store/sqlite/statements.def"
#undef STATEMENT
};

static const char *const field_names[FIELD_TOTAL] = {
#define FIELD(id, name) [FIELD_##id] = name,
#include "common/store/sql/fields.def"
#undef FIELD
};

/* ---- Errors ---- */

/* A full disk shows as SQLITE_FULL, or while the index of the write-ahead log grows. */
static enum error error_of(int code)
{
    if (code == SQLITE_IOERR_SHMSIZE)
        return ERROR_DISK_FULL;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: /* a read that took too long */
        return ERROR_STORE_BUSY;
    case SQLITE_FULL:
        return ERROR_DISK_FULL;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
        return ERROR_STORE_UNAVAILABLE;
    default:
        return ERROR_INTERNAL;
    }
}

enum error statement_fail(struct handle *handle, int code, const char *doing)
{
    log_error("the database refused", LOG_TEXT("doing", doing), LOG_NUMBER("code", code),
              LOG_TEXT("error", sqlite3_errmsg(handle->db)));
    return error_of(code);
}

/* ---- Preparing ---- */

static enum field find_field(const char *name)
{
    int field = 0;
    while (field < FIELD_TOTAL && strcmp(field_names[field], name) != 0)
        field++;
    return (enum field)field;
}

static void map_names(struct statement *statement)
{
    int parameters = sqlite3_bind_parameter_count(statement->stmt);
    for (int i = 1; i <= parameters; i++) {
        const char *name = sqlite3_bind_parameter_name(statement->stmt, i);
        if (!name)
            continue; /* bound by its place */
        enum field field = find_field(name + 1);
        assert(field < FIELD_TOTAL);
        statement->parameters[field] = (unsigned char)i;
    }
    int columns = sqlite3_column_count(statement->stmt);
    for (int i = 0; i < columns; i++) {
        enum field field = find_field(sqlite3_column_name(statement->stmt, i));
        if (field < FIELD_TOTAL) /* others are read by their place */
            statement->columns[field] = (unsigned char)(i + 1);
    }
}

int statement_prepare(struct handle *handle, enum statement_id id)
{
    struct statement *statement = &handle->statements[id];
    int code = sqlite3_prepare_v3(handle->db, texts[id].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &statement->stmt, NULL);
    if (code == SQLITE_OK)
        map_names(statement);
    return code;
}

enum statement_use statement_use_of(enum statement_id id)
{
    return texts[id].use;
}

const char *statement_sql(enum statement_id id)
{
    return texts[id].sql;
}

void statement_finalize_all(struct handle *handle)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(handle->statements[i].stmt);
        handle->statements[i].stmt = NULL;
    }
}

struct statement *statement_get(struct handle *handle, enum statement_id id)
{
    struct statement *statement = &handle->statements[id];
    if (statement->stmt) {
        sqlite3_reset(statement->stmt);
        sqlite3_clear_bindings(statement->stmt);
        return statement;
    }
    int code = statement_prepare(handle, id);
    if (code != SQLITE_OK)
        statement_fail(handle, code, texts[id].sql);
    return statement;
}

/* ---- Parameters ---- */

static int parameter_of(const struct statement *statement, enum field field)
{
    assert(statement->parameters[field] > 0 || !statement->stmt);
    return statement->parameters[field];
}

void statement_bind_integer(struct statement *statement, enum field field, int64_t value)
{
    sqlite3_bind_int64(statement->stmt, parameter_of(statement, field), value);
}

void statement_bind_double(struct statement *statement, enum field field, double value)
{
    sqlite3_bind_double(statement->stmt, parameter_of(statement, field), value);
}

void statement_bind_text(struct statement *statement, enum field field, const char *text)
{
    int parameter = parameter_of(statement, field);
    if (text && *text)
        sqlite3_bind_text(statement->stmt, parameter, text, -1, SQLITE_STATIC);
}

void statement_bind_blob(struct statement *statement, enum field field, const void *bytes,
                         int length)
{
    sqlite3_bind_blob(statement->stmt, parameter_of(statement, field), bytes, length,
                      SQLITE_STATIC);
}

/* ---- Columns ---- */

static int column_of(const struct statement *statement, enum field field)
{
    assert(statement->columns[field] > 0);
    return statement->columns[field] - 1;
}

int64_t statement_integer(const struct statement *statement, enum field field)
{
    return sqlite3_column_int64(statement->stmt, column_of(statement, field));
}

double statement_double(const struct statement *statement, enum field field)
{
    return sqlite3_column_double(statement->stmt, column_of(statement, field));
}

bool statement_has_column(const struct statement *statement, enum field field)
{
    return statement->columns[field] > 0;
}

bool statement_is_null(const struct statement *statement, enum field field)
{
    return sqlite3_column_type(statement->stmt, column_of(statement, field)) == SQLITE_NULL;
}

void statement_text(const struct statement *statement, enum field field, char *text, size_t size)
{
    int column = column_of(statement, field);
    const void *value = sqlite3_column_text(statement->stmt, column);
    size_t length = value ? (size_t)sqlite3_column_bytes(statement->stmt, column) : 0;
    length = MIN(length, size - 1);
    if (length > 0)
        memcpy(text, value, length);
    text[length] = '\0';
}

char *statement_copy_text(const struct statement *statement, enum field field)
{
    const void *value = sqlite3_column_text(statement->stmt, column_of(statement, field));
    return value ? strdup(value) : NULL;
}

void statement_append_blob(const struct statement *statement, enum field field,
                           struct buffer *bytes)
{
    int column = column_of(statement, field);
    const void *blob = sqlite3_column_blob(statement->stmt, column);
    if (blob)
        buffer_append(bytes, blob, (size_t)sqlite3_column_bytes(statement->stmt, column));
}

bool statement_bytes(const struct statement *statement, enum field field, void *bytes, int length)
{
    int column = column_of(statement, field);
    const void *blob = sqlite3_column_blob(statement->stmt, column);
    bool fits = blob && sqlite3_column_bytes(statement->stmt, column) == length;
    if (fits)
        memcpy(bytes, blob, (size_t)length);
    else
        memset(bytes, 0, (size_t)length);
    return fits;
}

/* ---- Running ---- */

bool statement_may_run(const struct handle *handle, const struct statement *statement)
{
    bool is_too_late = handle->in_transaction && sqlite3_get_autocommit(handle->db);
    return statement->stmt && !is_too_late;
}

enum error statement_step(struct handle *handle, struct statement *statement, bool *row)
{
    *row = false;
    if (!statement_may_run(handle, statement))
        return ERROR_STORE_UNAVAILABLE;
    int code = sqlite3_step(statement->stmt);
    *row = code == SQLITE_ROW;
    if (*row)
        return ERROR_NONE;
    enum error error = ERROR_NONE;
    if (code != SQLITE_DONE)
        error = statement_fail(handle, code, sqlite3_sql(statement->stmt));
    sqlite3_reset(statement->stmt);
    return error;
}

void statement_reset(struct statement *statement)
{
    sqlite3_reset(statement->stmt);
}

enum error statement_run(struct handle *handle, struct statement *statement)
{
    bool row;
    enum error error = statement_step(handle, statement, &row);
    statement_reset(statement);
    return error;
}

enum error statement_change_one(struct handle *handle, struct statement *statement)
{
    enum error error = statement_run(handle, statement);
    if (error != ERROR_NONE || sqlite3_changes64(handle->db) == 1)
        return error;
    log_error("a row is not as it was read",
              LOG_TEXT("doing", texts[statement - handle->statements].sql));
    return ERROR_INTERNAL;
}

int64_t statement_changes(struct handle *handle)
{
    return sqlite3_changes64(handle->db);
}

enum error statement_read_integer(struct handle *handle, struct statement *statement,
                                  int64_t *integer)
{
    bool row;
    enum error error = statement_step(handle, statement, &row);
    if (error == ERROR_NONE && row)
        *integer = sqlite3_column_int64(statement->stmt, 0);
    statement_reset(statement);
    return error;
}
