#include "common/access/api_key.h"

#include <stdio.h>
#include <string.h>

bool api_key_expired(const struct api_key *key, int64_t now_ms)
{
    return key->expires_at_ms && key->expires_at_ms <= now_ms;
}

/* ---- Scopes ---- */

static const char *const scope_names[API_SCOPE_COUNT] = {
    "send",   "read",  "text",     "devices",  "metrics", "pair",
    "resend", "inbox", "webhooks", "opt_outs", "keys",    "sending"};

const char *api_key_kind_name(enum api_key_kind kind)
{
    static const char *const names[] = {
        [API_KEY_CLIENT] = "key", [API_KEY_SESSION] = "session", [API_KEY_LINK] = "link"};
    return names[kind];
}

bool api_scopes_parse(const char *text, unsigned *scopes, char unknown[32])
{
    *scopes = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        int found = -1;
        for (int i = 0; i < API_SCOPE_COUNT; i++) {
            if (strlen(scope_names[i]) == length && strncmp(scope_names[i], text, length) == 0)
                found = i;
        }
        if (found < 0) {
            snprintf(unknown, 32, "%.*s", (int)MIN(length, (size_t)31), text);
            return false;
        }
        *scopes |= 1u << found;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

void api_scopes_format(unsigned scopes, char text[API_SCOPES_TEXT_SIZE])
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < API_SCOPE_COUNT; i++) {
        if (scopes & 1u << i)
            length += (size_t)snprintf(text + length, API_SCOPES_TEXT_SIZE - length, "%s%s",
                                       length > 0 ? "," : "", scope_names[i]);
    }
}
