/* GET /api/session */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "common/access/scopes_json.h"

static void answer_session(struct http_exchange *exchange, int status)
{
    struct json_writer json = {.out = &exchange->response.body};
    bool required = exchange->api->keys_required;
    http_begin_json(exchange, status);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "required", required);
    json_put_bool(&json, "signed_in", false);
    json_put_null(&json, "session_id");
    json_put_null(&json, "label");
    scopes_json_put(&json, required ? 0 : ~0u);
    json_put_null(&json, "created_at");
    json_put_null(&json, "expires_at");
    json_put_text(&json, "version", GATEWAY_VERSION);
    json_end_object(&json);
}

enum http_outcome session_handle_get(struct http_exchange *exchange)
{
    answer_session(exchange, 200);
    return HTTP_ANSWERED;
}
