/*
 * How the sender gives way to phones and clients: while many events come, and its thread waits for a processor more than half as long
 * as it runs, it uses a sixth of one processor, in few large pieces. Webhooks catch up afterwards. Once they are THROTTLE_MOST_LAG_MS
 * behind it gives way no more, so that it is never starved. Pure; times are monotonic. One thread at a time.
 */
#ifndef API_FCGI_WEBHOOK_CORE_THROTTLE_H
#define API_FCGI_WEBHOOK_CORE_THROTTLE_H

#include "common/base/base.h"

enum {
    THROTTLE_JUDGE_EVERY_MS = 200,
    THROTTLE_MANY_EVENTS = 7500, /* per second */
    THROTTLE_MOST_LAG_MS = 60000,
};

struct throttle {
    bool gives_way;
    int64_t judged_at_ms;
    int64_t ran_us, waited_us, newest_event; /* of the thread, and in the store, as of then */
    int64_t used_us;                         /* since the last pause */
    int64_t idle_until_us;                   /* not later than now: it goes on */
};

/* Whether it judges again: it was not looked at for THROTTLE_JUDGE_EVERY_MS. */
bool throttle_is_due(const struct throttle *throttle, int64_t now_ms);

/* Does nothing before it is due. Up to now the thread has run and waited for so long, and the store has events up to that id; a webhook that answers is
   lag_ms behind. */
void throttle_judge(struct throttle *throttle, int64_t now_ms, int64_t ran_us, int64_t waited_us,
                    int64_t newest_event, int64_t lag_ms);

/* While it gives way: the thread has run for that long since the last call, or since it was judged. */
void throttle_use(struct throttle *throttle, int64_t now_us, int64_t used_us);

#endif
