/* The wall clock that decides what polled devices are given without the broker; see common/store/clock_trust.h. Any thread. */
#ifndef API_FCGI_SMSGATE_MOBILE_CLOCK_H
#define API_FCGI_SMSGATE_MOBILE_CLOCK_H

#include "common/store/clock_trust.h"

#include <pthread.h>

struct mobile_clock {
    pthread_mutex_t lock;
    struct clock_trust trust;
};

/* At the start of the program, and there is no end: a clock that is set afterwards is noticed. */
void mobile_clock_init(struct mobile_clock *clock);

/* For trusted_wall_ms: the wall clock; 0: it was set a short time ago. */
int64_t mobile_clock_trusted_wall_ms(struct mobile_clock *clock);

#endif
