/*
 * API keys and their scopes, and the same of the dashboard's sessions and links. The texts are secrets (secret.h). Any thread.
 */
#ifndef COMMON_ACCESS_API_KEY_H
#define COMMON_ACCESS_API_KEY_H

#include "common/access/secret.h"

enum {
    API_KEY_LABEL_SIZE = 65,
    API_KEY_LIMIT_FROM_SETTING = -1,
    API_KEY_CACHE_MS = 500, /* for this long a revoked key may still be accepted */
};

/* Bits. */
enum api_scope {
    API_SCOPE_SEND = 1,       /* send and cancel messages */
    API_SCOPE_READ = 2,       /* read and list messages, without their texts */
    API_SCOPE_TEXT = 4,       /* read their texts too: login codes are in them */
    API_SCOPE_DEVICES = 8,    /* list phones */
    API_SCOPE_METRICS = 16,   /* read the metrics */
    API_SCOPE_PAIR = 32,      /* pair, change and revoke devices: a paired device gets messages */
    API_SCOPE_RESEND = 64,    /* resend messages: any text that was sent before */
    API_SCOPE_INBOX = 128,    /* read incoming SMS, with their texts: login codes are in them too */
    API_SCOPE_WEBHOOKS = 256, /* create, change and remove webhooks: they get all events */
    API_SCOPE_OPT_OUTS = 512, /* list and change which recipients have opted out */
    API_SCOPE_KEYS = 1024,    /* list and revoke API keys; none are made by the API */
    API_SCOPE_SENDING = 2048, /* pause and resume sending */
};
enum { API_SCOPE_COUNT = 12, API_SCOPES_TEXT_SIZE = 96 };

/* The numbers are the database's. What is not a key is the dashboard's. */
enum api_key_kind {
    API_KEY_CLIENT,  /* of a program, until it is revoked or expires */
    API_KEY_SESSION, /* of a signed-in browser */
    API_KEY_LINK,    /* opens one session with its scopes, and is gone then */
};

struct api_key {
    char id[SECRET_ID_SIZE];
    unsigned char hash[SECRET_HASH_BYTES]; /* SHA-256 of the whole text */
    enum api_key_kind kind;
    char label[API_KEY_LABEL_SIZE]; /* for people */
    unsigned scopes;                /* of enum api_scope */
    int64_t requests_per_minute;    /* 0: no limit; or API_KEY_LIMIT_FROM_SETTING */
    int64_t daily_messages;         /* the same */
    bool ignores_opt_out;           /* it sends to recipients that have opted out, too */
    int64_t created_at_ms;          /* wall, like the others */
    int64_t expires_at_ms;          /* 0: never */
    int64_t revoked_at_ms;          /* 0: not revoked */
    int64_t session_ms;             /* of a link: how long its session is valid */
};

/* "key", "session", "link". */
const char *api_key_kind_name(enum api_key_kind kind);

/* Whether the key has expired. */
bool api_key_expired(const struct api_key *key, int64_t now_ms);

/* The bits of "send,read". False for an unknown word; `unknown` is its start. */
MUST_CHECK bool api_scopes_parse(const char *text, unsigned *scopes, char unknown[32]);
void api_scopes_format(unsigned scopes, char text[API_SCOPES_TEXT_SIZE]);

#endif
