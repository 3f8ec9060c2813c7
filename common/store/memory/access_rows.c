/* API keys, pairing codes, device tokens and tickets, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- API keys ---- */

static enum error insert_key(struct store_database *database, const struct api_key *key)
{
    struct table *keys = &database->tables->keys;
    if (table_find(keys, key->id))
        return ERROR_INTERNAL;
    return table_put(keys, &database->undo, table_copy_row(key, sizeof(*key)));
}

static enum error revoke_key(struct store_database *database, const char *id, int64_t now_ms,
                             bool *changed)
{
    struct table *keys = &database->tables->keys;
    const struct api_key *key = table_find(keys, id);
    *changed = key && key->revoked_at_ms == 0;
    if (!*changed)
        return ERROR_NONE;
    struct api_key *revoked = table_copy_row(key, sizeof(*key));
    if (revoked)
        revoked->revoked_at_ms = now_ms;
    return table_put(keys, &database->undo, revoked);
}

static enum error find_key_by_hash(struct store_database *database,
                                   const unsigned char hash[SECRET_HASH_BYTES], struct api_key *key,
                                   bool *found)
{
    const struct table *keys = &database->tables->keys;
    *found = false;
    for (size_t i = 0; i < keys->count && !*found; i++) {
        const struct api_key *row = keys->rows[i];
        *found = memcmp(row->hash, hash, SECRET_HASH_BYTES) == 0;
        if (*found)
            *key = *row;
    }
    return ERROR_NONE;
}

static enum error remove_key(struct store_database *database, const char *id)
{
    struct table *keys = &database->tables->keys;
    struct api_key *row = table_find(keys, id);
    return row && row->kind != API_KEY_CLIENT ? table_remove(keys, &database->undo, row)
                                              : ERROR_NONE;
}

static enum error remove_ended_sessions(struct store_database *database, int64_t before_ms,
                                        int64_t limit)
{
    struct table *keys = &database->tables->keys;
    enum error error = ERROR_NONE;
    for (size_t i = keys->count; i-- > 0 && limit > 0 && error == ERROR_NONE;) {
        struct api_key *row = keys->rows[i];
        if (row->kind == API_KEY_CLIENT || row->expires_at_ms >= before_ms)
            continue;
        error = table_remove(keys, &database->undo, row);
        limit--;
    }
    return error;
}

/* ---- Pairing codes ---- */

static enum error insert_pairing(struct store_database *database,
                                 const unsigned char code_hash[SECRET_HASH_BYTES],
                                 const struct pairing_row *pairing)
{
    struct table *pairings = &database->tables->pairings;
    if (table_find(pairings, code_hash))
        return ERROR_INTERNAL;
    struct memory_pairing *row = malloc(sizeof(*row));
    if (row) {
        memcpy(row->code_hash, code_hash, SECRET_HASH_BYTES);
        row->pairing = *pairing;
    }
    return table_put(pairings, &database->undo, row);
}

static enum error take_pairing(struct store_database *database,
                               const unsigned char code_hash[SECRET_HASH_BYTES],
                               struct pairing_row *pairing, bool *found)
{
    struct table *pairings = &database->tables->pairings;
    struct memory_pairing *row = table_find(pairings, code_hash);
    *found = row;
    if (!row)
        return ERROR_NONE;
    *pairing = row->pairing;
    return table_remove(pairings, &database->undo, row);
}

/* Removes the codes of a device; with `device_id` NULL, the codes that expire by then. */
static enum error remove_pairings(struct store_database *database, const char *device_id,
                                  int64_t now_ms)
{
    struct table *pairings = &database->tables->pairings;
    enum error error = ERROR_NONE;
    for (size_t i = pairings->count; i-- > 0 && error == ERROR_NONE;) {
        struct memory_pairing *row = pairings->rows[i];
        if (device_id ? strcmp(row->pairing.device_id, device_id) == 0
                      : row->pairing.expires_at_ms <= now_ms)
            error = table_remove(pairings, &database->undo, row);
    }
    return error;
}

