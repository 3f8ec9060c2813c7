/*
 * Secrets that are shown once and stored as a hash: API keys, device tokens, tickets of the event stream, the links and
 * sessions of the dashboard, pairing codes.
 *
 *   sgw_8dQm2ZkP0cVb_<43 characters>xxxxxx
 *       the id       the secret      the check: the first characters of the hash of all before it
 *
 * Only the SHA-256 is stored: the secret has 256 bits, so it needs no salt or slow hash, and the stored hash gives no
 * access. By the prefix and the check a scanner finds a leaked secret, and a mistyped secret is told from a foreign one.
 * Any thread.
 */
#ifndef COMMON_ACCESS_SECRET_H
#define COMMON_ACCESS_SECRET_H

#include "common/base/base.h"

enum {
    SECRET_ID_SIZE = 13,
    SECRET_TEXT_SIZE = 67,
    SECRET_HASH_BYTES = 32,
    PAIRING_CODE_SIZE = 20,
    WEBHOOK_ID_SIZE = 16,
    WEBHOOK_SECRET_SIZE = 51,
};

enum secret_kind {
    SECRET_API_KEY,      /* sgw_ */
    SECRET_DEVICE_TOKEN, /* sgd_ */
    SECRET_TICKET,       /* sgt_ */
    SECRET_MOBILE_TOKEN, /* sgm_: a device token for the mobile API alone */
    SECRET_SIGN_IN_LINK, /* sgl_ */
    SECRET_SESSION,      /* sgs_ */
};

/* Makes a secret: the text, and the id and hash to store. False without randomness. */
MUST_CHECK bool secret_make(enum secret_kind kind, char text[SECRET_TEXT_SIZE],
                            char id[SECRET_ID_SIZE], unsigned char hash[SECRET_HASH_BYTES]);

/* The id in a text of that kind; false if the text is not of that kind. */
MUST_CHECK bool secret_parse(enum secret_kind kind, const char *text, char id[SECRET_ID_SIZE]);

/* Whether the text has this hash. Takes the same time for any text and hash. */
MUST_CHECK bool secret_fits(const unsigned char hash[SECRET_HASH_BYTES], const char *text);

/* The hash of a text of any kind, to look for it by. */
void secret_hash(const char *text, unsigned char hash[SECRET_HASH_BYTES]);

/* The token in the header Authorization, "Bearer TOKEN" (RFC 6750, 2.1): a pointer into it, or NULL. */
const char *secret_bearer_token(const char *authorization);

/* The password in the header Authorization, "Basic BASE64" with any user name (RFC 7617, 2). False without one, or where
   it is longer. */
enum { SECRET_PASSWORD_SIZE = 129 };
MUST_CHECK bool secret_basic_password(const char *authorization,
                                      char password[SECRET_PASSWORD_SIZE]);

/*
 * A pairing code: K7QM-3XTN-0V9B-AH2E, 80 bits in Crockford's base 32, for people to read and type. It cannot be guessed:
 * it is only accepted over the network, for some minutes, with a few tries a minute.
 */
MUST_CHECK bool pairing_code_make(char text[PAIRING_CODE_SIZE],
                                  unsigned char hash[SECRET_HASH_BYTES]);

/* The same of digits alone, 53 bits, for a field that takes no letters. */
MUST_CHECK bool pairing_digits_make(char text[PAIRING_CODE_SIZE],
                                    unsigned char hash[SECRET_HASH_BYTES]);

/* The hash of a code as people type it: in any case, with or without hyphens and spaces, with o for 0 and i or l for 1.
   False if it is not a code. */
MUST_CHECK bool pairing_code_hash(const char *text, unsigned char hash[SECRET_HASH_BYTES]);

/* A webhook's id, wh_ and 12 letters and digits, and what signs its deliveries: whsec_ and 32 random bytes in base 64
   (Standard Webhooks 1.0). False without randomness. */
MUST_CHECK bool webhook_id_make(char id[WEBHOOK_ID_SIZE]);
MUST_CHECK bool webhook_secret_make(char secret[WEBHOOK_SECRET_SIZE]);

/* The SHA-256 of a request: not a secret, but a hash. */
void secret_hash_request(const char *method, const char *path, const char *query, const void *body,
                         size_t length, unsigned char hash[SECRET_HASH_BYTES]);

/*
 * The HMAC-SHA256 (RFC 2104) of the parts, one after the other, in base 64. The key is in base 64, of up to 64 bytes. False: it is
 * not.
 */
struct secret_part {
    const void *bytes;
    size_t length;
};
enum { SECRET_MAC_SIZE = 45 };
MUST_CHECK bool secret_sign(const char *key, const struct secret_part parts[], size_t count,
                            char mac[SECRET_MAC_SIZE]);

/* The same with the key as it is, of up to 64 bytes, and in lower-case hexadecimal digits. False: it is longer. */
enum { SECRET_HEX_MAC_SIZE = 65 };
MUST_CHECK bool secret_sign_hex(const char *key, const struct secret_part parts[], size_t count,
                                char mac[SECRET_HEX_MAC_SIZE]);

/* The Sec-WebSocket-Accept for the key of a WebSocket handshake (RFC 6455, 4.2.2): not a secret, but a hash. */
enum { WEBSOCKET_ANSWER_SIZE = 29 };
void secret_websocket_accept(const char *key, char answer[WEBSOCKET_ANSWER_SIZE]);

#endif
