#include "common/store/clock_trust.h"

#include "common/store/messages.h"

#include <stdlib.h>

bool clock_trust_watch(struct clock_trust *trust, int64_t now_ms, int64_t wall_ms)
{
    int64_t offset_ms = wall_ms - now_ms;
    bool was_set = trust->started && llabs(offset_ms - trust->offset_ms) > STORE_CLOCK_STEP_MS;
    if (was_set)
        trust->from_ms = now_ms + CLOCK_TRUST_AGAIN_MS;
    trust->started = true;
    trust->offset_ms = offset_ms;
    return was_set;
}

int64_t clock_trust_wall_ms(const struct clock_trust *trust, int64_t now_ms)
{
    return now_ms >= trust->from_ms ? now_ms + trust->offset_ms : 0;
}
