/* Pairing codes and device tokens in SQLite. */
#include "common/store/sqlite/transition.h"

#include <string.h>

/* ---- Writes ---- */

enum error create_pairing(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *delete = statement(connection, DELETE_OLD_PAIRINGS);
    bind_integer(delete, 1, connection->now_ms);
    enum error error = run(connection, delete);
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *insert = statement(connection, INSERT_PAIRING);
    bind_hash(insert, 1, write->create_pairing.code_hash);
    bind_text(insert, 2, write->create_pairing.device_id);
    bind_integer(insert, 3, write->create_pairing.expires_at_ms);
    return run(connection, insert);
}

enum error end_standing_token(struct store_connection *connection, const char *device_id,
                              const char *token_id, enum device_token_revocation end, bool *changed)
{
    sqlite3_stmt *update = statement(connection, END_TOKEN);
    bind_text(update, 1, device_id);
    bind_integer(update, 2, connection->now_ms);
    bind_integer(update, 3, end);
    bind_text(update, 4, token_id);
    enum error error = run(connection, update);
    *changed = error == ERROR_NONE && sqlite3_changes(connection->db) == 1;
    if (error != ERROR_NONE || !*changed)
        return error;
    static const enum statement rest[] = {FORGET_TOKEN_USE, FORGET_ALL_TOKEN_IDENTITIES,
                                          DISMISS_DEVICE};
    for (size_t i = 0; i < ARRAY_LENGTH(rest) && error == ERROR_NONE; i++) {
        sqlite3_stmt *each = statement(connection, rest[i]);
        bind_text(each, 1, device_id);
        error = run(connection, each);
    }
    return error;
}

static enum error insert_token(struct store_connection *connection, struct device_token *token)
{
    bool replaced;
    enum error error = end_standing_token(connection, token->device_id, "", DEVICE_TOKEN_REPLACED,
                                          &replaced);
    if (error != ERROR_NONE)
        return error;
    token->created_at_ms = connection->now_ms;
    sqlite3_stmt *insert = statement(connection, INSERT_TOKEN);
    bind_text(insert, 1, token->id);
    bind_hash(insert, 2, token->hash);
    bind_text(insert, 3, token->device_id);
    bind_integer(insert, 4, token->created_at_ms);
    return run(connection, insert);
}

/* The id of the token that stands for a device; "" without one. */
static enum error find_standing(struct store_connection *connection, const char *device_id,
                                char id[SECRET_ID_SIZE])
{
    bool found;
    id[0] = '\0';
    sqlite3_stmt *select = statement(connection, SELECT_TOKEN_OF_DEVICE);
    bind_text(select, 1, device_id);
    enum error error = step(connection, select, &found);
    if (error == ERROR_NONE && found)
        column_text(select, 0, id, SECRET_ID_SIZE);
    sqlite3_reset(select);
    return error;
}

enum error pair(struct store_connection *connection, struct store_write *write)
{
    struct device_token *token = &write->pair.token;
    char chosen_by_code[DEVICE_ID_SIZE] = "", standing[SECRET_ID_SIZE] = "";
    bool found;
    sqlite3_stmt *take = statement(connection, TAKE_PAIRING);
    bind_hash(take, 1, write->pair.code_hash);
    enum error error = step(connection, take, &found);
    bool in_time = error == ERROR_NONE && found &&
                   sqlite3_column_int64(take, 1) > connection->now_ms;
    if (in_time)
        column_text(take, 0, chosen_by_code, sizeof(chosen_by_code));
    if (error == ERROR_NONE && found)
        error = run(connection, take);
    if (error != ERROR_NONE)
        return error;
    if (!in_time)
        return ERROR_PAIRING_CODE_INVALID;
    if (*chosen_by_code)
        strcpy(token->device_id, chosen_by_code);
    else
        error = find_standing(connection, token->device_id, standing);
    if (error == ERROR_NONE && *standing)
        error = ERROR_DEVICE_ID_TAKEN; /* and the code can be tried again */
    return error == ERROR_NONE ? insert_token(connection, token) : error;
}

enum error create_token(struct store_connection *connection, struct store_write *write)
{
    return insert_token(connection, &write->create_token.token);
}

enum error end_token(struct store_connection *connection, struct store_write *write)
{
    enum error error = end_standing_token(connection, write->revoke_token.device_id,
                                          write->revoke_token.token_id, write->revoke_token.end,
                                          &write->revoke_token.changed);
    if (error != ERROR_NONE || write->revoke_token.end != DEVICE_TOKEN_REVOKED)
        return error;
    sqlite3_stmt *delete = statement(connection, DELETE_PAIRINGS_OF);
    bind_text(delete, 1, write->revoke_token.device_id);
    return run(connection, delete);
}

enum error check_token(struct store_connection *connection, const char *token_id,
                       const char *device_id)
{
    char standing[SECRET_ID_SIZE];
    enum error error = find_standing(connection, device_id, standing);
    if (error == ERROR_NONE && strcmp(standing, token_id) != 0)
        error = ERROR_DEVICE_TOKEN_INVALID;
    return error;
}

enum error find_dismissed(struct store_connection *connection, struct store_write *write)
{
    bool row = true;
    sqlite3_stmt *select = statement(connection, SELECT_DISMISSED);
    bind_id(select, 1, &write->find_revoked_tokens.broker);
    bind_integer(select, 2, (int64_t)write->find_revoked_tokens.capacity);
    sqlite3_bind_text(select, 3, write->find_revoked_tokens.after, -1, SQLITE_STATIC);
    write->find_revoked_tokens.count = 0;
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row)) {
        struct store_revoked_device *device =
            &write->find_revoked_tokens.devices[write->find_revoked_tokens.count++];
        column_text(select, 0, device->device_id, sizeof(device->device_id));
        device->session = sqlite3_column_int64(select, 1);
        device->end = (enum device_token_revocation)sqlite3_column_int(select, 2);
    }
    sqlite3_reset(select);
    return error;
}

/* ---- Reads ---- */

static enum error read_token(sqlite3_stmt *row, void *item)
{
    struct device_token *token = item;
    *token = (struct device_token){
        .created_at_ms = sqlite3_column_int64(row, 3),
        .ended_at_ms = sqlite3_column_int64(row, 4),
        .end = (enum device_token_revocation)sqlite3_column_int(row, 5),
    };
    column_text(row, 0, token->id, sizeof(token->id));
    column_text(row, 2, token->device_id, sizeof(token->device_id));
    return column_hash(row, 1, token->hash) ? ERROR_NONE : ERROR_INTERNAL;
}

enum error sqlite_find_token(struct store_connection *connection, const char *id,
                             struct device_token *token, bool *found)
{
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, FIND_TOKEN);
    bind_text(select, 1, id);
    enum error error = step(connection, select, found);
    if (error == ERROR_NONE && *found)
        error = read_token(select, token);
    sqlite3_reset(select);
    return error;
}

enum error sqlite_list_tokens(struct store_connection *connection, struct device_token **tokens,
                              size_t *count)
{
    void *items;
    start_read_clock(connection);
    enum error error = read_list(connection, statement(connection, LIST_TOKENS), sizeof(**tokens),
                                 read_token, &items, count);
    *tokens = items;
    return error;
}
