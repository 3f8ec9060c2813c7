#include "api-fcgi/smsgate/mobile_clock.h"

#include "common/base/clock.h"
#include "common/base/log.h"

/* Under the lock. */
static int64_t watch(struct clock_trust *trust)
{
    int64_t now_ms = clock_monotonic_ms();
    if (clock_trust_watch(trust, now_ms, clock_wall_ms()))
        log_warning("the clock was set: for five minutes no phone fetches what is scheduled, and "
                    "nothing that it would fetch expires");
    return clock_trust_wall_ms(trust, now_ms);
}

void mobile_clock_init(struct mobile_clock *clock)
{
    *clock = (struct mobile_clock){.lock = PTHREAD_MUTEX_INITIALIZER};
    watch(&clock->trust);
}

int64_t mobile_clock_trusted_wall_ms(struct mobile_clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    int64_t trusted_wall_ms = watch(&clock->trust);
    pthread_mutex_unlock(&clock->lock);
    return trusted_wall_ms;
}
