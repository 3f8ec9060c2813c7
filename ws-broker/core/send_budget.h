/*
 * How many segments a device may still be sent now: at most `burst` in any window of time. This is how Android counts the
 * SMS of an app (30 in 30 minutes, then it asks the user). A token bucket would allow twice as many in the first window
 * after a quiet time.
 *
 * Pure: times are parameters, monotonic. One thread.
 */
#ifndef WS_BROKER_CORE_SEND_BUDGET_H
#define WS_BROKER_CORE_SEND_BUDGET_H

#include "common/base/base.h"

/* The window is divided into one slot less; the extra slot covers its partly elapsed first one. */
enum { SEND_BUDGET_SLOTS = 16 };

struct send_budget {
    int64_t burst;                     /* segments; at least 1 */
    int64_t window_ms;                 /* 0: no limit, and nothing is counted */
    int64_t slot;                      /* number of the newest slot: time / length of a slot */
    uint32_t spent[SEND_BUDGET_SLOTS]; /* segments by slot, a ring */
    int64_t not_before_ms;             /* set when a message went beyond the burst */
};

void send_budget_init(struct send_budget *budget, int64_t burst, int64_t window_ms, int64_t now_ms);

/* From now on the device may be sent `burst` segments. What was spent counts, if the window is the same. */
void send_budget_limit(struct send_budget *budget, int64_t burst, int64_t window_ms,
                       int64_t now_ms);

/* Milliseconds until the device may be given another message; 0: now. The length of a message is not known in advance, so
   one may go beyond the burst; the next one then waits longer. */
int64_t send_budget_wait_ms(struct send_budget *budget, int64_t now_ms);

/* Counts segments that the device is given. */
void send_budget_spend(struct send_budget *budget, int64_t segments, int64_t now_ms);

/* Gives back one of the segments counted last: it was not sent after all. */
void send_budget_refund_one(struct send_budget *budget);

#endif
