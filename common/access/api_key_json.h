/* API keys, and sessions and links of the dashboard, as JSON. Any thread. */
#ifndef COMMON_ACCESS_API_KEY_JSON_H
#define COMMON_ACCESS_API_KEY_JSON_H

#include "common/access/api_key.h"
#include "common/base/json_write.h"

/* The member `scopes`, an array of their names. */
void scopes_json_put(struct json_writer *json, unsigned scopes);

/* The members that never change, of an object that the caller has begun. */
void api_key_json_put(struct json_writer *json, const struct api_key *key);

/* The others: `state` to `revoked_at`. */
void api_key_json_put_state(struct json_writer *json, const struct api_key *key, int64_t now_ms);

/* "active", "revoked", "expired". */
const char *api_key_state_name(const struct api_key *key, int64_t now_ms);

#endif
