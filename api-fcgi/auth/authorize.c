#include "api-fcgi/auth/authorize.h"

#include "api-fcgi/auth/key_cache.h"
#include "api-fcgi/auth/key_rates.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/session_cookie.h"
#include "api-fcgi/server/worker.h"
#include "common/base/clock.h"

#include <string.h>

/* `error` is a code of RFC 6750, 3.1, or "". */
static void challenge(struct http_exchange *exchange, const char *error, const char *scope)
{
    http_add_header(exchange, "WWW-Authenticate", "Bearer realm=\"sms-gateway\"%s%s%s%s%s%s",
                    *error ? ", error=\"" : "", error, *error ? "\"" : "",
                    *scope ? ", scope=\"" : "", scope, *scope ? "\"" : "");
}

/* Finds the key that `token` is the text of. A wrong secret costs as many look-ups and hashes whether its
   id is cached, only stored, or unknown, so that the time does not tell which. */
static enum error find_key(const struct http_exchange *exchange, const char *token,
                           struct api_key *key, bool *found)
{
    struct key_cache *caches = exchange->api->key_caches;
    size_t index = exchange->worker->index;
    char id[SECRET_ID_SIZE];
    int64_t now_ms = clock_monotonic_ms();
    unsigned revocations = atomic_load(&exchange->api->key_revocations);
    *found = key_cache_find(caches, index, token, now_ms, revocations, key);
    if (*found)
        return ERROR_NONE;
    if (!secret_parse(SECRET_API_KEY, token, id))
        return ERROR_API_KEY_INVALID;
    enum error error = store_find_key(exchange->reader, id, key, found);
    if (error != ERROR_NONE)
        return error;
    bool fits = secret_fits(key->hash, token);
    *found = *found && fits && key->kind == API_KEY_CLIENT;
    if (*found)
        key_cache_add(caches, index, token, now_ms, revocations, key);
    return ERROR_NONE;
}

static enum error check_key(const struct http_exchange *exchange, const char *token,
                            struct api_key *key, const char **detail)
{
    bool found = false;
    *detail = "An API key begins with sgw_ and has 66 characters; this is not one, or is cut off.";
    enum error error = find_key(exchange, token, key, &found);
    if (error != ERROR_NONE)
        return error;
    *detail = "The gateway has no such key; see `sms-gateway keys list`.";
    if (!found)
        return ERROR_API_KEY_INVALID;
    *detail = "Use another key.";
    if (key->revoked_at_ms)
        return ERROR_API_KEY_REVOKED;
    *detail = "Use another key.";
    if (api_key_expired(key, clock_wall_ms()))
        return ERROR_API_KEY_EXPIRED;
    return ERROR_NONE;
}

static int64_t limit_of_key(int64_t own, int64_t setting)
{
    return own == API_KEY_LIMIT_FROM_SETTING ? setting : own;
}

/* Counts the request, and adds the headers with what is left
   (draft-ietf-httpapi-ratelimit-headers, 3 and 4). False after answering 429. */
static bool count_request(struct http_exchange *exchange, const struct api_key *key)
{
    int64_t per_minute = limit_of_key(key->requests_per_minute,
                                      exchange->api->settings->key_requests_per_minute);
    struct key_rate rate;
    if (per_minute == 0)
        return true;
    bool good = key_rates_take(exchange->api->key_rates, key->id, per_minute, clock_monotonic_ms(),
                               &rate);
    http_add_header(exchange, "RateLimit-Policy", "\"key\";q=%lld;w=60", (long long)per_minute);
    http_add_header(exchange, "RateLimit", "\"key\";r=%lld;t=%lld", (long long)rate.remaining,
                    (long long)rate.reset_s);
    if (good)
        return true;
    exchange->problem.retry_after_s = rate.reset_s;
    http_problem(exchange, ERROR_RATE_LIMITED,
                 "The limit is %lld requests per minute (KEY_REQUESTS_PER_MINUTE, or of the key).",
                 (long long)per_minute);
    return false;
}

/* Answers why the key or session opens nothing. */
static void refuse(struct http_exchange *exchange, enum error error, const char *detail)
{
    if (error_http_status(error) != 401) {
        http_store_problem(exchange, error);
        return;
    }
    challenge(exchange, "invalid_token", "");
    http_problem(exchange, error, "%s", detail);
}

/* The key of the header Authorization. False after answering. */
static bool take_header(struct http_exchange *exchange, struct api_key *key)
{
    char password[SECRET_PASSWORD_SIZE];
    const char *detail, *token = secret_bearer_token(exchange->request.authorization);
    if (!token && exchange->is_smsgate &&
        secret_basic_password(exchange->request.authorization, password))
        token = password;
    if (!token) {
        challenge(exchange, "", "");
        http_problem(exchange, ERROR_API_KEY_REQUIRED,
                     exchange->is_smsgate
                         ? "Send your key as the password of Basic, or after Bearer."
                         : "Send the header Authorization: Bearer followed by your key.");
        return false;
    }
    enum error error = check_key(exchange, token, key, &detail);
    if (error != ERROR_NONE)
        refuse(exchange, error, detail);
    return error == ERROR_NONE;
}

/* The session of the cookie. False after answering. It is looked up each time, so that its end counts at once. */
static bool take_session(struct http_exchange *exchange, const char *text, struct api_key *session)
{
    const char *detail;
    if (!session_cookie_is_own_page(exchange)) {
        http_problem(exchange, ERROR_CSRF_REFUSED,
                     "The cookie of a session counts only for the gateway's own pages, with the"
                     " header X-Sms-Gateway: dashboard. Programs send an API key.");
        return false;
    }
    enum error error = session_find(exchange, text, session, &detail);
    if (error != ERROR_NONE)
        refuse(exchange, error, detail);
    return error == ERROR_NONE;
}

/* A header wins over a cookie: a client that sends one means it. The routes of SMSGate are for programs alone. False after
   answering. */
static bool take_key(struct http_exchange *exchange, struct api_key *key)
{
    char text[SECRET_TEXT_SIZE];
    if (*exchange->request.authorization || exchange->is_smsgate ||
        !session_cookie_read(exchange, text))
        return take_header(exchange, key);
    bool good = take_session(exchange, text, key);
    explicit_bzero(text, sizeof(text));
    return good;
}

bool authorize_request(struct http_exchange *exchange, unsigned scope)
{
    struct api_key key = {0};
    char scopes[API_SCOPES_TEXT_SIZE];

    exchange->scopes = ~0u;
    exchange->key_id[0] = '\0';
    exchange->key_daily_messages = 0;
    exchange->key_ignores_opt_out = false;
    if (!exchange->api->keys_required)
        return true;
    if (!take_key(exchange, &key))
        return false;
    exchange->scopes = key.scopes;
    strcpy(exchange->key_id, key.id);
    exchange->key_daily_messages = limit_of_key(key.daily_messages,
                                                exchange->api->settings->key_daily_messages);
    exchange->key_ignores_opt_out = key.ignores_opt_out;
    if (!count_request(exchange, &key))
        return false;
    if (key.scopes & scope)
        return true;
    api_scopes_format(scope, scopes);
    challenge(exchange, "insufficient_scope", scopes);
    http_problem(exchange, ERROR_SCOPE_MISSING, "This needs a key with the scope %s.", scopes);
    return false;
}
