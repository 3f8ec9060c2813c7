#include "ws-broker/core/eligibility.h"

#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/wanted_devices.h"

enum {
    MIN_WAKE_MS = 100, /* between two checks of a device that waits for its send budget */
    DAY_MS = 86400000,
};

static bool has_battery(const struct broker *broker, const struct device_info *info)
{
    return info->battery_level < 0 || info->charging == 1 ||
           info->battery_level >= broker->options.min_battery_percent;
}

/* Whether the send budget allows another message. If not, the broker wakes when it does. */
static bool has_budget(struct broker *broker, struct session *session, int64_t now_ms)
{
    int64_t wait_ms = session_budget_wait_ms(session, now_ms);
    if (wait_ms > 0)
        broker->wake_ms = MIN(broker->wake_ms, now_ms + MAX(wait_ms, MIN_WAKE_MS));
    return wait_ms == 0;
}

/* Until the day is over in which the device reached its daily limit. A try of each minute is earlier, and the last one may come
   later. */
static int64_t day_wait_ms(const struct broker *broker, const struct session *session,
                           int64_t now_ms)
{
    int64_t try_ms = MAX(session->daily_limit_until_ms - now_ms, 0);
    int64_t wall_ms = clock_trust_wall_ms(&broker->housekeeping.clock, now_ms);
    if (try_ms == 0 || wall_ms == 0)
        return try_ms;
    int64_t reached_ms = wall_ms + try_ms - ELIGIBILITY_DAILY_LIMIT_MS;
    return MAX(reached_ms - reached_ms % DAY_MS + DAY_MS - wall_ms, try_ms);
}

enum message_wait_reason eligibility_wait(const struct broker *broker, struct session *session,
                                          int64_t now_ms, int64_t *for_ms)
{
    int64_t budget_ms = session_budget_wait_ms(session, now_ms);
    int64_t day_ms = day_wait_ms(broker, session, now_ms);
    *for_ms = 0;
    bool is_claimed_for = session->claimed_slots > 0 && session->in_flight_count == 0;
    if (session->heap_entry.position > 0 || is_claimed_for)
        return MESSAGE_WAIT_NONE;
    if (!has_battery(broker, &session->info))
        return MESSAGE_WAIT_BATTERY;
    if (budget_ms == 0 && day_ms == 0)
        return MESSAGE_WAIT_DEVICE_BUSY;
    *for_ms = MAX(budget_ms, day_ms);
    return MESSAGE_WAIT_DEVICE_BUDGET;
}

void eligibility_update(struct broker *broker, struct session *session, int64_t now_ms)
{
    struct phone_heap_entry *entry = &session->heap_entry;
    entry->in_flight = session->in_flight_count + session->claimed_slots +
                       session_load_penalty(session);
    entry->signal_level = device_signal_level(&session->info);
    bool eligible = session->state == SESSION_READY && !broker->drain.active && !session->paused &&
                    !session->disabled && session_room(session) > 0 &&
                    session_is_awake(session, now_ms) && !session_is_in_backoff(session, now_ms) &&
                    now_ms >= session->daily_limit_until_ms &&
                    has_battery(broker, &session->info) && has_budget(broker, session, now_ms);
    if (eligible && entry->position == 0)
        wanted_devices_eligible(broker, session);
    if (!eligible)
        phone_heap_remove(&broker->phone_heap, entry);
    else if (!phone_heap_put(&broker->phone_heap, entry))
        allocation_check(NULL);
}
