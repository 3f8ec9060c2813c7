/* A PostgreSQL database as one side of a copy: one transaction, and read by a cursor or written by COPY. */
#include "common/store/postgresql/copy_side.h"

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/copy.h"
#include "common/store/copy_tables.h"
#include "common/store/postgresql/exclusive.h"
#include "common/store/postgresql/server_origin.h"
#include "common/store/postgresql/server_schema.h"
#include "common/store/postgresql/value.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIND_OUT_MS = 60000,
    PIECE_BYTES = 256 * 1024,
    ROWS_AT_ONCE = 1000,
};

struct copy_end {
    enum copy_role role;
    struct copy_failure *failure;
    char *url;
    struct exclusive database;
    /* Reading */
    PGresult *rows;
    int row;
    /* Writing */
    Oid types[COPY_MAX_COLUMNS];
    struct copy_columns columns;
    struct buffer piece;
    PGresult *indexes; /* what makes those that were dropped */
};

static bool fail(struct copy_end *end)
{
    return exclusive_fail(&end->database);
}

/* NULL after an error. */
static PGresult *query(struct copy_end *end, const char *sql)
{
    return exclusive_query(&end->database, sql);
}

static bool run(struct copy_end *end, const char *sql)
{
    return exclusive_run(&end->database, sql);
}

static bool read_number(struct copy_end *end, const char *sql, int64_t *number)
{
    return exclusive_read_number(&end->database, sql, number);
}

/* ---- Opening ---- */

/* The name of a table that has rows, or "". */
static bool find_rows(struct copy_end *end, char table[COPY_NAME_SIZE])
{
    struct copy_columns tables = {0};
    bool good = exclusive_list_tables(&end->database, &tables);
    *table = '\0';
    for (size_t i = 0; good && i < tables.count && !*table; i++) {
        char sql[160];
        int64_t rows = 0;
        if (copy_may_replace(tables.names[i]))
            continue;
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT 1) AS first",
                 tables.names[i]);
        good = read_number(end, sql, &rows);
        if (rows > 0)
            strcpy(table, tables.names[i]);
    }
    return good;
}

static bool check_empty(struct copy_end *end)
{
    char table[COPY_NAME_SIZE];
    if (!find_rows(end, table))
        return false;
    return !*table || copy_fail(end->failure, ERROR_STORE_UNAVAILABLE,
                                "it is not empty, there is something in %s: make a new database for"
                                " the gateway",
                                table);
}

/* An index that is made at once is smaller, and sooner there. That of a table is that of its partitions. */
static bool drop_indexes(struct copy_end *end)
{
    char sql[COPY_SQL_SIZE] = "";
    end->indexes = query(end, "SELECT replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON '), "
                              "c.relname FROM pg_index i"
                              " JOIN pg_class c ON c.oid = i.indexrelid"
                              " WHERE c.relnamespace = quote_ident(current_schema())::regnamespace"
                              " AND NOT c.relispartition AND NOT EXISTS"
                              " (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)");
    for (int i = 0; end->indexes && i < PQntuples(end->indexes); i++)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "DROP INDEX \"%s\";",
                 PQgetvalue(end->indexes, i, 1));
    return end->indexes && run(end, sql);
}

static void close_end(struct copy_end *end)
{
    if (!end)
        return;
    PQclear(end->rows);
    PQclear(end->indexes);
    buffer_fini(&end->piece);
    connection_close(&end->database.connection); /* which undoes the transaction */
    free(end->url);
    free(end);
}

