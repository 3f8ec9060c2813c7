/* The only file that knows libcrypto. */
#include "api_key.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { ID_LENGTH = API_KEY_ID_SIZE - 1, SECRET_LENGTH = 43, CHECK_LENGTH = 6 };

static const char prefix[] = "sgw_";
enum {
    ID_AT = sizeof(prefix) - 1,
    SECRET_AT = ID_AT + ID_LENGTH + 1,
    CHECK_AT = SECRET_AT + SECRET_LENGTH,
    LENGTH = CHECK_AT + CHECK_LENGTH,
};
_Static_assert((int)LENGTH + 1 == (int)API_KEY_TEXT_SIZE, "the parts of a key are its whole");

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum { BASE = sizeof(digits) - 1, FAIR = 256 / BASE * BASE };

/* Each digit as likely as any other: a byte that would favour some is thrown away. */
static bool put_random(char *text, int length)
{
    while (length > 0) {
        unsigned char byte;
        if (getrandom(&byte, 1, 0) != 1)
            return false;
        if (byte < FAIR) {
            *text++ = digits[byte % BASE];
            length--;
        }
    }
    return true;
}

static void put_check(const char *text, char check[CHECK_LENGTH])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, CHECK_AT, hash);
    for (int i = 0; i < CHECK_LENGTH; i++)
        check[i] = digits[hash[i] % BASE];
}

bool api_key_make(struct api_key *key, char text[API_KEY_TEXT_SIZE])
{
    memcpy(text, prefix, ID_AT);
    text[SECRET_AT - 1] = '_';
    if (!put_random(text + ID_AT, ID_LENGTH) || !put_random(text + SECRET_AT, SECRET_LENGTH))
        return false;
    put_check(text, text + CHECK_AT);
    text[LENGTH] = '\0';
    memcpy(key->id, text + ID_AT, ID_LENGTH);
    key->id[ID_LENGTH] = '\0';
    SHA256((const unsigned char *)text, LENGTH, key->hash);
    return true;
}

bool api_key_parse(const char *text, char id[API_KEY_ID_SIZE])
{
    char check[CHECK_LENGTH];
    if (strlen(text) != LENGTH || strncmp(text, prefix, ID_AT) != 0 || text[SECRET_AT - 1] != '_' ||
        strspn(text + ID_AT, digits) != ID_LENGTH ||
        strspn(text + SECRET_AT, digits) != SECRET_LENGTH + CHECK_LENGTH)
        return false;
    put_check(text, check);
    if (memcmp(check, text + CHECK_AT, CHECK_LENGTH) != 0)
        return false;
    memcpy(id, text + ID_AT, ID_LENGTH);
    id[ID_LENGTH] = '\0';
    return true;
}

bool api_key_fits(const struct api_key *key, const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), hash);
    return CRYPTO_memcmp(hash, key->hash, sizeof(hash)) == 0;
}

bool api_key_expired(const struct api_key *key, int64_t now_ms)
{
    return key->expires_at_ms && key->expires_at_ms <= now_ms;
}

/* ---- Scopes ---- */

static const char *const scope_names[API_SCOPE_COUNT] = {"send", "read", "text", "devices",
                                                         "metrics"};

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
