#include "api-fcgi/server/session_cookie.h"

#include "api-fcgi/server/api.h"
#include "common/base/clock.h"

#include <string.h>
#include <strings.h>

/* Browsers keep a cookie with the first name only from the host itself, by TLS, for all paths (RFC 6265bis, 4.1.3.2). */
static const char secure_name[] = "__Host-sms_gateway_session",
                  plain_name[] = "sms_gateway_session";

/* By TLS up to here, or up to a proxy that ends it. */
static bool is_secure(const struct http_exchange *exchange)
{
    return strcmp(exchange->request.https, "on") == 0 ||
           strncmp(exchange->api->settings->public_url, "https:", 6) == 0;
}

bool session_cookie_read(const struct http_exchange *exchange, char text[SECRET_TEXT_SIZE])
{
    const char *name = is_secure(exchange) ? secure_name : plain_name;
    size_t length = strlen(name);
    int found = 0;
    for (const char *pair = exchange->request.cookie; *pair;) {
        pair += strspn(pair, " ;");
        size_t size = strcspn(pair, ";");
        if (size > length && strncmp(pair, name, length) == 0 && pair[length] == '=') {
            size_t value = size - length - 1;
            found += value < SECRET_TEXT_SIZE ? 1 : 2;
            value = MIN(value, (size_t)SECRET_TEXT_SIZE - 1);
            memcpy(text, pair + length + 1, value);
            text[value] = '\0';
        }
        pair += size;
    }
    return found == 1;
}

/* ---- Where the request comes from ---- */

/* The host and port of an origin. */
static const char *authority_of(const char *origin)
{
    const char *start = strstr(origin, "://");
    return start ? start + 3 : "";
}

bool session_cookie_is_own_page(const struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    if (strcmp(request->from_dashboard, "dashboard") != 0)
        return false;
    if (*request->fetch_site) /* a browser says it, and no page can change it */
        return strcmp(request->fetch_site, "same-origin") == 0;
    return !*request->origin || strcasecmp(authority_of(request->origin), request->host) == 0 ||
           strcasecmp(request->origin, exchange->api->settings->public_url) == 0;
}

bool session_cookie_is_private(const struct http_exchange *exchange)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = exchange->request.host;
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++) {
        size_t length = strlen(own[i]);
        if (strncasecmp(host, own[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return is_secure(exchange);
}

/* ---- The cookie ---- */

static void put_cookie(struct http_exchange *exchange, const char *text, int64_t seconds)
{
    bool secure = is_secure(exchange);
    http_add_header(
        exchange, "Set-Cookie", "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
        secure ? secure_name : plain_name, text, (long long)seconds, secure ? "; Secure" : "");
}

void session_cookie_set(struct http_exchange *exchange, const char *text, int64_t for_ms)
{
    put_cookie(exchange, text, for_ms / 1000);
}

void session_cookie_clear(struct http_exchange *exchange)
{
    put_cookie(exchange, "", 0);
}

/* ---- The session ---- */

enum error session_find(const struct http_exchange *exchange, const char *text,
                        struct api_key *session, const char **detail)
{
    char id[SECRET_ID_SIZE];
    bool found = false;
    *detail = "Sign in again: `sms-gateway dashboard` on the gateway's machine prints a link.";
    if (!secret_parse(SECRET_SESSION, text, id))
        return ERROR_SESSION_INVALID;
    enum error error = store_find_key(exchange->reader, id, session, &found);
    if (error != ERROR_NONE)
        return error;
    /* Also for an unknown id, so that both take the same time. */
    bool fits = secret_fits(session->hash, text);
    if (!found || !fits || session->kind != API_KEY_SESSION || session->revoked_at_ms ||
        api_key_expired(session, clock_wall_ms()))
        return ERROR_SESSION_INVALID;
    return ERROR_NONE;
}