static bool open_end(const char *location, enum copy_role role, struct copy_failure *failure,
                     struct copy_end **result)
{
    struct copy_end *end = calloc(1, sizeof(*end));
    if (!end)
        return copy_fail(failure, ERROR_INTERNAL, "no memory");
    *result = end;
    end->role = role;
    end->failure = failure;
    end->url = strdup(location);
    buffer_init(&end->piece, 256 << 20);
    end->database = (struct exclusive){
        .url = end->url, .purpose = "sms-gateway database copy", .failure = failure};
    return end->url &&
           exclusive_open(&end->database,
                          role == COPY_SOURCE ? EXCLUSIVE_CHANGE : EXCLUSIVE_FILL) &&
           (server_origin_check(&end->database.connection, failure->problem) || fail(end)) &&
           (role == COPY_SOURCE || (check_empty(end) && drop_indexes(end)));
}

/* ---- Tables ---- */

static bool list_tables(struct copy_end *end, struct copy_columns *names)
{
    return exclusive_list_tables(&end->database, names);
}

/* A result without rows that has the columns. */
static PGresult *describe(struct copy_end *end, const char *relation)
{
    char sql[1024];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s LIMIT 0", relation);
    return query(end, sql);
}

static bool list_columns(struct copy_end *end, const char *relation, struct copy_columns *columns)
{
    PGresult *result = describe(end, relation);
    columns->count = 0;
    for (int i = 0; result && i < PQnfields(result) && columns->count < COPY_MAX_COLUMNS; i++)
        snprintf(columns->names[columns->count++], COPY_NAME_SIZE, "%s", PQfname(result, i));
    PQclear(result);
    return result;
}

/* ---- Reading ---- */

static bool begin_read(struct copy_end *end, const char *relation,
                       const struct copy_columns *columns)
{
    char sql[COPY_SQL_SIZE] = "DECLARE source BINARY NO SCROLL CURSOR FOR SELECT ";
    copy_add_names(sql, columns);
    snprintf(sql + strlen(sql), COPY_SQL_SIZE - strlen(sql), " FROM %s", relation);
    end->columns = *columns;
    return run(end, sql);
}

static void read_value(const PGresult *rows, int row, int column, struct copy_value *value)
{
    unsigned type = PQftype(rows, column);
    *value = (struct copy_value){.kind = COPY_NULL};
    if (PQgetisnull(rows, row, column))
        return;
    const char *bytes = PQgetvalue(rows, row, column);
    switch (type) {
    case TYPE_TEXT:
    case TYPE_BYTEA:
        value->kind = type == TYPE_TEXT ? COPY_TEXT : COPY_BYTES;
        value->bytes = bytes;
        value->length = (size_t)PQgetlength(rows, row, column);
        break;
    case TYPE_FLOAT8:
        value->kind = COPY_REAL;
        value->real = value_read_real(bytes);
        break;
    default:
        value->kind = COPY_INTEGER;
        value->integer = value_read_integer(type, bytes);
    }
}

static bool read_row(struct copy_end *end, struct copy_value values[], bool *more)
{
    char sql[64];
    if (!end->rows || end->row == PQntuples(end->rows)) {
        snprintf(sql, sizeof(sql), "FETCH %d FROM source", ROWS_AT_ONCE);
        PQclear(end->rows);
        end->rows = query(end, sql);
        end->row = 0;
        if (!end->rows)
            return false;
    }
    *more = end->row < PQntuples(end->rows);
    for (size_t i = 0; *more && i < end->columns.count; i++)
        read_value(end->rows, end->row, (int)i, &values[i]);
    end->row++;
    if (*more)
        return true;
    PQclear(end->rows);
    end->rows = NULL;
    return run(end, "CLOSE source");
}

/* ---- Writing ---- */

static bool flush(struct copy_end *end)
{
    bool good = !end->piece.failed &&
                connection_copy_put(&end->database.connection, end->piece.data, end->piece.length,
                                    end->failure->problem);
    if (end->piece.failed)
        return copy_fail(end->failure, ERROR_INTERNAL, "no memory");
    buffer_clear(&end->piece);
    return good || fail(end);
}

static void add_short(struct buffer *piece, int16_t number)
{
    uint16_t bytes = htobe16((uint16_t)number);
    buffer_append(piece, &bytes, sizeof(bytes));
}

