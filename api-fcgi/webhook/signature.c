#include "api-fcgi/webhook/signature.h"

#include "common/access/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool sign(const char *secret, const struct secret_part parts[2], char mac[SECRET_MAC_SIZE])
{
    static const char prefix[] = "whsec_";
    size_t length = sizeof(prefix) - 1;
    return strncmp(secret, prefix, length) == 0 && secret_sign(secret + length, parts, 2, mac);
}

bool signature_make(const char *secret, const char *old_secret, const char *id, int64_t timestamp_s,
                    const void *body, size_t length, char signature[SIGNATURE_SIZE])
{
    char head[128], mac[SECRET_MAC_SIZE], old_mac[SECRET_MAC_SIZE] = "";
    int head_length = snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, timestamp_s);
    if (head_length < 0 || (size_t)head_length >= sizeof(head))
        return false;
    const struct secret_part parts[2] = {{head, (size_t)head_length}, {body, length}};
    if (!sign(secret, parts, mac) || (*old_secret && !sign(old_secret, parts, old_mac)))
        return false;
    snprintf(signature, SIGNATURE_SIZE, "v1,%s%s%s", mac, *old_mac ? " v1," : "", old_mac);
    return true;
}
