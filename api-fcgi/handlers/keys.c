/* GET /api/keys, DELETE /api/keys/{key_id}: keys are made on the gateway's machine alone. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "common/access/api_key_json.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A key is less than 2 KiB of JSON; there are as many as people have made. */
enum { MOST_KEYS = 10000 };
_Static_assert((int64_t)MOST_KEYS * 2048 <= (int64_t)HTTP_MAX_RESPONSE_BYTES, "a list fits");

/* ---- GET ---- */

static enum error put_key(struct http_exchange *exchange, struct json_writer *json,
                          const struct api_key *key, int64_t now_ms)
{
    struct store_accepted accepted = {0};
    bool counts = key->daily_messages != 0 && key->kind != API_KEY_LINK;
    enum error error = counts ? store_read_accepted(exchange->reader, now_ms, key->id, &accepted)
                              : ERROR_NONE;
    json_begin_object(json, NULL);
    api_key_json_put(json, key);
    api_key_json_put_state(json, key, now_ms);
    if (counts)
        json_put_integer(json, "accepted_today", accepted.by_key_today);
    else
        json_put_null(json, "accepted_today");
    json_put_bool(json, "current", strcmp(key->id, exchange->key_id) == 0);
    json_end_object(json);
    return error;
}

enum http_outcome keys_handle_list(struct http_exchange *exchange)
{
    struct json_writer json = {.out = &exchange->response.body};
    int64_t now_ms = clock_wall_ms();
    struct api_key *keys = NULL;
    size_t count = 0;
    enum error error = store_list_keys(exchange->reader, &keys, &count);
    size_t first = count > MOST_KEYS ? count - MOST_KEYS : 0; /* the newest */
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "keys");
    for (size_t i = first; i < count && error == ERROR_NONE; i++)
        error = put_key(exchange, &json, &keys[i], now_ms);
    json_end_array(&json);
    json_put_integer(&json, "count", (int64_t)(count - first));
    json_end_object(&json);
    free(keys);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* ---- DELETE ---- */

static enum http_outcome refuse_id(struct http_exchange *exchange)
{
    return http_problem(exchange, ERROR_KEY_NOT_FOUND,
                        "No active key, session or link has that id; GET /api/keys lists them.");
}

static void answer_revoked(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    struct json_writer json = {.out = &exchange->response.body};
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    if (!write->revoke_key.changed) {
        refuse_id(exchange);
        return;
    }
    atomic_fetch_add(&exchange->api->key_revocations, 1); /* no worker has it in its cache now */
    log_info("API key revoked", LOG_TEXT("revoked_key", write->revoke_key.id),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "key_id", write->revoke_key.id);
    json_put_time(&json, "revoked_at", write->revoke_key.revoked_at_ms);
    json_end_object(&json);
}

enum http_outcome keys_handle_revoke(struct http_exchange *exchange)
{
    const char *id = exchange->request.path_argument;
    if (strlen(id) >= SECRET_ID_SIZE)
        return refuse_id(exchange);
    exchange->write = (struct store_write){.verb = STORE_REVOKE_KEY};
    strcpy(exchange->write.revoke_key.id, id);
    return http_park(exchange, answer_revoked);
}
