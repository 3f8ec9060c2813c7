/*
 * How many segments a device may still be sent now: at most `burst` in any window of time. This is how Android counts the
 * SMS of an app (30 in 30 minutes, then it asks the user). A token bucket would allow twice as many in the first window
 * after a quiet time.
 *
 * The store keeps one for each device, by the wall clock; a session has a copy, to which it applies the same changes.
 *
 * Pure: times are parameters, and all of one clock. When that goes back, what was spent counts as if it had gone with it.
 */
#ifndef COMMON_MODEL_SEND_BUDGET_H
#define COMMON_MODEL_SEND_BUDGET_H

#include "common/base/base.h"

/* The window is divided into one slot less; the extra slot covers its partly elapsed first one. */
enum { SEND_BUDGET_SLOTS = 16 };

/* Zeroed: no limit. */
struct send_budget {
    int64_t burst;                     /* segments; at least 1 */
    int64_t window_ms;                 /* 0: no limit, and nothing is counted */
    int64_t slot;                      /* number of the newest slot: time / length of a slot */
    uint32_t spent[SEND_BUDGET_SLOTS]; /* segments by slot, a ring */
    int64_t not_before_ms;             /* set when a message went beyond the burst; 0: not */
};

/* From now on the device may be sent `burst` segments in any window. What was spent counts; if the window is another one,
   as if it was spent now. */
void send_budget_limit(struct send_budget *budget, int64_t burst, int64_t window_ms,
                       int64_t now_ms);

/* Milliseconds until the device may be given another message, when it may be about to get `reserved` ones; 0: now. The
   length of a message is not known in advance, so one may go beyond the burst; the next one then waits longer. */
int64_t send_budget_wait_ms(struct send_budget *budget, unsigned reserved, int64_t now_ms);

/* What is left, in segments. *refills_at_ms: when it is more, or, with nothing left, when another message may be sent;
   0: nothing is used. */
int64_t send_budget_left(struct send_budget *budget, int64_t now_ms, int64_t *refills_at_ms);

/* Counts segments that the device is given. */
void send_budget_spend(struct send_budget *budget, int64_t segments, int64_t now_ms);

/* Segments given at `given_at_ms` were not sent after all. */
void send_budget_refund(struct send_budget *budget, int64_t segments, int64_t given_at_ms);

#endif
