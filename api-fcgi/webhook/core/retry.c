#include "api-fcgi/webhook/core/retry.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static int64_t with_jitter(int64_t wait_ms, double random)
{
    return wait_ms + (int64_t)((double)wait_ms * random / 5);
}

static int64_t wait_after(unsigned failures)
{
    static const int64_t waits[RETRY_TRIES - 1] = {
        5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE,      1 * HOUR,
        2 * HOUR,   4 * HOUR,    8 * HOUR,   16 * HOUR,   RETRY_LONGEST_MS, RETRY_LONGEST_MS,
    };
    size_t index = MIN((size_t)MAX(failures, 1u) - 1, ARRAY_LENGTH(waits) - 1);
    return waits[index];
}

int64_t retry_wait_ms(unsigned failures, double random)
{
    return with_jitter(wait_after(failures), random);
}

int64_t retry_probe_wait_ms(unsigned failures, double random)
{
    return with_jitter(MIN(wait_after(failures), (int64_t)RETRY_LONGEST_PROBE_MS), random);
}

int64_t retry_asked_wait_ms(int64_t retry_after_ms)
{
    return MIN(MAX(retry_after_ms, 0), (int64_t)RETRY_LONGEST_MS);
}
