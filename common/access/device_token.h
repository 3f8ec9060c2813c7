/*
 * Device tokens: which phone may connect as which device. A phone gets one for a pairing code, or an
 * operator makes one by hand; it opens that device id alone. Their texts are secrets as in secret.h.
 */
#ifndef COMMON_ACCESS_DEVICE_TOKEN_H
#define COMMON_ACCESS_DEVICE_TOKEN_H

#include "common/access/secret.h"
#include "common/model/message.h"

/* Why a token opens nothing any more. The numbers are the database's. */
enum device_token_revocation {
    DEVICE_TOKEN_ACTIVE = 0,
    DEVICE_TOKEN_REPLACED = 1,    /* its device was paired anew */
    DEVICE_TOKEN_REVOKED = 2,     /* an operator has ended it */
    DEVICE_TOKEN_QUARANTINED = 3, /* two phones used it: token_use.h */
};
enum { DEVICE_TOKEN_STATE_COUNT = 4 };

struct device_token {
    char id[SECRET_ID_SIZE];
    unsigned char hash[SECRET_HASH_BYTES];
    char device_id[DEVICE_ID_SIZE];
    int64_t created_at_ms; /* wall */
    int64_t ended_at_ms;   /* wall; 0 while it stands */
    enum device_token_revocation end;
};

/* "active", "replaced", "revoked", "quarantined". Any thread. */
const char *device_token_state_name(enum device_token_revocation end);

#endif
