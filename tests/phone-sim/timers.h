/*
 * Timers in a binary heap: to arm, re-arm and disarm one of N costs O(log N). There is no clock in
 * here; who owns the heap says what time it is. Times are monotonic milliseconds.
 */
#ifndef TESTS_PHONE_SIM_TIMERS_H
#define TESTS_PHONE_SIM_TIMERS_H

#include "tests/phone-sim/base.h"

#define TIMERS_NEVER INT64_MAX

/* Lives in what it wakes up; zero, but for `fire`, is a timer that is not armed. */
struct timer {
    void (*fire)(struct timer *timer, int64_t now_ms); /* disarmed by then, and may arm it again */
    int64_t due_ms;
    size_t place; /* in the heap, from 1; 0: not armed */
};

struct timers {
    struct timer **heap; /* heap[1] is due first */
    size_t count;
    size_t capacity;
};

void timers_init(struct timers *timers);
void timers_fini(struct timers *timers);

/* Also moves a timer that is armed already. */
void timers_arm(struct timers *timers, struct timer *timer, int64_t due_ms);
void timers_disarm(struct timers *timers, struct timer *timer);

/* When the next one is due; TIMERS_NEVER if none is armed. */
int64_t timers_next_ms(const struct timers *timers);

/* Fires all that are due, in the order of their times. */
void timers_fire(struct timers *timers, int64_t now_ms);

#endif
