#include "api-fcgi/server/worker_policy.h"

#include "common/base/base.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <sched.h>

enum { MANY = 4, CALM_MS = 100 };

static _Thread_local bool is_batch;

void worker_policy_choose(int count)
{
    static _Thread_local int64_t busy_at_ms;
    static const struct sched_param none = {0};
    bool many = count >= MANY;
    if (!many && !is_batch)
        return;
    int64_t now_ms = clock_monotonic_ms();
    if (many)
        busy_at_ms = now_ms;
    bool batch = now_ms < busy_at_ms + CALM_MS;
    if (batch != is_batch) /* where that is not allowed it is as it was */
        pthread_setschedparam(pthread_self(), batch ? SCHED_BATCH : SCHED_OTHER, &none);
    is_batch = batch;
}

int worker_policy_wait_ms(void)
{
    return is_batch ? CALM_MS : -1;
}
