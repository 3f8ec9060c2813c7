#include "ws-broker/core/send_budget.h"

#include <string.h>

static int64_t slot_ms(const struct pace *pace)
{
    return (pace->window_ms + PACE_SLOTS - 2) / (PACE_SLOTS - 1);
}

static uint32_t *spent_in(struct pace *pace, int64_t slot)
{
    return &pace->spent[slot % PACE_SLOTS];
}

void pace_init(struct pace *pace, int64_t burst, int64_t window_ms, int64_t now_ms)
{
    *pace = (struct pace){.burst = MAX(burst, 1), .window_ms = window_ms};
    if (window_ms > 0)
        pace->slot = now_ms / slot_ms(pace);
}

static void advance(struct pace *pace, int64_t now_ms)
{
    int64_t slot = MAX(now_ms / slot_ms(pace), pace->slot);
    if (slot - pace->slot >= PACE_SLOTS)
        memset(pace->spent, 0, sizeof(pace->spent));
    else
        for (int64_t i = pace->slot + 1; i <= slot; i++)
            *spent_in(pace, i) = 0;
    pace->slot = slot;
}

static int64_t sum_of(const struct pace *pace)
{
    int64_t sum = 0;
    for (int i = 0; i < PACE_SLOTS; i++)
        sum += pace->spent[i];
    return sum;
}

int64_t pace_wait_ms(struct pace *pace, int64_t now_ms)
{
    if (pace->window_ms == 0)
        return 0;
    advance(pace, now_ms);
    int64_t sum = sum_of(pace), until_ms = pace->not_before_ms;
    int64_t slot = pace->slot - PACE_SLOTS; /* those up to it are forgotten */
    while (sum >= pace->burst) {
        sum -= *spent_in(pace, ++slot + PACE_SLOTS);
        until_ms = MAX(until_ms, (slot + PACE_SLOTS) * slot_ms(pace));
    }
    return MAX(until_ms - now_ms, 0);
}

void pace_spend(struct pace *pace, int64_t segments, int64_t now_ms)
{
    if (pace->window_ms == 0)
        return;
    advance(pace, now_ms);
    int64_t beyond = MIN(sum_of(pace) + segments - pace->burst, segments);
    *spent_in(pace, pace->slot) += (uint32_t)segments;
    if (beyond > 0)
        pace->not_before_ms = MAX(pace->not_before_ms, now_ms + pace->window_ms) +
                              beyond * pace->window_ms / pace->burst;
}

void pace_return_one(struct pace *pace)
{
    for (int64_t i = pace->slot + PACE_SLOTS; pace->window_ms > 0 && i > pace->slot; i--) {
        if (*spent_in(pace, i) > 0) {
            --*spent_in(pace, i);
            return;
        }
    }
}
