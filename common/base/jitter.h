/* The random part of waiting times: reproducible from its seed. */
#ifndef COMMON_BASE_JITTER_H
#define COMMON_BASE_JITTER_H

#include "common/base/base.h"

/* A number from 0 to 1. `state` is the generator, seeded with anything but 0 (xorshift64*, Vigna 2014). */
static inline double jitter_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * 0x2545f4914f6cdd1dull) / (double)UINT64_MAX;
}

#endif
