/* What the calling thread has had of the processor. */
#ifndef API_FCGI_WEBHOOK_THREAD_TIME_H
#define API_FCGI_WEBHOOK_THREAD_TIME_H

#include "common/base/base.h"

struct thread_time {
    int64_t ran_us;
    int64_t
        waited_us; /* for a processor, while it could run; 0 where the kernel does not count it */
};

struct thread_time thread_time_read(void);

int64_t thread_time_ran_us(void); /* the first alone, which is cheaper */

#endif
