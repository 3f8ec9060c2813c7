/* API keys, pairing codes, device tokens and their use, tickets. */
#include "common/store/sql/backend.h"
#include "common/store/sql/rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static enum error run_on_device(struct store_database *database, enum statement_id id,
                                const char *device_id)
{
    struct statement *statement = get(database, id);
    statement_bind_text(statement, FIELD_DEVICE_ID, device_id);
    return run(database, statement);
}

/* ---- Keys ---- */

static enum error insert_key(struct store_database *database, const struct api_key *key)
{
    struct statement *insert = get(database, INSERT_KEY);
    statement_bind_text(insert, FIELD_ID, key->id);
    statement_bind_hash(insert, FIELD_HASH, key->hash);
    statement_bind_text(insert, FIELD_LABEL, key->label);
    statement_bind_integer(insert, FIELD_SCOPES, key->scopes);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, key->created_at_ms);
    statement_bind_integer(insert, FIELD_EXPIRES_AT_MS, key->expires_at_ms);
    statement_bind_integer(insert, FIELD_REQUESTS_PER_MINUTE, key->requests_per_minute);
    statement_bind_integer(insert, FIELD_DAILY_MESSAGES, key->daily_messages);
    statement_bind_integer(insert, FIELD_IGNORES_OPT_OUT, key->ignores_opt_out);
    statement_bind_integer(insert, FIELD_KIND, key->kind);
    statement_bind_integer(insert, FIELD_SESSION_MS, key->session_ms);
    return run(database, insert);
}

static enum error revoke_key(struct store_database *database, const char *id, int64_t now_ms,
                             bool *changed)
{
    struct statement *update = get(database, REVOKE_KEY);
    statement_bind_text(update, FIELD_ID, id);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    enum error error = run(database, update);
    *changed = error == ERROR_NONE && statement_changes(&database->handle) == 1;
    return error;
}

static enum error find_key_by_hash(struct store_database *database,
                                   const unsigned char hash[SECRET_HASH_BYTES], struct api_key *key,
                                   bool *found)
{
    struct statement *select = get(database, FIND_KEY_BY_HASH);
    statement_bind_hash(select, FIELD_HASH, hash);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = sql_read_key(select, key);
    statement_reset(select);
    return error;
}

static enum error remove_key(struct store_database *database, const char *id)
{
    struct statement *delete = get(database, DELETE_KEY);
    statement_bind_text(delete, FIELD_ID, id);
    return run(database, delete);
}

static enum error remove_ended_sessions(struct store_database *database, int64_t before_ms,
                                        int64_t limit)
{
    struct statement *delete = get(database, DELETE_ENDED_SESSIONS);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    return run(database, delete);
}

/* ---- Pairing codes ---- */

static enum error insert_pairing(struct store_database *database,
                                 const unsigned char code_hash[SECRET_HASH_BYTES],
                                 const struct pairing_row *pairing)
{
    char groups[DEVICE_GROUPS_TEXT_SIZE];
    device_groups_format(&pairing->groups, groups);
    struct statement *insert = get(database, INSERT_PAIRING);
    statement_bind_text(insert, FIELD_GROUPS, groups);
    statement_bind_hash(insert, FIELD_HASH, code_hash);
    statement_bind_text(insert, FIELD_DEVICE_ID, pairing->device_id);
    statement_bind_integer(insert, FIELD_EXPIRES_AT_MS, pairing->expires_at_ms);
    return run(database, insert);
}

static enum error take_pairing(struct store_database *database,
                               const unsigned char code_hash[SECRET_HASH_BYTES],
                               struct pairing_row *pairing, bool *found)
{
    char groups[DEVICE_GROUPS_TEXT_SIZE];
    struct statement *take = get(database, TAKE_PAIRING);
    statement_bind_hash(take, FIELD_HASH, code_hash);
    enum error error = statement_step(&database->handle, take, found);
    if (error != ERROR_NONE || !*found)
        return error;
    statement_text(take, FIELD_DEVICE_ID, pairing->device_id, sizeof(pairing->device_id));
    statement_text(take, FIELD_GROUPS, groups, sizeof(groups));
    device_groups_parse(groups, &pairing->groups);
    pairing->expires_at_ms = statement_integer(take, FIELD_EXPIRES_AT_MS);
    return run(database, take); /* until done: it deletes the row at the last step */
}

