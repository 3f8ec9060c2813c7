/*
 * The request rate of each API key: a number per minute on average, and as many at once (GCRA).
 *
 * The state of a key is one time, so workers share it without a lock. Only valid keys are counted, so the
 * table is as large as the number of keys. Times are monotonic. Any thread.
 */
#ifndef API_FCGI_AUTH_KEY_RATES_H
#define API_FCGI_AUTH_KEY_RATES_H

#include "common/access/api_key.h"

struct key_rates;

/* NULL without memory. */
struct key_rates *key_rates_new(void);
void key_rates_free(struct key_rates *rates);

struct key_rate {
    int64_t remaining; /* requests that may follow at once */
    /* Until `remaining` is at its maximum; of a refused request: until the next one. */
    int64_t reset_s;
};

/* Counts a request of the key. per_minute is at least 1. False if it is over the limit; then it does not
   count. */
MUST_CHECK bool key_rates_take(struct key_rates *rates, const char *key_id, int64_t per_minute,
                               int64_t now_ms, struct key_rate *rate);

#endif
