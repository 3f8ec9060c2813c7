/*
 * API keys: who may ask for what. Their texts are secrets as in secret.h. Any thread.
 */
#ifndef COMMON_ACCESS_API_KEY_H
#define COMMON_ACCESS_API_KEY_H

#include "common/access/secret.h"

enum {
    API_KEY_LABEL_SIZE = 65,
    API_KEY_LIMIT_FROM_SETTING = -1,
    API_KEY_CACHE_MS = 500, /* so long a revoked one may still be taken for one that stands */
};

/* What a key allows, as bits. */
enum api_scope {
    API_SCOPE_SEND = 1,     /* send and cancel messages */
    API_SCOPE_READ = 2,     /* follow and list messages, without their texts */
    API_SCOPE_TEXT = 4,     /* read their texts too: login codes are in them */
    API_SCOPE_DEVICES = 8,  /* list phones */
    API_SCOPE_METRICS = 16, /* the figures for the operator */
    API_SCOPE_PAIR = 32,    /* pair phones and revoke them: a paired phone is given messages */
};
enum { API_SCOPE_COUNT = 6, API_SCOPES_TEXT_SIZE = 64 };

struct api_key {
    char id[SECRET_ID_SIZE];
    unsigned char hash[SECRET_HASH_BYTES]; /* SHA-256 of the whole text */
    char label[API_KEY_LABEL_SIZE];        /* its owner's word for it */
    unsigned scopes;                       /* of enum api_scope */
    int64_t requests_per_minute; /* 0: no limit; API_KEY_LIMIT_FROM_SETTING: the setting's */
    int64_t daily_messages;      /* likewise */
    int64_t created_at_ms;       /* wall, as the others */
    int64_t expires_at_ms;       /* 0: never */
    int64_t revoked_at_ms;       /* 0: it stands */
};

/* Whether its time is over. */
bool api_key_expired(const struct api_key *key, int64_t now_ms);

/* The bits of "send,read"; false at a word that is none, of which `unknown` then has the start. */
MUST_CHECK bool api_scopes_parse(const char *text, unsigned *scopes, char unknown[32]);
void api_scopes_format(unsigned scopes, char text[API_SCOPES_TEXT_SIZE]);

#endif
