/* The pairing code and link for a phone, for `sms-gateway devices pair` and POST /api/pairings. */
#ifndef COMMON_ACCESS_PAIRING_H
#define COMMON_ACCESS_PAIRING_H

#include "common/access/secret.h"
#include "common/process/public_url.h"

enum {
    PAIRING_URI_SIZE = 3 * PUBLIC_URL_SIZE + 256,
    PAIRING_MINUTES = 10, /* the default lifetime of a code */
    PAIRING_MOST_MINUTES = 60,
};

struct pairing {
    char code[PAIRING_CODE_SIZE];
    char url[PUBLIC_URL_SIZE]; /* of the gateway */
    char uri[PAIRING_URI_SIZE];
};

/*
 * Makes a code, and its hash for STORE_CREATE_PAIRING. The URI is the content of the QR code:
 * sms-gateway://pair?url=…&code=…, and &ca=… with the fingerprint of the gateway's own CA if it has one.
 * `of_digits`: the code has no letters, for an app with such a field.
 */
MUST_CHECK bool pairing_make(const struct settings *settings, bool of_digits,
                             struct pairing *pairing, unsigned char code_hash[SECRET_HASH_BYTES],
                             char errmsg[ERRMSG_SIZE]);

#endif