static void add_word(struct buffer *piece, int32_t number)
{
    uint32_t bytes = htobe32((uint32_t)number);
    buffer_append(piece, &bytes, sizeof(bytes));
}

/* Frozen: vacuum finds nothing to do, and no row is read twice to find out that its transaction was committed. The server does not
   do that with partitions. */
static bool may_freeze(struct copy_end *end, const char *table, bool *freeze)
{
    char sql[COPY_NAME_SIZE + 96];
    int64_t is_whole = 0;
    snprintf(sql, sizeof(sql),
             "SELECT (relkind = 'r')::integer FROM pg_class WHERE oid = '\"%s\"'::regclass", table);
    bool good = read_number(end, sql, &is_whole);
    *freeze = is_whole;
    return good;
}

static bool begin_write(struct copy_end *end, const char *table, const struct copy_columns *columns)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* and its NUL */
    char sql[COPY_SQL_SIZE] = "SELECT ", quoted[COPY_NAME_SIZE + 16];
    bool freeze;
    if (!may_freeze(end, table, &freeze))
        return false;
    snprintf(quoted, sizeof(quoted), "TRUNCATE \"%s\"", table);
    copy_add_names(sql, columns);
    snprintf(sql + strlen(sql), COPY_SQL_SIZE - strlen(sql), " FROM \"%s\" LIMIT 0", table);
    PGresult *result = run(end, quoted) ? query(end, sql) : NULL;
    for (int i = 0; result && i < PQnfields(result); i++)
        end->types[i] = PQftype(result, i);
    PQclear(result);
    snprintf(sql, sizeof(sql), "COPY \"%s\" (", table);
    copy_add_names(sql, columns);
    snprintf(sql + strlen(sql), COPY_SQL_SIZE - strlen(sql), ") FROM STDIN (FORMAT binary%s)",
             freeze ? ", FREEZE" : "");
    end->columns = *columns;
    buffer_clear(&end->piece);
    buffer_append(&end->piece, signature, sizeof(signature));
    add_word(&end->piece, 0); /* flags */
    add_word(&end->piece, 0); /* no more of a head */
    return result &&
           (connection_copy_begin(&end->database.connection, sql, end->failure->problem) ||
            fail(end));
}

static struct value as_value(const struct copy_value *value)
{
    static const enum value_kind kinds[] = {[COPY_NULL] = VALUE_NULL,
                                            [COPY_INTEGER] = VALUE_INTEGER,
                                            [COPY_REAL] = VALUE_REAL,
                                            [COPY_TEXT] = VALUE_BYTES,
                                            [COPY_BYTES] = VALUE_BYTES};
    return (struct value){.kind = kinds[value->kind],
                          .integer = value->integer,
                          .real = value->real,
                          .bytes = value->bytes,
                          .length = (int)value->length};
}

static bool write_row(struct copy_end *end, const struct copy_value values[])
{
    char room[VALUE_ROOM];
    const char *bytes;
    int length;
    add_short(&end->piece, (int16_t)end->columns.count);
    for (size_t i = 0; i < end->columns.count; i++) {
        const struct value value = as_value(&values[i]);
        if (!value_write(&value, end->types[i], room, &bytes, &length))
            return copy_fail(end->failure, ERROR_STORE_UNAVAILABLE,
                             "its column %s does not take a value that the source has",
                             end->columns.names[i]);
        add_word(&end->piece, values[i].kind == COPY_NULL ? -1 : length);
        buffer_append(&end->piece, bytes ? bytes : "", (size_t)length);
    }
    return end->piece.length < PIECE_BYTES || flush(end);
}

static bool end_write(struct copy_end *end)
{
    add_short(&end->piece, -1);
    return flush(end) &&
           (connection_copy_end(&end->database.connection, end->failure->problem) || fail(end));
}

