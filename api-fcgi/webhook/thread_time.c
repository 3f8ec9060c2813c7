#include "api-fcgi/webhook/thread_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int64_t thread_time_ran_us(void)
{
    struct timespec time = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

struct thread_time thread_time_read(void)
{
    struct thread_time time = {.ran_us = thread_time_ran_us()};
    uint64_t ran_ns, waited_ns;
    FILE *file = fopen("/proc/thread-self/schedstat",
                       "re"); /* Documentation/scheduler/sched-stats.rst */
    if (!file)
        return time;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &ran_ns, &waited_ns) == 2)
        time.waited_us = (int64_t)(waited_ns / 1000);
    fclose(file);
    return time;
}
