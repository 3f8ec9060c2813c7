/*
 * How fast a phone is given segments: at most a burst in any window of time, as Android counts what an
 * app sends (30 in 30 minutes, then it asks its user). A bucket that fills again would allow twice as
 * many in the first window after a rest.
 *
 * Pure: times are passed in, monotonic. The loop thread's.
 */
#ifndef WS_BROKER_CORE_SEND_BUDGET_H
#define WS_BROKER_CORE_SEND_BUDGET_H

#include "common/base/base.h"

/* Each slot has a part of the window's time, and one more is kept than fill it. */
enum { PACE_SLOTS = 16 };

struct pace {
    int64_t burst;
    int64_t window_ms;          /* 0: no limit, and nothing is counted */
    int64_t slot;               /* the newest: time over the time of one */
    uint32_t spent[PACE_SLOTS]; /* a ring */
    int64_t not_before_ms;      /* because a message went beyond the burst */
};

void pace_init(struct pace *pace, int64_t burst, int64_t window_ms, int64_t now_ms);

/* In how many ms the phone may be given another message; 0: now. One may go beyond the burst, because how
   long it is is not known before; the next then waits for longer. */
int64_t pace_wait_ms(struct pace *pace, int64_t now_ms);

/* Counts segments that it is given. */
void pace_spend(struct pace *pace, int64_t segments, int64_t now_ms);

/* One of the last that were counted was not given after all. */
void pace_return_one(struct pace *pace);

#endif
