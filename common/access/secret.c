/* The only file that uses libcrypto for hashes; certificate.c uses it for certificates. */
/* The older functions allocate no memory, so they cannot fail; SHA256() can. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/access/secret.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

enum { ID_LENGTH = SECRET_ID_SIZE - 1, SECRET_LENGTH = 43, CHECK_LENGTH = 6, PREFIX_LENGTH = 4 };
enum {
    ID_AT = PREFIX_LENGTH,
    SECRET_AT = ID_AT + ID_LENGTH + 1,
    CHECK_AT = SECRET_AT + SECRET_LENGTH,
    LENGTH = CHECK_AT + CHECK_LENGTH,
};
_Static_assert((int)LENGTH + 1 == (int)SECRET_TEXT_SIZE, "the parts of a secret are its whole");
_Static_assert((int)SECRET_HASH_BYTES == SHA256_DIGEST_LENGTH, "the hash is SHA-256");

static const char prefixes[][PREFIX_LENGTH + 1] = {
    [SECRET_API_KEY] = "sgw_",      [SECRET_DEVICE_TOKEN] = "sgd_", [SECRET_TICKET] = "sgt_",
    [SECRET_MOBILE_TOKEN] = "sgm_", [SECRET_SIGN_IN_LINK] = "sgl_", [SECRET_SESSION] = "sgs_",
};

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char code_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
enum { BASE = sizeof(digits) - 1, CODE_BASE = sizeof(code_digits) - 1 };

/* Uniform digits: bytes that would favour some digits are discarded. */
static bool put_random(char *text, int length, const char *alphabet, unsigned base)
{
    unsigned fair = 256 / base * base;
    while (length > 0) {
        unsigned char byte;
        if (getrandom(&byte, 1, 0) != 1)
            return false;
        if (byte < fair) {
            *text++ = alphabet[byte % base];
            length--;
        }
    }
    return true;
}

static void hash_text(const char *text, size_t length, unsigned char hash[SECRET_HASH_BYTES])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, text, length);
    SHA256_Final(hash, &context);
}

static void put_check(const char *text, char check[CHECK_LENGTH])
{
    unsigned char hash[SECRET_HASH_BYTES];
    hash_text(text, CHECK_AT, hash);
    for (int i = 0; i < CHECK_LENGTH; i++)
        check[i] = digits[hash[i] % BASE];
}

static void copy_id(const char *text, char id[SECRET_ID_SIZE])
{
    memcpy(id, text + ID_AT, ID_LENGTH);
    id[ID_LENGTH] = '\0';
}

bool secret_make(enum secret_kind kind, char text[SECRET_TEXT_SIZE], char id[SECRET_ID_SIZE],
                 unsigned char hash[SECRET_HASH_BYTES])
{
    memcpy(text, prefixes[kind], PREFIX_LENGTH);
    text[SECRET_AT - 1] = '_';
    if (!put_random(text + ID_AT, ID_LENGTH, digits, BASE) ||
        !put_random(text + SECRET_AT, SECRET_LENGTH, digits, BASE))
        return false;
    put_check(text, text + CHECK_AT);
    text[LENGTH] = '\0';
    copy_id(text, id);
    hash_text(text, LENGTH, hash);
    return true;
}

bool secret_parse(enum secret_kind kind, const char *text, char id[SECRET_ID_SIZE])
{
    char check[CHECK_LENGTH];
    if (strlen(text) != LENGTH || strncmp(text, prefixes[kind], PREFIX_LENGTH) != 0 ||
        text[SECRET_AT - 1] != '_' || strspn(text + ID_AT, digits) != ID_LENGTH ||
        strspn(text + SECRET_AT, digits) != SECRET_LENGTH + CHECK_LENGTH)
        return false;
    put_check(text, check);
    if (memcmp(check, text + CHECK_AT, CHECK_LENGTH) != 0)
        return false;
    copy_id(text, id);
    return true;
}

bool secret_fits(const unsigned char hash[SECRET_HASH_BYTES], const char *text)
{
    unsigned char other[SECRET_HASH_BYTES];
    hash_text(text, strlen(text), other);
    return CRYPTO_memcmp(hash, other, sizeof(other)) == 0;
}

