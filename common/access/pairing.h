/* What a phone is told to pair itself: by `sms-gateway devices pair` and by POST /api/pairings
   alike. */
#ifndef COMMON_ACCESS_PAIRING_H
#define COMMON_ACCESS_PAIRING_H

#include "common/access/secret.h"
#include "common/process/public_url.h"

enum {
    PAIRING_URI_SIZE = 3 * PUBLIC_URL_SIZE + 256,
    PAIRING_MINUTES = 10, /* that a code lasts, where nobody says */
    PAIRING_MOST_MINUTES = 60,
};

struct pairing {
    char code[PAIRING_CODE_SIZE];
    char url[PUBLIC_URL_SIZE]; /* of the gateway */
    char uri[PAIRING_URI_SIZE];
};

/* When a code ends that lasts for so many minutes from now: wall. */
int64_t pairing_end_ms(int64_t minutes);

/*
 * Makes a code, and its hash for STORE_CREATE_PAIRING. The URI is the content of the QR
 * code: sms-gateway://pair?url=…&code=…, and &ca=… with the fingerprint of the gateway's own CA where it
 * has one. On false `errmsg` says in one sentence what to set.
 */
MUST_CHECK bool pairing_make(const struct settings *settings, struct pairing *pairing,
                             unsigned char code_hash[SECRET_HASH_BYTES],
                             char errmsg[ERRMSG_SIZE]);

#endif