/* The numbers of the next rows are greater than all that were copied. */
static bool restart_numbers(struct copy_end *end, int64_t last_event_id)
{
    static const struct {
        const char *table, *column;
    } numbered[] = {{"webhook", "seq"}, {"idempotency", "id"}};
    char sql[160];
    for (size_t i = 0; i < ARRAY_LENGTH(numbered); i++) {
        int64_t last = 0;
        snprintf(sql, sizeof(sql), "SELECT coalesce(max(%s), 0) FROM %s", numbered[i].column,
                 numbered[i].table);
        if (!read_number(end, sql, &last))
            return false;
        snprintf(sql, sizeof(sql), "ALTER TABLE %s ALTER COLUMN %s RESTART WITH %lld",
                 numbered[i].table, numbered[i].column, (long long)last + 1);
        if (!run(end, sql))
            return false;
    }
    /* The sequence says the last one when it has given one. */
    snprintf(sql, sizeof(sql),
             "ALTER SEQUENCE event_id RESTART WITH %lld; SELECT nextval('event_id')",
             (long long)last_event_id);
    return last_event_id == 0 || run(end, sql);
}

static bool finish(struct copy_end *end, int64_t last_event_id)
{
    for (int i = 0; i < PQntuples(end->indexes); i++) {
        if (!run(end, PQgetvalue(end->indexes, i, 0)))
            return false;
    }
    return restart_numbers(end, last_event_id) && run(end, "ANALYZE");
}

/* ---- The end of the transaction ---- */

/* The server is gone, and has committed or not. */
static bool find_out(struct copy_end *end)
{
    char table[COPY_NAME_SIZE], reason[STORE_ERROR_SIZE];
    int64_t deadline_ms = clock_monotonic_ms() + FIND_OUT_MS;
    snprintf(reason, sizeof(reason), "%s", end->failure->problem);
    while (clock_monotonic_ms() < deadline_ms) {
        end->failure->error = ERROR_NONE;
        if (exclusive_connect(&end->database) &&
            server_schema_begin(&end->database.connection, end->failure->problem) &&
            find_rows(end, table)) {
            snprintf(end->failure->problem, STORE_ERROR_SIZE, "%s", *table ? "" : reason);
            end->failure->error = *table ? ERROR_NONE : ERROR_STORE_UNAVAILABLE;
            return *table;
        }
        usleep(500 * 1000);
    }
    snprintf(end->failure->problem, STORE_ERROR_SIZE,
             "whether the target has all or nothing is not known: %.200s; look with `sms-gateway"
             " statistics` when it can be reached",
             reason);
    end->failure->error = ERROR_OUTCOME_UNKNOWN;
    return false;
}

static bool commit(struct copy_end *end)
{
    end->database.connection.is_warned = false;
    PGresult *result = connection_query(&end->database.connection, "COMMIT", end->failure->problem);
    bool good = result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    if (good && end->database.connection.is_warned)
        log_warning("the copy has not reached the standby yet");
    return good || find_out(end);
}

/* Processes that have lost their connection do not find their row again, and write nothing. */
static bool set_aside(struct copy_end *end, const char *name, char *kept)
{
    char sql[2 * STORE_COPY_PLACE_SIZE + 256];
    postgresql_copy_side.name(end, kept);
    char *quoted = PQescapeLiteral(end->database.connection.pg, name, strlen(name));
    snprintf(sql, sizeof(sql),
             "UPDATE schema_version SET copied_to = %s; DELETE FROM writer; COMMIT",
             quoted ? quoted : "''");
    PQfreemem(quoted);
    return run(end, sql);
}

static bool take_back(struct copy_end *end)
{
    return run(end, "UPDATE schema_version SET copied_to = NULL");
}

static void name(const struct copy_end *end, char *text)
{
    const PGconn *pg = end->database.connection.pg;
    snprintf(text, STORE_COPY_PLACE_SIZE, "the database %s on %s:%s", PQdb(pg), PQhost(pg),
             PQport(pg));
}

const struct copy_side postgresql_copy_side = {
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
