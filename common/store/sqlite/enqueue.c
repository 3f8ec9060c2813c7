/*
 * New messages in SQLite. Those of a transaction wait until something else is written, and go in with one
 * statement: that costs each a third less than one of its own. They are a virtual table to it
 * (https://sqlite.org/vtab.html).
 */
#include "common/store/sqlite/transition.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- What waits, as a table ---- */

enum column { SEQ, ID, PHONE_NUMBER, TEXT, ENCODING, SEGMENTS, CREATED_AT_MS, REQUEST_ID };

static const char table_declaration[] =
    "CREATE TABLE incoming (seq, id, phone_number, text, encoding,"
    " segments, created_at_ms, request_id)";

struct table {
    sqlite3_vtab base; /* first: SQLite's part of it */
    const struct incoming *incoming;
};

struct cursor {
    sqlite3_vtab_cursor base; /* likewise */
    const struct incoming *incoming;
    size_t row;
};

static int connect_table(sqlite3 *db, void *incoming, int count, const char *const *arguments,
                         sqlite3_vtab **result, char **problem)
{
    (void)count, (void)arguments, (void)problem;
    int code = sqlite3_declare_vtab(db, table_declaration);
    if (code != SQLITE_OK)
        return code;
    struct table *table = calloc(1, sizeof(*table));
    if (!table)
        return SQLITE_NOMEM;
    table->incoming = incoming;
    *result = &table->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

/* There is one way to read it: all. */
static int plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedRows = INCOMING_MESSAGES;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **result)
{
    struct cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return SQLITE_NOMEM;
    cursor->incoming = ((struct table *)table)->incoming;
    *result = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int start_rows(sqlite3_vtab_cursor *base, int plan_number, const char *plan_text, int count,
                      sqlite3_value **arguments)
{
    (void)plan_number, (void)plan_text, (void)count, (void)arguments;
    struct cursor *cursor = (struct cursor *)base;
    cursor->row = cursor->incoming->first;
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)cursor)->row++;
    return SQLITE_OK;
}

static int is_past_rows(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (const struct cursor *)base;
    return cursor->row >= cursor->incoming->end;
}

/* An empty text is NULL, which the schema refuses; as with bind_text. */
static void give_text(sqlite3_context *result, const char *text)
{
    if (text && *text)
        sqlite3_result_text(result, text, -1, SQLITE_STATIC);
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct message *message = cursor->incoming->writes[cursor->row]->enqueue.message;
    switch ((enum column)column) {
    case SEQ:
        sqlite3_result_int64(result, message_id_seq(&message->id) + cursor->incoming->beside);
        break;
    case ID:
        sqlite3_result_blob(result, message->id.bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
        break;
    case PHONE_NUMBER:
        give_text(result, message->phone_number);
        break;
    case TEXT:
        give_text(result, message->text);
        break;
    case ENCODING:
        sqlite3_result_int(result, (int)message->encoding);
        break;
    case SEGMENTS:
        sqlite3_result_int64(result, message->segments);
        break;
    case CREATED_AT_MS:
        sqlite3_result_int64(result, message_id_time_ms(&message->id));
        break;
    case REQUEST_ID:
        if (!request_id_is_none(&message->request_id))
            sqlite3_result_blob(result, message->request_id.bytes, REQUEST_ID_BYTES, SQLITE_STATIC);
        break;
    }
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)((const struct cursor *)cursor)->row;
    return SQLITE_OK;
}

/* Without xCreate it is there by its name alone, and no schema can have it. */
static const sqlite3_module incoming_module = {
    .xConnect = connect_table,
    .xDisconnect = disconnect_table,
    .xBestIndex = plan,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = start_rows,
    .xNext = next_row,
    .xEof = is_past_rows,
    .xColumn = give_column,
    .xRowid = give_rowid,
};

bool sqlite_register_incoming(sqlite3 *db, struct incoming *incoming)
{
    return sqlite3_create_module(db, "incoming", &incoming_module, incoming) == SQLITE_OK;
}

/* ---- Into the database ---- */

/* Of those that wait so many from the first on, all of them or none: none where the number of one is
   another message's. */
static enum error insert(struct store_connection *connection, size_t first, size_t count,
                         int64_t beside, bool *inserted)
{
    struct incoming *incoming = &connection->incoming;
    enum error error = ERROR_NONE;
    incoming->first = first;
    incoming->end = first + count;
    incoming->beside = beside;
    *inserted = false;
    sqlite3_stmt *all = statement(connection, INSERT_INCOMING);
    if (!all)
        return ERROR_STORE_UNAVAILABLE; /* why has been logged */
    int code = sqlite3_step(all);
    *inserted = code == SQLITE_DONE;
    if (!*inserted && code != SQLITE_CONSTRAINT_PRIMARYKEY)
        error = sqlite_error(connection, code, sqlite3_sql(all));
    sqlite3_reset(all);
    return error;
}

/* Its number is another message's, which another process has made at the same time; or its own. */
static enum error insert_beside(struct store_connection *connection, size_t index)
{
    const struct message *message = connection->incoming.writes[index]->enqueue.message;
    struct moving moving;
    bool taken, inserted = false;
    enum error error = find_moving(connection, &message->id, &moving, &taken);
    if (error == ERROR_NONE && !taken && message_id_seq(&message->id) < INT64_MAX)
        error = insert(connection, index, 1, 1, &inserted);
    if (error != ERROR_NONE || inserted)
        return error;
    log_error("the id of a message is taken");
    return ERROR_INTERNAL;
}

static enum error insert_one(struct store_connection *connection, size_t index)
{
    bool inserted;
    enum error error = insert(connection, index, 1, 0, &inserted);
    if (error == ERROR_NONE && !inserted)
        error = insert_beside(connection, index);
    if (error != ERROR_NONE) {
        connection->tally.count_delta[MESSAGE_QUEUED]--;
        brakes_take_back(connection, connection->incoming.writes[index]);
    }
    return error;
}

enum error sqlite_flush_incoming(struct store_connection *connection)
{
    struct incoming *incoming = &connection->incoming;
    enum error error = ERROR_NONE;
    bool inserted = false;
    if (incoming->count > 1)
        error = insert(connection, 0, incoming->count, 0, &inserted);
    bool lost = sqlite3_get_autocommit(connection->db);
    for (size_t i = 0; i < incoming->count && !inserted && !lost; i++) {
        error = incoming->writes[i]->result = insert_one(connection, i);
        lost = sqlite3_get_autocommit(connection->db);
    }
    incoming->count = 0;
    if (!lost)
        return ERROR_NONE;
    return error != ERROR_NONE ? error : ERROR_INTERNAL;
}

bool sqlite_incoming_is_full(const struct store_connection *connection)
{
    return connection->incoming.count == INCOMING_MESSAGES;
}

/* ---- The verb ---- */

/* It counts from now on, unless it is not inserted. */
enum error enqueue(struct store_connection *connection, struct store_write *write)
{
    struct incoming *incoming = &connection->incoming;
    enum error error = brakes_admit(connection, write);
    if (error != ERROR_NONE)
        return error;
    connection->tally.count_delta[MESSAGE_QUEUED]++;
    incoming->writes[incoming->count++] = write;
    return ERROR_NONE;
}

enum error enqueue_at_once(struct store_connection *connection, struct store_write *write)
{
    write->result = enqueue(connection, write);
    if (write->result != ERROR_NONE)
        return write->result;
    enum error error = sqlite_flush_incoming(connection);
    return error != ERROR_NONE ? error : write->result;
}
