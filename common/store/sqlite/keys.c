/* API keys in SQLite. */
#include "common/store/sqlite/transition.h"

/* ---- Writes ---- */

enum error create_key(struct store_connection *connection, struct store_write *write)
{
    const struct api_key *key = &write->create_key.key;
    sqlite3_stmt *insert = statement(connection, INSERT_KEY);
    bind_text(insert, 1, key->id);
    bind_hash(insert, 2, key->hash);
    bind_text(insert, 3, key->label);
    bind_integer(insert, 4, key->scopes);
    bind_integer(insert, 5, connection->now_ms);
    bind_integer(insert, 6, key->expires_at_ms);
    bind_integer(insert, 7, key->requests_per_minute);
    bind_integer(insert, 8, key->daily_messages);
    return run(connection, insert);
}

enum error revoke_key(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, REVOKE_KEY);
    bind_text(update, 1, write->revoke_key.id);
    bind_integer(update, 2, connection->now_ms);
    enum error error = run(connection, update);
    write->revoke_key.changed = error == ERROR_NONE && sqlite3_changes(connection->db) == 1;
    return error;
}

/* ---- Reads ---- */

static enum error read_key(sqlite3_stmt *row, void *item)
{
    struct api_key *key = item;
    *key = (struct api_key){
        .scopes = (unsigned)sqlite3_column_int(row, 3),
        .created_at_ms = sqlite3_column_int64(row, 4),
        .expires_at_ms = sqlite3_column_int64(row, 5),
        .revoked_at_ms = sqlite3_column_int64(row, 6),
        .requests_per_minute = sqlite3_column_int64(row, 7),
        .daily_messages = sqlite3_column_int64(row, 8),
    };
    column_text(row, 0, key->id, sizeof(key->id));
    column_text(row, 2, key->label, sizeof(key->label));
    return column_hash(row, 1, key->hash) ? ERROR_NONE : ERROR_INTERNAL;
}

enum error sqlite_find_key(struct store_connection *connection, const char *id, struct api_key *key,
                           bool *found)
{
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, FIND_KEY);
    bind_text(select, 1, id);
    enum error error = step(connection, select, found);
    if (error == ERROR_NONE && *found)
        error = read_key(select, key);
    sqlite3_reset(select);
    return error;
}

enum error sqlite_list_keys(struct store_connection *connection, struct api_key **keys,
                            size_t *count)
{
    void *items;
    start_read_clock(connection);
    enum error error = read_list(connection, statement(connection, LIST_KEYS), sizeof(**keys),
                                 read_key, &items, count);
    *keys = items;
    return error;
}
