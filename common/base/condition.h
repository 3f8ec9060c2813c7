/* Condition variables with waits that end by the clock of clock_monotonic_us: setting the wall clock does not change them. */
#ifndef COMMON_BASE_CONDITION_H
#define COMMON_BASE_CONDITION_H

#include "common/base/base.h"

#include <pthread.h>

/* For condition_wait_until, and for all that takes a condition. pthread_cond_destroy ends it. */
void condition_init(pthread_cond_t *condition);

/* As pthread_cond_wait, but at the latest at `until_us` it returns. */
void condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

#endif
