#include "api-fcgi/webhook/core/throttle.h"

enum {
    IDLE_FOR_EACH = 5,    /* five sixths of the time */
    PIECE_US = 4000,      /* so long it runs between two pauses */
    MOST_IDLE_US = 50000, /* a piece that took long makes no long pause */
};

bool throttle_is_due(const struct throttle *throttle, int64_t now_ms)
{
    return now_ms - throttle->judged_at_ms >= THROTTLE_JUDGE_EVERY_MS;
}

void throttle_judge(struct throttle *throttle, int64_t now_ms, int64_t ran_us, int64_t waited_us,
                    int64_t newest_event, int64_t lag_ms)
{
    int64_t took_ms = now_ms - throttle->judged_at_ms;
    if (!throttle_is_due(throttle, now_ms))
        return;
    bool is_crowded = (waited_us - throttle->waited_us) * 2 > ran_us - throttle->ran_us;
    bool many_come = (newest_event - throttle->newest_event) * 1000 >
                     THROTTLE_MANY_EVENTS * took_ms;
    throttle->gives_way = is_crowded && many_come && lag_ms < THROTTLE_MOST_LAG_MS;
    if (!throttle->gives_way)
        throttle->idle_until_us = throttle->used_us = 0;
    throttle->judged_at_ms = now_ms;
    throttle->ran_us = ran_us;
    throttle->waited_us = waited_us;
    throttle->newest_event = newest_event;
}

void throttle_use(struct throttle *throttle, int64_t now_us, int64_t used_us)
{
    throttle->used_us += used_us;
    if (throttle->used_us < PIECE_US)
        return;
    throttle->idle_until_us = now_us +
                              MIN(throttle->used_us * IDLE_FOR_EACH, (int64_t)MOST_IDLE_US);
    throttle->used_us = 0;
}
