#include "ws-broker/core/send_budget.h"

#include <string.h>

static int64_t slot_ms(const struct send_budget *budget)
{
    return (budget->window_ms + SEND_BUDGET_SLOTS - 2) / (SEND_BUDGET_SLOTS - 1);
}

static uint32_t *spent_in(struct send_budget *budget, int64_t slot)
{
    return &budget->spent[slot % SEND_BUDGET_SLOTS];
}

void send_budget_init(struct send_budget *budget, int64_t burst, int64_t window_ms, int64_t now_ms)
{
    *budget = (struct send_budget){.burst = MAX(burst, 1), .window_ms = window_ms};
    if (window_ms > 0)
        budget->slot = now_ms / slot_ms(budget);
}

void send_budget_limit(struct send_budget *budget, int64_t burst, int64_t window_ms, int64_t now_ms)
{
    if (window_ms != budget->window_ms)
        send_budget_init(budget, burst, window_ms, now_ms);
    budget->burst = MAX(burst, 1);
}

static void advance(struct send_budget *budget, int64_t now_ms)
{
    int64_t slot = MAX(now_ms / slot_ms(budget), budget->slot);
    if (slot - budget->slot >= SEND_BUDGET_SLOTS)
        memset(budget->spent, 0, sizeof(budget->spent));
    else
        for (int64_t i = budget->slot + 1; i <= slot; i++)
            *spent_in(budget, i) = 0;
    budget->slot = slot;
}

static int64_t sum_of(const struct send_budget *budget)
{
    int64_t sum = 0;
    for (int i = 0; i < SEND_BUDGET_SLOTS; i++)
        sum += budget->spent[i];
    return sum;
}

int64_t send_budget_wait_ms(struct send_budget *budget, int64_t now_ms)
{
    if (budget->window_ms == 0)
        return 0;
    advance(budget, now_ms);
    int64_t sum = sum_of(budget), until_ms = budget->not_before_ms;
    int64_t slot = budget->slot - SEND_BUDGET_SLOTS; /* slots up to here are outside the window */
    while (sum >= budget->burst) {
        sum -= *spent_in(budget, ++slot + SEND_BUDGET_SLOTS);
        until_ms = MAX(until_ms, (slot + SEND_BUDGET_SLOTS) * slot_ms(budget));
    }
    return MAX(until_ms - now_ms, 0);
}

void send_budget_spend(struct send_budget *budget, int64_t segments, int64_t now_ms)
{
    if (budget->window_ms == 0)
        return;
    advance(budget, now_ms);
    int64_t beyond = MIN(sum_of(budget) + segments - budget->burst, segments);
    *spent_in(budget, budget->slot) += (uint32_t)segments;
    if (beyond > 0)
        budget->not_before_ms = MAX(budget->not_before_ms, now_ms + budget->window_ms) +
                                beyond * budget->window_ms / budget->burst;
}

void send_budget_refund_one(struct send_budget *budget)
{
    for (int64_t i = budget->slot + SEND_BUDGET_SLOTS; budget->window_ms > 0 && i > budget->slot;
         i--) {
        if (*spent_in(budget, i) > 0) {
            --*spent_in(budget, i);
            return;
        }
    }
}