static enum error remove_expired_pairings(struct store_database *database, int64_t now_ms)
{
    struct statement *delete = get(database, DELETE_EXPIRED_PAIRINGS);
    statement_bind_integer(delete, FIELD_NOW_MS, now_ms);
    return run(database, delete);
}

static enum error remove_pairings_of(struct store_database *database, const char *device_id)
{
    return run_on_device(database, DELETE_PAIRINGS_OF, device_id);
}

/* ---- Tickets ---- */

static enum error insert_ticket(struct store_database *database,
                                const unsigned char hash[SECRET_HASH_BYTES],
                                const struct ticket_row *ticket)
{
    struct statement *insert = get(database, INSERT_TICKET);
    statement_bind_hash(insert, FIELD_HASH, hash);
    statement_bind_text(insert, FIELD_KEY_ID, ticket->key_id);
    statement_bind_integer(insert, FIELD_EXPIRES_AT_MS, ticket->expires_at_ms);
    return run(database, insert);
}

static enum error take_ticket(struct store_database *database,
                              const unsigned char hash[SECRET_HASH_BYTES],
                              struct ticket_row *ticket, bool *found)
{
    struct statement *take = get(database, TAKE_TICKET);
    statement_bind_hash(take, FIELD_HASH, hash);
    enum error error = statement_step(&database->handle, take, found);
    if (error != ERROR_NONE || !*found)
        return error;
    statement_text(take, FIELD_KEY_ID, ticket->key_id, sizeof(ticket->key_id));
    ticket->expires_at_ms = statement_integer(take, FIELD_EXPIRES_AT_MS);
    return run(database, take); /* until done: it deletes the row at the last step */
}

static enum error remove_expired_tickets(struct store_database *database, int64_t now_ms)
{
    struct statement *delete = get(database, DELETE_EXPIRED_TICKETS);
    statement_bind_integer(delete, FIELD_NOW_MS, now_ms);
    return run(database, delete);
}

/* ---- Tokens ---- */

static enum error insert_token(struct store_database *database, const struct device_token *token)
{
    struct statement *insert = get(database, INSERT_TOKEN);
    statement_bind_text(insert, FIELD_ID, token->id);
    statement_bind_hash(insert, FIELD_HASH, token->hash);
    statement_bind_text(insert, FIELD_DEVICE_ID, token->device_id);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, token->created_at_ms);
    return run(database, insert);
}

static enum error find_active_token(struct store_database *database, const char *device_id,
                                    char id[SECRET_ID_SIZE])
{
    bool found;
    struct statement *select = get(database, FIND_ACTIVE_TOKEN);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    id[0] = '\0';
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE && found)
        statement_text(select, FIELD_ID, id, SECRET_ID_SIZE);
    statement_reset(select);
    return error;
}

static enum error revoke_token(struct store_database *database, const char *id,
                               enum device_token_revocation reason, int64_t now_ms)
{
    struct statement *update = get(database, REVOKE_TOKEN);
    statement_bind_text(update, FIELD_ID, id);
    statement_bind_integer(update, FIELD_REVOCATION, reason);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

/* ---- The use of tokens ---- */

static enum error find_token_use(struct store_database *database, const char *token_id,
                                 struct token_use *use)
{
    bool found;
    struct statement *select = get(database, FIND_TOKEN_USE);
    statement_bind_text(select, FIELD_ID, token_id);
    *use = (struct token_use){0};
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE && found) {
        statement_text(select, FIELD_IDENTITY, use->identity, sizeof(use->identity));
        use->returns = statement_integer(select, FIELD_RETURNS);
        use->returned_at_ms = statement_integer(select, FIELD_RETURNED_AT_MS);
        use->takeovers = statement_integer(select, FIELD_TAKEOVERS);
        use->taken_over_at_ms = statement_integer(select, FIELD_TAKEN_OVER_AT_MS);
        use->forgiven_until_ms = statement_integer(select, FIELD_FORGIVEN_UNTIL_MS);
    }
    statement_reset(select);
    return error;
}