static enum error remove_expired_pairings(struct store_database *database, int64_t now_ms)
{
    return remove_pairings(database, NULL, now_ms);
}

static enum error remove_pairings_of(struct store_database *database, const char *device_id)
{
    return remove_pairings(database, device_id, 0);
}

/* ---- Tickets ---- */

static enum error insert_ticket(struct store_database *database,
                                const unsigned char hash[SECRET_HASH_BYTES],
                                const struct ticket_row *ticket)
{
    struct table *tickets = &database->tables->tickets;
    if (table_find(tickets, hash))
        return ERROR_INTERNAL;
    struct memory_ticket *row = malloc(sizeof(*row));
    if (row) {
        memcpy(row->hash, hash, SECRET_HASH_BYTES);
        row->ticket = *ticket;
    }
    return table_put(tickets, &database->undo, row);
}

static enum error take_ticket(struct store_database *database,
                              const unsigned char hash[SECRET_HASH_BYTES],
                              struct ticket_row *ticket, bool *found)
{
    struct table *tickets = &database->tables->tickets;
    struct memory_ticket *row = table_find(tickets, hash);
    *found = row;
    if (!row)
        return ERROR_NONE;
    *ticket = row->ticket;
    return table_remove(tickets, &database->undo, row);
}

static enum error remove_expired_tickets(struct store_database *database, int64_t now_ms)
{
    struct table *tickets = &database->tables->tickets;
    enum error error = ERROR_NONE;
    for (size_t i = tickets->count; i-- > 0 && error == ERROR_NONE;) {
        struct memory_ticket *row = tickets->rows[i];
        if (row->ticket.expires_at_ms <= now_ms)
            error = table_remove(tickets, &database->undo, row);
    }
    return error;
}

/* ---- Tokens ---- */

static enum error insert_token(struct store_database *database, const struct device_token *token)
{
    struct table *tokens = &database->tables->tokens;
    if (table_find(tokens, token->id))
        return ERROR_INTERNAL;
    struct device_token *row = table_copy_row(token, sizeof(*token));
    if (row) {
        row->revoked_at_ms = 0;
        row->revocation = DEVICE_TOKEN_ACTIVE;
    }
    return table_put(tokens, &database->undo, row);
}

static enum error find_active_token(struct store_database *database, const char *device_id,
                                    char id[SECRET_ID_SIZE])
{
    const struct table *tokens = &database->tables->tokens;
    id[0] = '\0';
    for (size_t i = 0; i < tokens->count; i++) {
        const struct device_token *token = tokens->rows[i];
        if (token->revoked_at_ms == 0 && strcmp(token->device_id, device_id) == 0)
            strcpy(id, token->id);
    }
    return ERROR_NONE;
}

static enum error revoke_token(struct store_database *database, const char *id,
                               enum device_token_revocation reason, int64_t now_ms)
{
    struct table *tokens = &database->tables->tokens;
    const struct device_token *token = table_find(tokens, id);
    if (!token || token->revoked_at_ms != 0)
        return ERROR_NONE;
    struct device_token *revoked = table_copy_row(token, sizeof(*token));
    if (revoked) {
        revoked->revoked_at_ms = now_ms;
        revoked->revocation = reason;
    }
    return table_put(tokens, &database->undo, revoked);
}

/* ---- Token use ---- */

static enum error find_token_use(struct store_database *database, const char *token_id,
                                 struct token_use *use)
{
    const struct memory_token_use *row = table_find(&database->tables->token_uses, token_id);
    *use = row ? row->use : (struct token_use){0};
    return ERROR_NONE;
}

