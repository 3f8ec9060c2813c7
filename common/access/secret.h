/*
 * Secrets that are shown once and kept as a hash: API keys, device tokens, pairing codes.
 *
 *   sgw_8dQm2ZkP0cVb_<43 characters>xxxxxx
 *       the id       the secret      the check: the first characters of the hash of all before it
 *
 * The secret has 256 bits, so its SHA-256 is all that is kept: nothing that is stored opens a door, and
 * no salt or slow hash is needed. The prefix and the check let anybody find a secret that has got
 * somewhere it should not be, and tell a mistyped one from a foreign one. Any thread.
 */
#ifndef COMMON_ACCESS_SECRET_H
#define COMMON_ACCESS_SECRET_H

#include "common/base/base.h"

enum {
    SECRET_ID_SIZE = 13,
    SECRET_TEXT_SIZE = 67,
    SECRET_HASH_BYTES = 32,
    PAIRING_CODE_SIZE = 20,
};

enum secret_kind {
    SECRET_API_KEY,      /* sgw_ */
    SECRET_DEVICE_TOKEN, /* sgd_ */
};

/* A new one: its text, which nobody else knows, and what is kept of it. False without randomness. */
MUST_CHECK bool secret_make(enum secret_kind kind, char text[SECRET_TEXT_SIZE],
                            char id[SECRET_ID_SIZE], unsigned char hash[SECRET_HASH_BYTES]);

/* The id in a text of that kind; false where it is none. */
MUST_CHECK bool secret_parse(enum secret_kind kind, const char *text, char id[SECRET_ID_SIZE]);

/* Whether it is the text that has this hash, in a time that does not depend on either. */
MUST_CHECK bool secret_fits(const unsigned char hash[SECRET_HASH_BYTES], const char *text);

/* The token of the header Authorization, "Bearer TOKEN" (RFC 6750, 2.1): within it, or NULL. */
const char *secret_bearer_token(const char *authorization);

/*
 * A pairing code: K7QM-3XTN-0V9B-AH2E, 80 bits in Crockford's base 32, for people to read and type. It
 * is tried over the network alone, a few times a minute and for some minutes: nobody guesses it.
 */
MUST_CHECK bool pairing_code_make(char text[PAIRING_CODE_SIZE],
                                  unsigned char hash[SECRET_HASH_BYTES]);

/* The hash of a code as people type it: any case, with or without the hyphens and spaces, o for 0, i and
   l for 1. False where it is none. */
MUST_CHECK bool pairing_code_hash(const char *text, unsigned char hash[SECRET_HASH_BYTES]);

/* What a server answers to the key of a WebSocket handshake (RFC 6455, 4.2.2). It is no secret, but a hash. */
enum { WEBSOCKET_ANSWER_SIZE = 29 };
void secret_websocket_accept(const char *key, char answer[WEBSOCKET_ANSWER_SIZE]);

#endif
