/*
 * How many requests each API key may make: so many a minute in the long run, and as many at once (GCRA).
 *
 * A key's whole state is one time, so workers share it without a lock. Only keys that are valid come here:
 * there are as many as the operator has made. Times are passed in, monotonic. Any thread.
 */
#ifndef API_FCGI_AUTH_KEY_RATES_H
#define API_FCGI_AUTH_KEY_RATES_H

#include "common/access/api_key.h"

struct key_rates;

/* NULL without memory. */
struct key_rates *key_rates_new(void);
void key_rates_free(struct key_rates *rates);

struct key_rate {
    int64_t remaining; /* requests that could follow at once */
    int64_t
        reset_s; /* until there are as many as ever; or, of one that is refused, until the next */
};

/* Counts a request with a key of which per_minute (at least 1) are allowed. False where it is one too many,
   which does not count. */
MUST_CHECK bool key_rates_take(struct key_rates *rates, const char *key_id, int64_t per_minute,
                               int64_t now_ms, struct key_rate *rate);

#endif
