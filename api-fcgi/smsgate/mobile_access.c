#include "api-fcgi/smsgate/mobile_access.h"

#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/access/secret.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

bool mobile_access_take(struct http_exchange *exchange, struct device_token *token)
{
    const char *text = secret_bearer_token(exchange->request.authorization);
    char id[SECRET_ID_SIZE];
    bool found = false;
    enum error error = ERROR_NONE;
    if (text && secret_parse(SECRET_MOBILE_TOKEN, text, id))
        error = store_find_token(exchange->reader, id, token, &found);
    if (error != ERROR_NONE) {
        http_store_problem(exchange, error);
        return false;
    }
    if (found && secret_fits(token->hash, text) && token->revoked_at_ms == 0)
        return true;
    /* The app registers once more after a 401 to its first request, and after no other answer. */
    smsgate_error(exchange, 401, "The token is not one of a paired phone, or was revoked.");
    return false;
}

void mobile_access_quarantined(struct http_exchange *exchange, const char *device_id,
                               const char *token_id, const char *evidence)
{
    log_error("two phones use one device token: token quarantined",
              LOG_TEXT("device_id", device_id), LOG_TEXT("token", token_id),
              LOG_TEXT("evidence", evidence));
    smsgate_error(exchange, 401, "Two phones use this token, which is revoked. Pair one again.");
}

void mobile_access_digest(const char *text, char digest[MOBILE_SECRET_SIZE])
{
    unsigned char hash[SECRET_HASH_BYTES];
    secret_hash(text, hash);
    for (size_t i = 0; i < (MOBILE_SECRET_SIZE - 1) / 2; i++)
        snprintf(digest + 2 * i, 3, "%02x", hash[i]);
}

static void derive(const char *purpose, const char *text, char secret[MOBILE_SECRET_SIZE])
{
    char whole[SECRET_TEXT_SIZE + 32];
    snprintf(whole, sizeof(whole), "%s %s", purpose, text);
    mobile_access_digest(whole, secret);
    explicit_bzero(whole, sizeof(whole));
}

void mobile_access_hook(const char *token, char hook[MOBILE_SECRET_SIZE])
{
    derive("hook", token, hook);
}

void mobile_access_signing_key(const char *hook, char key[MOBILE_SECRET_SIZE])
{
    derive("signing key", hook, key);
}
