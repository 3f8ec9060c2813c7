/* GET, POST and DELETE /api/session: the dashboard signs in by a link, and out. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/server/session_cookie.h"
#include "common/access/api_key_json.h"

#include <string.h>

/* `session` NULL: there is none. */
static void answer_session(struct http_exchange *exchange, int status,
                           const struct api_key *session)
{
    struct json_writer json = {.out = &exchange->response.body};
    bool required = exchange->api->keys_required;
    http_begin_json(exchange, status);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "required", required);
    json_put_bool(&json, "signed_in", session);
    json_put_text(&json, "session_id", session ? session->id : NULL);
    json_put_text(&json, "label", session ? session->label : NULL);
    scopes_json_put(&json, !required ? ~0u : session ? session->scopes : 0);
    json_put_time(&json, "created_at", session ? session->created_at_ms : 0);
    json_put_time(&json, "expires_at", session ? session->expires_at_ms : 0);
    json_put_text(&json, "version", GATEWAY_VERSION);
    json_end_object(&json);
}

/* ---- GET ---- */

enum http_outcome session_handle_get(struct http_exchange *exchange)
{
    char text[SECRET_TEXT_SIZE];
    struct api_key session = {0};
    const char *detail;
    if (!session_cookie_read(exchange, text) || !session_cookie_is_own_page(exchange)) {
        answer_session(exchange, 200, NULL);
        return HTTP_ANSWERED;
    }
    enum error error = session_find(exchange, text, &session, &detail);
    explicit_bzero(text, sizeof(text));
    if (error != ERROR_NONE && error != ERROR_SESSION_INVALID)
        return http_store_problem(exchange, error);
    if (error != ERROR_NONE)
        session_cookie_clear(exchange);
    answer_session(exchange, 200, error == ERROR_NONE ? &session : NULL);
    return HTTP_ANSWERED;
}

/* ---- POST ---- */

static enum http_outcome refuse_page(struct http_exchange *exchange)
{
    return http_problem(exchange, ERROR_CSRF_REFUSED,
                        "Only the gateway's own pages may do that, with the header X-Sms-Gateway:"
                        " dashboard.");
}

static enum http_outcome refuse_link(struct http_exchange *exchange)
{
    http_add_header(exchange, "WWW-Authenticate", "Bearer realm=\"sms-gateway\"");
    return http_problem(exchange, ERROR_SIGN_IN_LINK_INVALID,
                        "A link works once, for some minutes: it was used, has expired, was"
                        " revoked, or does not exist. `sms-gateway dashboard` prints a new one.");
}

static void answer_signed_in(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const struct store_open_session *opened = &write->open_session;
    const struct api_key *session = &opened->session;
    char *text = exchange->state->session;
    if (write->result == ERROR_NONE) {
        log_info("dashboard signed in", LOG_TEXT("key", session->id));
        session_cookie_set(exchange, text, session->expires_at_ms - session->created_at_ms);
        answer_session(exchange, 201, session);
    } else if (write->result == ERROR_SIGN_IN_LINK_INVALID) {
        log_warning("sign-in link refused");
        refuse_link(exchange);
    } else {
        http_store_problem(exchange, write->result);
    }
    explicit_bzero(text, SECRET_TEXT_SIZE);
}

static void take_token(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, void *target)
{
    const char *text = json_body_text(exchange, pointer, value);
    char *token = target;
    if (text && strlen(text) < SECRET_TEXT_SIZE)
        strcpy(token, text);
}

enum http_outcome session_handle_create(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/token", true, take_token, " link signin code "},
    };
    char token[SECRET_TEXT_SIZE] = "", id[SECRET_ID_SIZE];
    if (!session_cookie_is_own_page(exchange))
        return refuse_page(exchange);
    if (!session_cookie_is_private(exchange))
        return http_problem(
            exchange, ERROR_SIGN_IN_NEEDS_TLS,
            "By plain HTTP everyone on the network could read the session. Use https,"
            " or open the link on the gateway's machine, by localhost.");
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), token))
        return HTTP_ANSWERED;
    if (!secret_parse(SECRET_SIGN_IN_LINK, token, id))
        return refuse_link(exchange);
    exchange->write = (struct store_write){.verb = STORE_OPEN_SESSION};
    struct store_open_session *open = &exchange->write.open_session;
    secret_hash(token, open->link_hash);
    explicit_bzero(token, sizeof(token));
    if (!secret_make(SECRET_SESSION, exchange->state->session, open->session.id,
                     open->session.hash))
        return http_problem(exchange, ERROR_INTERNAL, "No random bytes for a session.");
    return http_park(exchange, answer_signed_in);
}

/* ---- DELETE ---- */

static void answer_signed_out(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    log_info("dashboard signed out", LOG_TEXT("key", write->revoke_key.id));
    session_cookie_clear(exchange);
    answer_session(exchange, 200, NULL);
}

enum http_outcome session_handle_end(struct http_exchange *exchange)
{
    char text[SECRET_TEXT_SIZE];
    struct api_key session = {0};
    const char *detail;
    bool any = session_cookie_read(exchange, text);
    if (any && !session_cookie_is_own_page(exchange))
        return refuse_page(exchange);
    enum error error = any ? session_find(exchange, text, &session, &detail)
                           : ERROR_SESSION_INVALID;
    explicit_bzero(text, sizeof(text));
    if (error == ERROR_SESSION_INVALID) { /* it has ended */
        session_cookie_clear(exchange);
        answer_session(exchange, 200, NULL);
        return HTTP_ANSWERED;
    }
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);
    exchange->write = (struct store_write){.verb = STORE_REVOKE_KEY};
    strcpy(exchange->write.revoke_key.id, session.id);
    return http_park(exchange, answer_signed_out);
}
