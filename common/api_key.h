/*
 * API keys: who may ask for what.
 *
 *   sgw_8dQm2ZkP0cVb_<43 characters>xxxxxx
 *       the id       the secret      the check: the first characters of the hash of all before it
 *
 * The secret has 256 bits, so its SHA-256 is all that is kept: nothing that is stored opens a door, and
 * no salt or slow hash is needed. The prefix and the check let anybody find a key that has got
 * somewhere it should not be, and tell a mistyped one from a foreign one. Any thread.
 */
#ifndef COMMON_API_KEY_H
#define COMMON_API_KEY_H

#include "base.h"

enum {
    API_KEY_ID_SIZE = 13,
    API_KEY_TEXT_SIZE = 67,
    API_KEY_HASH_BYTES = 32,
    API_KEY_LABEL_SIZE = 65,
};

/* What a key allows, as bits. */
enum api_scope {
    API_SCOPE_SEND = 1,     /* send and cancel messages */
    API_SCOPE_READ = 2,     /* follow and list messages, without their texts */
    API_SCOPE_TEXT = 4,     /* read their texts too: login codes are in them */
    API_SCOPE_DEVICES = 8,  /* list phones */
    API_SCOPE_METRICS = 16, /* the figures for the operator */
};
enum { API_SCOPE_COUNT = 5, API_SCOPES_TEXT_SIZE = 64 };

struct api_key {
    char id[API_KEY_ID_SIZE];
    unsigned char hash[API_KEY_HASH_BYTES]; /* SHA-256 of the whole text */
    char label[API_KEY_LABEL_SIZE];         /* its owner's word for it */
    unsigned scopes;                        /* of enum api_scope */
    int64_t created_at_ms;                  /* wall, as the others */
    int64_t expires_at_ms;                  /* 0: never */
    int64_t revoked_at_ms;                  /* 0: it stands */
};

/* A new key: fills in its id and hash. The text is known to nobody else. False without randomness. */
MUST_CHECK bool api_key_make(struct api_key *key, char text[API_KEY_TEXT_SIZE]);

/* The id in the text of a key; false where it is none. */
MUST_CHECK bool api_key_parse(const char *text, char id[API_KEY_ID_SIZE]);

/* Whether it is the text of that key, in a time that does not depend on either. */
MUST_CHECK bool api_key_fits(const struct api_key *key, const char *text);

/* Whether its time is over. */
bool api_key_expired(const struct api_key *key, int64_t now_ms);

/* The bits of "send,read"; false at a word that is none, of which `unknown` then has the start. */
MUST_CHECK bool api_scopes_parse(const char *text, unsigned *scopes, char unknown[32]);
void api_scopes_format(unsigned scopes, char text[API_SCOPES_TEXT_SIZE]);

#endif