static enum error save_token_use(struct store_database *database, const char *token_id,
                                 const struct token_use *use)
{
    struct statement *upsert = get(database, SAVE_TOKEN_USE);
    statement_bind_text(upsert, FIELD_ID, token_id);
    statement_bind_text(upsert, FIELD_IDENTITY, use->identity);
    statement_bind_integer(upsert, FIELD_RETURNS, use->returns);
    statement_bind_integer(upsert, FIELD_RETURNED_AT_MS, use->returned_at_ms);
    statement_bind_integer(upsert, FIELD_TAKEOVERS, use->takeovers);
    statement_bind_integer(upsert, FIELD_TAKEN_OVER_AT_MS, use->taken_over_at_ms);
    statement_bind_integer(upsert, FIELD_FORGIVEN_UNTIL_MS, use->forgiven_until_ms);
    return run(database, upsert);
}

static enum error save_identity(struct store_database *database, const char *token_id,
                                const char *identity, int64_t now_ms)
{
    struct statement *upsert = get(database, SAVE_IDENTITY);
    statement_bind_text(upsert, FIELD_ID, token_id);
    statement_bind_text(upsert, FIELD_IDENTITY, identity);
    statement_bind_integer(upsert, FIELD_NOW_MS, now_ms);
    return run(database, upsert);
}

static enum error trim_identities(struct store_database *database, const char *token_id,
                                  int64_t before_ms, int64_t keep)
{
    struct statement *delete = get(database, TRIM_IDENTITIES);
    statement_bind_text(delete, FIELD_ID, token_id);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(delete, FIELD_LIMIT, keep);
    return run(database, delete);
}

static enum error count_identities(struct store_database *database, const char *token_id,
                                   const char *identity, int64_t *count, bool *known)
{
    bool row;
    struct statement *select = get(database, COUNT_IDENTITIES);
    statement_bind_text(select, FIELD_ID, token_id);
    statement_bind_text(select, FIELD_IDENTITY, identity);
    enum error error = statement_step(&database->handle, select, &row);
    *count = error == ERROR_NONE && row ? statement_integer(select, FIELD_COUNT) : 0;
    *known = error == ERROR_NONE && row && statement_integer(select, FIELD_KNOWN) > 0;
    statement_reset(select);
    return error;
}

static enum error remove_token_use_of(struct store_database *database, const char *device_id)
{
    enum error error = run_on_device(database, DELETE_TOKEN_USE_OF, device_id);
    return error == ERROR_NONE ? run_on_device(database, DELETE_IDENTITIES_OF, device_id) : error;
}

const struct access_rows sql_access_rows = {
    .insert_key = insert_key,
    .revoke_key = revoke_key,
    .find_key_by_hash = find_key_by_hash,
    .remove_key = remove_key,
    .remove_ended_sessions = remove_ended_sessions,
    .insert_pairing = insert_pairing,
    .take_pairing = take_pairing,
    .remove_expired_pairings = remove_expired_pairings,
    .remove_pairings_of = remove_pairings_of,
    .insert_token = insert_token,
    .find_active_token = find_active_token,
    .revoke_token = revoke_token,
    .find_token_use = find_token_use,
    .save_token_use = save_token_use,
    .save_identity = save_identity,
    .trim_identities = trim_identities,
    .count_identities = count_identities,
    .remove_token_use_of = remove_token_use_of,
    .insert_ticket = insert_ticket,
    .take_ticket = take_ticket,
    .remove_expired_tickets = remove_expired_tickets,
};
