/*
 * What a process can know of the wall clock: as it saw it last. The simulation's own idea of clock_trust.h, by which that is
 * judged.
 */
#ifndef TESTS_SIMULATION_SEEN_CLOCK_H
#define TESTS_SIMULATION_SEEN_CLOCK_H

#include "common/base/base.h"

#include <stdlib.h>

enum { SEEN_CLOCK_STEP_MS = 60000, SEEN_CLOCK_DISTRUST_MS = 300000 };

/* Zeroed: of a process that starts, and takes the clock as it is. */
struct seen_clock {
    bool any;
    int64_t offset_ms;      /* from the world's time */
    int64_t saw_jump_at_ms; /* 0: none */
};

static inline void seen_clock_look(struct seen_clock *clock, int64_t now_ms, int64_t offset_ms)
{
    if (clock->any && llabs(offset_ms - clock->offset_ms) > SEEN_CLOCK_STEP_MS)
        clock->saw_jump_at_ms = now_ms;
    clock->any = true;
    clock->offset_ms = offset_ms;
}

/* Not where it has just seen that the clock was set. */
static inline bool seen_clock_is_trusted(const struct seen_clock *clock, int64_t now_ms)
{
    return clock->saw_jump_at_ms == 0 || now_ms - clock->saw_jump_at_ms >= SEEN_CLOCK_DISTRUST_MS;
}

#endif
