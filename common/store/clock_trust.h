/*
 * Whether the wall clock can be relied on for what expires and what is scheduled. It is seen that it was set by its distance
 * from the monotonic clock; it is then not trusted until a mistake may be noticed. One thread at a time.
 */
#ifndef COMMON_STORE_CLOCK_TRUST_H
#define COMMON_STORE_CLOCK_TRUST_H

#include "common/base/base.h"

enum { CLOCK_TRUST_AGAIN_MS = 5 * 60 * 1000 };

/* Zeroed: it has seen nothing, and trusts what it sees first. */
struct clock_trust {
    bool started;
    int64_t offset_ms; /* wall minus monotonic time, when last seen */
    int64_t from_ms;   /* monotonic: from then on it is trusted */
};

/* At each tick, or before use. True: the clock was set since the last call. */
bool clock_trust_watch(struct clock_trust *trust, int64_t now_ms, int64_t wall_ms);

/* For the trusted_wall_ms of a write: the wall clock at `now_ms`; 0: it is not trusted. */
int64_t clock_trust_wall_ms(const struct clock_trust *trust, int64_t now_ms);

#endif
