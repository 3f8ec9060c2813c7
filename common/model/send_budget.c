#include "common/model/send_budget.h"

#include <string.h>

static int64_t slot_ms(const struct send_budget *budget)
{
    return (budget->window_ms + SEND_BUDGET_SLOTS - 2) / (SEND_BUDGET_SLOTS - 1);
}

static uint32_t *spent_in(struct send_budget *budget, int64_t slot)
{
    return &budget->spent[slot % SEND_BUDGET_SLOTS];
}

/* To an earlier slot, with what was spent. */
static void go_back(struct send_budget *budget, int64_t slot)
{
    uint32_t spent[SEND_BUDGET_SLOTS];
    int64_t by = budget->slot - slot;
    for (int64_t i = 0; i < SEND_BUDGET_SLOTS; i++)
        spent[(slot + i) % SEND_BUDGET_SLOTS] = *spent_in(budget, budget->slot + i);
    memcpy(budget->spent, spent, sizeof(spent));
    budget->slot = slot;
    budget->not_before_ms = MAX(budget->not_before_ms - by * slot_ms(budget), 0);
}

static void advance(struct send_budget *budget, int64_t now_ms)
{
    int64_t slot = now_ms / slot_ms(budget);
    if (slot < budget->slot - 1) /* by less: two clocks, or one that is adjusted */
        go_back(budget, slot);
    slot = MAX(slot, budget->slot);
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

/* When what was spent in the slot is outside the window. */
static int64_t end_of(const struct send_budget *budget, int64_t slot)
{
    return (slot + SEND_BUDGET_SLOTS) * slot_ms(budget);
}

void send_budget_limit(struct send_budget *budget, int64_t burst, int64_t window_ms, int64_t now_ms)
{
    if (window_ms != budget->window_ms) {
        int64_t spent = 0;
        if (budget->window_ms > 0) {
            advance(budget, now_ms);
            spent = sum_of(budget);
        }
        *budget = (struct send_budget){.window_ms = window_ms};
        if (window_ms > 0) {
            advance(budget, now_ms);
            *spent_in(budget, budget->slot) = (uint32_t)spent;
        }
    }
    budget->burst = MAX(burst, 1);
}

int64_t send_budget_wait_ms(struct send_budget *budget, unsigned reserved, int64_t now_ms)
{
    if (budget->window_ms == 0)
        return 0;
    advance(budget, now_ms);
    int64_t sum = sum_of(budget) + reserved, until_ms = budget->not_before_ms;
    int64_t slot = budget->slot - SEND_BUDGET_SLOTS; /* slots up to here are outside the window */
    while (sum >= budget->burst && slot < budget->slot) {
        sum -= *spent_in(budget, ++slot + SEND_BUDGET_SLOTS);
        until_ms = MAX(until_ms, end_of(budget, slot));
    }
    return MAX(until_ms - now_ms, 0);
}

int64_t send_budget_left(struct send_budget *budget, int64_t now_ms, int64_t *refills_at_ms)
{
    int64_t wait_ms = send_budget_wait_ms(budget, 0, now_ms);
    *refills_at_ms = wait_ms > 0 ? now_ms + wait_ms : 0;
    if (budget->window_ms == 0)
        return INT64_MAX;
    for (int64_t i = 1; wait_ms == 0 && *refills_at_ms == 0 && i <= SEND_BUDGET_SLOTS; i++) {
        int64_t slot = budget->slot - SEND_BUDGET_SLOTS + i;
        if (*spent_in(budget, slot + SEND_BUDGET_SLOTS) > 0)
            *refills_at_ms = end_of(budget, slot);
    }
    return wait_ms > 0 ? 0 : budget->burst - sum_of(budget);
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

void send_budget_refund(struct send_budget *budget, int64_t segments, int64_t given_at_ms)
{
    if (budget->window_ms == 0)
        return;
    int64_t slot = MIN(given_at_ms / slot_ms(budget), budget->slot);
    if (slot <= budget->slot - SEND_BUDGET_SLOTS)
        return; /* it no longer counts */
    uint32_t *spent = spent_in(budget, slot);
    int64_t beyond = MAX(sum_of(budget) - budget->burst, 0);
    int64_t refunded = MIN(segments, (int64_t)*spent);
    *spent -= (uint32_t)refunded;
    budget->not_before_ms -= MIN(beyond, refunded) * budget->window_ms / budget->burst;
    if (budget->not_before_ms < 0 || beyond < refunded)
        budget->not_before_ms = 0;
}
