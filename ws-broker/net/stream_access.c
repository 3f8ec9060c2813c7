#include "ws-broker/net/stream_access.h"

#include "common/base/clock.h"

static enum error refuse(const char **detail, const char *text, enum error error)
{
    *detail = text;
    return error;
}

static enum error check_state(const struct api_key *key, const char **detail)
{
    if (key->revoked_at_ms)
        return refuse(detail, "Use another key.", ERROR_API_KEY_REVOKED);
    if (api_key_expired(key, clock_wall_ms()))
        return refuse(detail, "Use another key.", ERROR_API_KEY_EXPIRED);
    return ERROR_NONE;
}

enum error stream_access_check_key(struct store_reader *reader, const char *id, struct api_key *key,
                                   const char **detail)
{
    bool found = false;
    enum error error = store_find_key(reader, id, key, &found);
    if (error != ERROR_NONE)
        return refuse(detail, "Try again in a few seconds.", error);
    if (!found)
        return refuse(detail, "The gateway has no such key; see `sms-gateway keys list`.",
                      ERROR_API_KEY_INVALID);
    return check_state(key, detail);
}

enum error stream_access_check_token(struct store_reader *reader, const char *token,
                                     struct api_key *key, const char **detail)
{
    char id[SECRET_ID_SIZE];
    bool found = false;
    if (!*token)
        return refuse(
            detail,
            "Send the header Authorization: Bearer followed by your key, or ?ticket= with a "
            "ticket from POST /api/events/ticket.",
            ERROR_API_KEY_REQUIRED);
    if (!secret_parse(SECRET_API_KEY, token, id))
        return refuse(
            detail,
            "An API key begins with sgw_ and has 66 characters; this is not one, or is cut off.",
            ERROR_API_KEY_INVALID);
    enum error error = store_find_key(reader, id, key, &found);
    if (error != ERROR_NONE)
        return refuse(detail, "Try again in a few seconds.", error);
    /* Also for an unknown id, so that both take the same time. */
    bool fits = secret_fits(key->hash, token);
    if (!found || !fits || key->kind != API_KEY_CLIENT)
        return refuse(detail, "The gateway has no such key; see `sms-gateway keys list`.",
                      ERROR_API_KEY_INVALID);
    return check_state(key, detail);
}

enum error stream_access_limit(struct stream_request *request, unsigned scopes,
                               char missing[API_SCOPES_TEXT_SIZE])
{
    uint32_t allowed = stream_types_of_scopes(scopes), *types = &request->filter.types;
    unsigned needed = (API_SCOPE_READ | stream_scopes_of_types(*types)) & ~scopes;
    api_scopes_format(needed & API_SCOPE_READ ? API_SCOPE_READ : needed, missing);
    if (!*types || request->all_types)
        *types |= allowed;
    return needed ? ERROR_SCOPE_MISSING : ERROR_NONE;
}