void secret_hash(const char *text, unsigned char hash[SECRET_HASH_BYTES])
{
    hash_text(text, strlen(text), hash);
}

const char *secret_bearer_token(const char *authorization)
{
    static const char scheme[] = "Bearer";
    size_t length = sizeof(scheme) - 1;
    if (strncasecmp(authorization, scheme, length) != 0 || authorization[length] != ' ')
        return NULL;
    authorization += length;
    return authorization + strspn(authorization, " ");
}

bool secret_basic_password(const char *authorization, char password[SECRET_PASSWORD_SIZE])
{
    static const char scheme[] = "Basic ";
    enum { MOST_BYTES = 512 };
    unsigned char decoded[MOST_BYTES / 4 * 3 + 1];
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return false;
    authorization += sizeof(scheme) - 1;
    authorization += strspn(authorization, " ");
    size_t length = strlen(authorization);
    if (length == 0 || length % 4 != 0 || length > MOST_BYTES)
        return false;
    int bytes = EVP_DecodeBlock(decoded, (const unsigned char *)authorization, (int)length);
    if (bytes < 0)
        return false;
    bytes -= (authorization[length - 1] == '=') + (authorization[length - 2] == '=');
    decoded[bytes] = '\0';
    const char *colon = memchr(decoded, ':', (size_t)bytes);
    bool good = colon && strlen((const char *)decoded) == (size_t)bytes &&
                strlen(colon + 1) < SECRET_PASSWORD_SIZE;
    if (good)
        strcpy(password, colon + 1);
    explicit_bzero(decoded, sizeof(decoded));
    return good;
}

/* ---- Webhooks ---- */

static const char webhook_prefix[] = "wh_", webhook_secret_prefix[] = "whsec_";
enum { WEBHOOK_KEY_BYTES = 32 };
_Static_assert(sizeof(webhook_prefix) + ID_LENGTH == (int)WEBHOOK_ID_SIZE, "prefix and id");
_Static_assert(sizeof(webhook_secret_prefix) + (WEBHOOK_KEY_BYTES + 2) / 3 * 4 ==
                   (int)WEBHOOK_SECRET_SIZE,
               "prefix and base 64");

bool webhook_id_make(char id[WEBHOOK_ID_SIZE])
{
    memcpy(id, webhook_prefix, sizeof(webhook_prefix));
    id[WEBHOOK_ID_SIZE - 1] = '\0';
    return put_random(id + sizeof(webhook_prefix) - 1, ID_LENGTH, digits, BASE);
}

bool webhook_secret_make(char secret[WEBHOOK_SECRET_SIZE])
{
    unsigned char key[WEBHOOK_KEY_BYTES];
    bool good = getrandom(key, sizeof(key), 0) == sizeof(key);
    memcpy(secret, webhook_secret_prefix, sizeof(webhook_secret_prefix));
    EVP_EncodeBlock((unsigned char *)secret + sizeof(webhook_secret_prefix) - 1, key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    return good;
}

/* ---- Pairing codes ---- */

enum { CODE_LENGTH = 16, CODE_GROUP = 4 };

static bool make_code(char text[PAIRING_CODE_SIZE], unsigned char hash[SECRET_HASH_BYTES],
                      unsigned base)
{
    char code[CODE_LENGTH];
    if (!put_random(code, CODE_LENGTH, code_digits, base))
        return false;
    char *p = text;
    for (int i = 0; i < CODE_LENGTH; i++) {
        if (i > 0 && i % CODE_GROUP == 0)
            *p++ = '-';
        *p++ = code[i];
    }
    *p = '\0';
    hash_text(code, CODE_LENGTH, hash);
    return true;
}

bool pairing_code_make(char text[PAIRING_CODE_SIZE], unsigned char hash[SECRET_HASH_BYTES])
{
    return make_code(text, hash, CODE_BASE);
}

bool pairing_digits_make(char text[PAIRING_CODE_SIZE], unsigned char hash[SECRET_HASH_BYTES])
{
    return make_code(text, hash, 10);
}

static char code_digit(char c)
{
    c = (char)toupper((unsigned char)c);
    if (c == 'O')
        return '0';
    return c == 'I' || c == 'L' ? '1' : c;
}

bool pairing_code_hash(const char *text, unsigned char hash[SECRET_HASH_BYTES])
{
    char code[CODE_LENGTH];
    int length = 0;
    for (; *text; text++) {
        char digit = code_digit(*text);
        if (*text == '-' || *text == ' ')
            continue;
        if (length == CODE_LENGTH || !strchr(code_digits, digit))
            return false;
        code[length++] = digit;
    }
    if (length != CODE_LENGTH)
        return false;
    hash_text(code, CODE_LENGTH, hash);
    return true;
}

void secret_hash_request(const char *method, const char *path, const char *query, const void *body,
                         size_t length, unsigned char hash[SECRET_HASH_BYTES])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, method, strlen(method) + 1);
    SHA256_Update(&context, path, strlen(path) + 1);
    SHA256_Update(&context, query, strlen(query) + 1);
    SHA256_Update(&context, body, length);
    SHA256_Final(hash, &context);
}

