/* When a delivery that failed is tried again. Pure; any thread. */
#ifndef API_FCGI_WEBHOOK_CORE_RETRY_H
#define API_FCGI_WEBHOOK_CORE_RETRY_H

#include "common/base/base.h"

enum {
    RETRY_TRIES = 13, /* of a delivery; the waits between them are over three days together */
    RETRY_LONGEST_MS = 24 * 3600 * 1000, /* also the most that a receiver's Retry-After counts */
    RETRY_LONGEST_PROBE_MS = 600 * 1000, /* of a receiver that does not answer */
    RETRY_LONG_MS = 60 * 1000, /* a longer wait is cut short when the receiver answers again */
};

/* The wait after `failures` tries that failed, at least 1: 5 s, later longer, up to RETRY_LONGEST_MS; and up to a fifth
   more, by `random` from 0 to 1. */
int64_t retry_wait_ms(unsigned failures, double random);

/* The same for the next try at a receiver whose circuit is open: up to RETRY_LONGEST_PROBE_MS, so that it has everything soon after
   it is back. */
int64_t retry_probe_wait_ms(unsigned failures, double random);

/* The wait that a receiver asked for, within bounds; 0: it did not ask. */
int64_t retry_asked_wait_ms(int64_t retry_after_ms);

#endif
