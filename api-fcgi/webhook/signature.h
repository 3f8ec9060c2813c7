/*
 * The signature of a delivery, as Standard Webhooks 1.0 has it (standardwebhooks.com): the HMAC-SHA256 of
 * `webhook-id.webhook-timestamp.body`, once for each secret that is valid. Any thread.
 */
#ifndef API_FCGI_WEBHOOK_SIGNATURE_H
#define API_FCGI_WEBHOOK_SIGNATURE_H

#include "common/base/base.h"

enum { SIGNATURE_SIZE = 128 };

/* The value of the header webhook-signature: "v1,…", and once more for `old_secret`, unless that is "". A secret is whsec_ and
   a key in base 64. False: one is not. */
MUST_CHECK bool signature_make(const char *secret, const char *old_secret, const char *id,
                               int64_t timestamp_s, const void *body, size_t length,
                               char signature[SIGNATURE_SIZE]);

#endif