/* Into a block of SHA-256, filled up with zeros (RFC 2104, 2). */
static bool decode_key(const char *text, unsigned char key[SHA256_CBLOCK])
{
    unsigned char decoded[SHA256_CBLOCK + 6];
    size_t length = strlen(text);
    if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof(decoded))
        return false;
    int bytes = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)length);
    bytes -= (text[length - 1] == '=') + (text[length - 2] == '=');
    if (bytes <= 0 || bytes > SHA256_CBLOCK)
        return false;
    memset(key, 0, SHA256_CBLOCK);
    memcpy(key, decoded, (size_t)bytes);
    return true;
}

/* Begins a hash with the key, each byte combined with `pad`. */
static void begin_padded(SHA256_CTX *context, const unsigned char key[SHA256_CBLOCK],
                         unsigned char pad)
{
    unsigned char padded[SHA256_CBLOCK];
    for (size_t i = 0; i < sizeof(padded); i++)
        padded[i] = key[i] ^ pad;
    SHA256_Init(context);
    SHA256_Update(context, padded, sizeof(padded));
}

static void sign(const unsigned char block[SHA256_CBLOCK], const struct secret_part parts[],
                 size_t count, unsigned char hash[SECRET_HASH_BYTES])
{
    SHA256_CTX context;
    begin_padded(&context, block, 0x36);
    for (size_t i = 0; i < count; i++)
        SHA256_Update(&context, parts[i].bytes, parts[i].length);
    SHA256_Final(hash, &context);
    begin_padded(&context, block, 0x5c);
    SHA256_Update(&context, hash, SECRET_HASH_BYTES);
    SHA256_Final(hash, &context);
}

bool secret_sign(const char *key, const struct secret_part parts[], size_t count,
                 char mac[SECRET_MAC_SIZE])
{
    unsigned char block[SHA256_CBLOCK], hash[SECRET_HASH_BYTES];
    if (!decode_key(key, block))
        return false;
    sign(block, parts, count, hash);
    EVP_EncodeBlock((unsigned char *)mac, hash, sizeof(hash));
    return true;
}

bool secret_sign_hex(const char *key, const struct secret_part parts[], size_t count,
                     char mac[SECRET_HEX_MAC_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char block[SHA256_CBLOCK] = {0}, hash[SECRET_HASH_BYTES];
    if (strlen(key) > sizeof(block))
        return false;
    memcpy(block, key, strlen(key));
    sign(block, parts, count, hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        mac[2 * i] = hex[hash[i] >> 4];
        mac[2 * i + 1] = hex[hash[i] & 15];
    }
    mac[SECRET_HEX_MAC_SIZE - 1] = '\0';
    return true;
}

void secret_websocket_accept(const char *key, char answer[WEBSOCKET_ANSWER_SIZE])
{
    static const char rfc[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char hash[SHA_DIGEST_LENGTH];
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, key, strlen(key));
    SHA1_Update(&context, rfc, sizeof(rfc) - 1);
    SHA1_Final(hash, &context);
    EVP_EncodeBlock((unsigned char *)answer, hash, sizeof(hash));
}
