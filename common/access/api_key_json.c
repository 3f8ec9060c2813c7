#include "common/access/api_key_json.h"

void scopes_json_put(struct json_writer *json, unsigned scopes)
{
    json_begin_array(json, "scopes");
    for (unsigned i = 0; i < API_SCOPE_COUNT; i++) {
        char scope[API_SCOPES_TEXT_SIZE];
        api_scopes_format(scopes & 1u << i, scope);
        if (*scope)
            json_put_text(json, NULL, scope);
    }
    json_end_array(json);
}

static void put_limit(struct json_writer *json, const char *name, int64_t limit)
{
    if (limit == API_KEY_LIMIT_FROM_SETTING)
        json_put_null(json, name);
    else
        json_put_integer(json, name, limit);
}

void api_key_json_put(struct json_writer *json, const struct api_key *key)
{
    json_put_text(json, "key_id", key->id);
    json_put_text(json, "kind", api_key_kind_name(key->kind));
    json_put_text(json, "label", key->label);
    scopes_json_put(json, key->scopes);
    json_put_time(json, "expires_at", key->expires_at_ms);
    put_limit(json, "requests_per_minute", key->requests_per_minute);
    put_limit(json, "daily_messages", key->daily_messages);
    json_put_bool(json, "ignores_opt_out", key->ignores_opt_out);
}

const char *api_key_state_name(const struct api_key *key, int64_t now_ms)
{
    return key->revoked_at_ms ? "revoked" : api_key_expired(key, now_ms) ? "expired" : "active";
}

void api_key_json_put_state(struct json_writer *json, const struct api_key *key, int64_t now_ms)
{
    json_put_text(json, "state", api_key_state_name(key, now_ms));
    json_put_time(json, "created_at", key->created_at_ms);
    json_put_time(json, "revoked_at", key->revoked_at_ms);
}
