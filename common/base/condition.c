#include "common/base/condition.h"

#include "common/base/clock.h"

#include <time.h>

void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    /* Not the clock of clock_monotonic_us, which a condition cannot use; it is as fast. */
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t end_ns = end.tv_nsec + MAX(until_us - clock_monotonic_us(), 0) * 1000;
    end.tv_sec += end_ns / 1000000000;
    end.tv_nsec = end_ns % 1000000000;
    pthread_cond_timedwait(condition, lock, &end);
}
