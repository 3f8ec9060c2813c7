/* How device tokens are used, in SQLite: the numbers of common/model/token_use.h. */
#include "common/store/sqlite/transition.h"

#include <string.h>

static enum error read_use(struct store_connection *connection, const char *token_id,
                           struct token_use *use)
{
    bool found;
    *use = (struct token_use){0};
    sqlite3_stmt *select = statement(connection, SELECT_TOKEN_USE);
    bind_text(select, 1, token_id);
    enum error error = step(connection, select, &found);
    if (error == ERROR_NONE && found) {
        column_text(select, 0, use->identity, sizeof(use->identity));
        use->returns = sqlite3_column_int64(select, 1);
        use->returned_at_ms = sqlite3_column_int64(select, 2);
        use->takeovers = sqlite3_column_int64(select, 3);
        use->taken_over_at_ms = sqlite3_column_int64(select, 4);
        use->forgiven_until_ms = sqlite3_column_int64(select, 5);
    }
    sqlite3_reset(select);
    return error;
}

static enum error write_use(struct store_connection *connection, const char *token_id,
                            const struct token_use *use)
{
    sqlite3_stmt *upsert = statement(connection, WRITE_TOKEN_USE);
    bind_text(upsert, 1, token_id);
    bind_text(upsert, 2, use->identity);
    bind_integer(upsert, 3, use->returns);
    bind_integer(upsert, 4, use->returned_at_ms);
    bind_integer(upsert, 5, use->takeovers);
    bind_integer(upsert, 6, use->taken_over_at_ms);
    bind_integer(upsert, 7, use->forgiven_until_ms);
    return run(connection, upsert);
}

static enum error see_identity(struct store_connection *connection, const char *token_id,
                               const char *identity)
{
    sqlite3_stmt *upsert = statement(connection, SEE_TOKEN_IDENTITY);
    bind_text(upsert, 1, token_id);
    bind_text(upsert, 2, identity);
    bind_integer(upsert, 3, connection->now_ms);
    return run(connection, upsert);
}

/* Forgets old identities; whether that one is among the others, and how many there are with it. */
static enum error look_at_identities(struct store_connection *connection, const char *token_id,
                                     const char *identity, bool *known, int64_t *count)
{
    sqlite3_stmt *forget = statement(connection, FORGET_TOKEN_IDENTITIES);
    bind_text(forget, 1, token_id);
    bind_integer(forget, 2, connection->now_ms - TOKEN_IDENTITY_KEPT_MS);
    bind_integer(forget, 3, TOKEN_IDENTITIES_KEPT);
    enum error error = run(connection, forget);
    if (error != ERROR_NONE)
        return error;
    bool row;
    sqlite3_stmt *select = statement(connection, COUNT_TOKEN_IDENTITIES);
    bind_text(select, 1, token_id);
    bind_text(select, 2, identity);
    error = step(connection, select, &row);
    *known = error == ERROR_NONE && row && sqlite3_column_int64(select, 1) > 0;
    *count = error == ERROR_NONE && row ? sqlite3_column_int64(select, 0) + !*known : 0;
    sqlite3_reset(select);
    return error;
}

static enum error quarantine(struct store_connection *connection, const char *token_id,
                             const char *device_id)
{
    bool changed;
    return end_standing_token(connection, device_id, token_id, DEVICE_TOKEN_QUARANTINED, &changed);
}

/* Most connections are of the same phone as the one before: these write nothing. */
enum error note_identity(struct store_connection *connection, const struct store_holder *phone,
                         const char *token_id, const char *device_name, bool *quarantined)
{
    struct token_use use;
    char identity[TOKEN_IDENTITY_SIZE];
    bool known;
    int64_t count;
    *quarantined = false;
    token_use_identify(phone->assured ? &phone->journal : NULL, device_name, identity);
    enum error error = read_use(connection, token_id, &use);
    if (error != ERROR_NONE || !*identity || strcmp(identity, use.identity) == 0)
        return error;
    if (*use.identity) /* until now */
        error = see_identity(connection, token_id, use.identity);
    if (error == ERROR_NONE)
        error = look_at_identities(connection, token_id, identity, &known, &count);
    if (error != ERROR_NONE)
        return error;
    *quarantined = token_use_change(&use, identity, known, count, connection->now_ms);
    if (*quarantined)
        return quarantine(connection, token_id, phone->device_id);
    error = see_identity(connection, token_id, identity);
    return error == ERROR_NONE ? write_use(connection, token_id, &use) : error;
}

enum error count_takeover(struct store_connection *connection, struct store_write *write)
{
    struct token_use use;
    const char *token_id = write->count_takeover.token_id,
               *device_id = write->count_takeover.device_id;
    write->count_takeover.quarantined = false;
    enum error error = check_token(connection, token_id, device_id);
    if (error == ERROR_DEVICE_TOKEN_INVALID)
        return ERROR_NONE; /* it has ended since */
    if (error == ERROR_NONE)
        error = read_use(connection, token_id, &use);
    if (error != ERROR_NONE)
        return error;
    write->count_takeover.quarantined = token_use_takeover(&use, connection->now_ms);
    return write->count_takeover.quarantined ? quarantine(connection, token_id, device_id)
                                             : write_use(connection, token_id, &use);
}
