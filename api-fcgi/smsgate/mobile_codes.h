/*
 * The tokens that pairing codes were exchanged for, for a minute: a phone that repeats its request, because the answer was lost,
 * gets the same one. In memory alone; after a restart it gets another one. Any thread.
 */
#ifndef API_FCGI_SMSGATE_MOBILE_CODES_H
#define API_FCGI_SMSGATE_MOBILE_CODES_H

#include "common/access/device_token.h"

struct mobile_codes;

struct mobile_codes *mobile_codes_new(void); /* NULL without memory */
void mobile_codes_free(struct mobile_codes *codes);

/* The token for that code: its text, id, hash and device_id. A new one, for `device_id`, where none is kept. False without
   randomness. */
MUST_CHECK bool mobile_codes_take(struct mobile_codes *codes,
                                  const unsigned char code_hash[SECRET_HASH_BYTES],
                                  const char *device_id, int64_t now_ms, struct device_token *token,
                                  char text[SECRET_TEXT_SIZE]);

#endif
