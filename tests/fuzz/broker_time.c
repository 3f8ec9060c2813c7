/* The promises about time: after each event, when time has passed, and at the end. */
#include "tests/fuzz/broker_world.h"

enum { RETRY_MS = 1000 };

void promise_settled(void)
{
    CHECK(world.orphaned == 0);
    for (size_t i = 0; i < SESSIONS; i++) {
        const struct phone *phone = &world.phones[i];
        if (phone->open && !phone->paused) /* if not, the writes that wait would have no bound */
            CHECK(store_count_of(phone->id) <= SESSION_MAX_OWED);
    }
}

static void pass_time_of(struct phone *phone)
{
    for (unsigned i = phone->in_flight_count; i-- > 0;) {
        struct in_flight *held = &phone->in_flight[i];
        if (in_flight_is_silent(held))
            in_flight_take(phone, held);
        else if (held->offered && held->written && !held->answered)
            phone->must_close |= held->due_at_ms <= world.now_ms;
    }
}

void promise_in_time(void)
{
    CHECK(broker_wake_ms(world.broker) > world.now_ms);
    CHECK(broker_wake_ms(world.broker) <= world.now_ms + 1000);
    for (size_t i = 0; i < world.pending_count; i++) {
        const struct pending *pending = &world.pending[i];
        CHECK(pending->state != WRITE_REFUSED || world.now_ms < pending->refused_at_ms + RETRY_MS);
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        if (world.phones[i].open)
            pass_time_of(&world.phones[i]);
    }
}

/* By the last tick at the latest. */
static bool is_due(unsigned message)
{
    struct stored_message row = world_store_message(&world.store, message);
    const struct message_options *options = &world.store.options[message];
    int64_t late_ms = world_wall_ms() - 2 * world.options.sweep_interval_ms;
    bool is_retried = row.retry_at_ms <= late_ms ||
                      row.retry_at_ms > world_wall_ms() + STORE_MAX_BACKOFF_MS;
    return row.there && row.status == MESSAGE_QUEUED && is_retried &&
           options->send_at_ms <= late_ms &&
           (options->expires_at_ms == 0 || options->expires_at_ms > world_wall_ms());
}

static bool has_room(const struct phone *phone)
{
    const struct device_info *info = &phone->info;
    bool has_battery = info->battery_level < 0 || info->charging == 1 ||
                       info->battery_level >= world.options.min_battery_percent;
    bool is_there = phone->connected && !phone->paused && !phone->dropped && !phone->closed;
    return is_there && has_battery && phone->consecutive_failures < 2 &&
           in_flight_count(phone) < in_flight_limit(phone);
}

/* All writes are completed and all frames written: no message waits while a phone has room. */
void promise_messages_are_dispatched(void)
{
    for (unsigned i = 0; i < MOST_MESSAGES * DEVICES; i++) {
        unsigned device = i % DEVICES, message = i / DEVICES;
        const struct phone *phone = phone_newest(device);
        bool is_waited_for = phone && has_room(phone) && is_due(message) &&
                             !world.decided[device].daily_segments.is_own &&
                             clients_may_have(device, message, phone->info.sim_slots);
        CHECK(!is_waited_for);
    }
}

/* All connections are closed. */
void promise_at_the_end(void)
{
    CHECK(broker_is_drained(world.broker));
    CHECK(world.pending_count == 0);
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message row = world_store_message(&world.store, i);
        const struct attempt *attempt = &world.attempts[i][row.attempt];
        bool is_stuck = row.status == MESSAGE_DISPATCHED ||
                        (row.status == MESSAGE_ACCEPTED && !attempt->assured && !attempt->given);
        CHECK(!is_stuck || world.lost[i]);
    }
    for (unsigned i = 0; i < DEVICES; i++)
        CHECK(!world_store_is_connected(&world.store, i) || world.device_lost[i]);
}