static enum error save_token_use(struct store_database *database, const char *token_id,
                                 const struct token_use *use)
{
    struct memory_token_use *row = calloc(1, sizeof(*row));
    if (row) {
        strcpy(row->token_id, token_id);
        row->use = *use;
    }
    return table_put(&database->tables->token_uses, &database->undo, row);
}

static void set_identity_key(struct memory_identity *key, const char *token_id,
                             const char *identity)
{
    strcpy(key->token_id, token_id);
    strcpy(key->identity, identity);
}

static enum error save_identity(struct store_database *database, const char *token_id,
                                const char *identity, int64_t now_ms)
{
    struct memory_identity *row = calloc(1, sizeof(*row));
    if (row) {
        set_identity_key(row, token_id, identity);
        row->seen_at_ms = now_ms;
    }
    return table_put(&database->tables->identities, &database->undo, row);
}

/* The index of the token's first identity. */
static size_t first_identity(const struct table *identities, const char *token_id)
{
    struct memory_identity key;
    set_identity_key(&key, token_id, "");
    return table_lower_bound(identities, &key);
}

static struct memory_identity *identity_of(const struct table *identities, size_t index,
                                           const char *token_id)
{
    struct memory_identity *row = index < identities->count ? identities->rows[index] : NULL;
    return row && strcmp(row->token_id, token_id) == 0 ? row : NULL;
}

/* The number of the token's identities that were seen after that one. */
static int64_t count_later(const struct table *identities, const struct memory_identity *than)
{
    int64_t count = 0;
    struct memory_identity *row;
    for (size_t i = first_identity(identities, than->token_id);
         (row = identity_of(identities, i, than->token_id)); i++)
        count += row->seen_at_ms > than->seen_at_ms ||
                 (row->seen_at_ms == than->seen_at_ms && strcmp(row->identity, than->identity) > 0);
    return count;
}

/* An identity of the token that is too old, or one too many; NULL without one. */
static struct memory_identity *find_superfluous(const struct table *identities,
                                                const char *token_id, int64_t before_ms,
                                                int64_t keep)
{
    struct memory_identity *row;
    for (size_t i = first_identity(identities, token_id);
         (row = identity_of(identities, i, token_id)); i++) {
        if (row->seen_at_ms < before_ms || count_later(identities, row) >= keep)
            return row;
    }
    return NULL;
}

static enum error trim_identities(struct store_database *database, const char *token_id,
                                  int64_t before_ms, int64_t keep)
{
    struct table *identities = &database->tables->identities;
    struct memory_identity *row;
    enum error error = ERROR_NONE;
    while (error == ERROR_NONE && (row = find_superfluous(identities, token_id, before_ms, keep)))
        error = table_remove(identities, &database->undo, row);
    return error;
}

static enum error count_identities(struct store_database *database, const char *token_id,
                                   const char *identity, int64_t *count, bool *known)
{
    const struct table *identities = &database->tables->identities;
    const struct memory_identity *row;
    *count = 0;
    *known = false;
    for (size_t i = first_identity(identities, token_id);
         (row = identity_of(identities, i, token_id)); i++) {
        ++*count;
        *known |= strcmp(row->identity, identity) == 0;
    }
    return ERROR_NONE;
}

static enum error remove_use(struct store_database *database, const char *token_id)
{
    struct memory_tables *tables = database->tables;
    struct memory_token_use *use = table_find(&tables->token_uses, token_id);
    enum error error = use ? table_remove(&tables->token_uses, &database->undo, use) : ERROR_NONE;
    return error == ERROR_NONE ? trim_identities(database, token_id, INT64_MIN, 0) : error;
}

static enum error remove_token_use_of(struct store_database *database, const char *device_id)
{
    const struct table *tokens = &database->tables->tokens;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < tokens->count && error == ERROR_NONE; i++) {
        const struct device_token *token = tokens->rows[i];
        if (strcmp(token->device_id, device_id) == 0)
            error = remove_use(database, token->id);
    }
    return error;
}

const struct access_rows memory_access_rows = {
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
