/* Reading API keys and device tokens. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

enum error sql_read_key(const struct statement *row, void *item)
{
    struct api_key *key = item;
    *key = (struct api_key){
        .scopes = (unsigned)statement_integer(row, FIELD_SCOPES),
        .created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS),
        .expires_at_ms = statement_integer(row, FIELD_EXPIRES_AT_MS),
        .revoked_at_ms = statement_integer(row, FIELD_REVOKED_AT_MS),
        .requests_per_minute = statement_integer(row, FIELD_REQUESTS_PER_MINUTE),
        .daily_messages = statement_integer(row, FIELD_DAILY_MESSAGES),
        .ignores_opt_out = statement_integer(row, FIELD_IGNORES_OPT_OUT) != 0,
        .kind = (enum api_key_kind)statement_integer(row, FIELD_KIND),
        .session_ms = statement_integer(row, FIELD_SESSION_MS),
    };
    statement_text(row, FIELD_ID, key->id, sizeof(key->id));
    statement_text(row, FIELD_LABEL, key->label, sizeof(key->label));
    return statement_hash(row, FIELD_HASH, key->hash) ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error read_token(const struct statement *row, void *item)
{
    struct device_token *token = item;
    *token = (struct device_token){
        .created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS),
        .revoked_at_ms = statement_integer(row, FIELD_REVOKED_AT_MS),
        .revocation = (enum device_token_revocation)statement_integer(row, FIELD_REVOCATION),
    };
    statement_text(row, FIELD_ID, token->id, sizeof(token->id));
    statement_text(row, FIELD_DEVICE_ID, token->device_id, sizeof(token->device_id));
    return statement_hash(row, FIELD_HASH, token->hash) ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error find(struct store_database_reader *reader, enum statement_id statement,
                       const char *id, enum error (*read)(const struct statement *row, void *item),
                       void *item, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, statement);
    statement_bind_text(select, FIELD_ID, id);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = read(select, item);
    statement_reset(select);
    reader_end(reader);
    return error;
}

static enum error list(struct store_database_reader *reader, enum statement_id statement,
                       size_t size, enum error (*read)(const struct statement *row, void *item),
                       void **items, size_t *count)
{
    reader_begin(reader);
    enum error error = statement_read_list(
        &reader->handle, statement_get(&reader->handle, statement), size, read, items, count);
    reader_end(reader);
    return error;
}

enum error queries_find_key(struct store_database_reader *reader, const char *id,
                            struct api_key *key, bool *found)
{
    return find(reader, FIND_KEY, id, sql_read_key, key, found);
}

enum error queries_list_keys(struct store_database_reader *reader, struct api_key **keys,
                             size_t *count)
{
    void *items;
    enum error error = list(reader, LIST_KEYS, sizeof(**keys), sql_read_key, &items, count);
    *keys = items;
    return error;
}

enum error queries_find_token(struct store_database_reader *reader, const char *id,
                              struct device_token *token, bool *found)
{
    return find(reader, FIND_TOKEN, id, read_token, token, found);
}

enum error queries_find_hook(struct store_database_reader *reader,
                             const unsigned char hook_hash[SECRET_HASH_BYTES],
                             struct polled_device *device, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_HOOK);
    statement_bind_hash(select, FIELD_HASH, hook_hash);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = sql_read_polled(select, device);
    statement_reset(select);
    reader_end(reader);
    return error;
}

enum error queries_list_tokens(struct store_database_reader *reader, struct device_token **tokens,
                               size_t *count)
{
    void *items;
    enum error error = list(reader, LIST_TOKENS, sizeof(**tokens), read_token, &items, count);
    *tokens = items;
    return error;
}
