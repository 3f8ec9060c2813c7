/*
 * Device tokens: a token lets a phone connect with one device id. A phone gets it by pairing, or an operator makes it by
 * hand. The texts are secrets (secret.h).
 */
#ifndef COMMON_ACCESS_DEVICE_TOKEN_H
#define COMMON_ACCESS_DEVICE_TOKEN_H

#include "common/access/secret.h"
#include "common/model/message.h"

/* The state of a token, or why it was revoked. The values are stored in the database. */
enum device_token_revocation {
    DEVICE_TOKEN_ACTIVE = 0,
    DEVICE_TOKEN_REPLACED = 1,    /* its device was paired again */
    DEVICE_TOKEN_REVOKED = 2,     /* by an operator or a client */
    DEVICE_TOKEN_QUARANTINED = 3, /* two phones used it: token_use.h */
};
enum { DEVICE_TOKEN_STATE_COUNT = 4 };

struct device_token {
    char id[SECRET_ID_SIZE];
    unsigned char hash[SECRET_HASH_BYTES];
    char device_id[DEVICE_ID_SIZE];
    int64_t created_at_ms; /* wall */
    int64_t revoked_at_ms; /* wall; 0: active */
    enum device_token_revocation revocation;
};

/* What a polled device has for a journal (common/store/polled.h): its registration. Any thread. */
void device_token_journal(const struct device_token *token, struct message_id *journal);

/* "active", "replaced", "revoked", "quarantined". Any thread. */
const char *device_token_state_name(enum device_token_revocation revocation);

#endif
