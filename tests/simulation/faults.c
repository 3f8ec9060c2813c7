/* The conditions of a seed, and what goes wrong and when. */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

static const int64_t years_ms = 365ll * 24 * 3600 * 1000;
#define EARLIEST_MS (10 * years_ms)   /* 1980: no clock of a machine is set to before 1970 */
#define RIGHT_MS    (1700000000000ll) /* what the clock says when it is right */

/* In each world only some things go wrong, so that rare meetings of two of them are not drowned. */
static unsigned sometimes(struct world *world, unsigned weight)
{
    return random_chance(&world->random, 500) ? weight : 0;
}

static void draw_conditions(struct world *world)
{
    struct random *random = &world->random;
    world->conditions = (struct conditions){
        .messages = (unsigned)random_between(random, 1, MOST_MESSAGES),
        .faults_ms = random_between(random, 5000, 90000),
        .fault_every_ms = random_between(random, 100, 6000),
        .cuts = sometimes(world, 10),
        .kills = sometimes(world, 4),
        .drains = sometimes(world, 2),
        .crashes = sometimes(world, 5),
        .wipes = sometimes(world, 2),
        .jumps = sometimes(world, 3),
        .troubles = sometimes(world, 4),
        .seconds = sometimes(world, 5),
        .sim_losses = sometimes(world, 3),
        .credit_changes = sometimes(world, 3),
        .cancels = sometimes(world, 400),
        .lost_doorbells = sometimes(world, 300),
        .crash_per_mille = sometimes(world, 20),
        .definite = sometimes(world, 250),
        .permanent = sometimes(world, 30),
        .ambiguous = sometimes(world, 80),
        .partial = sometimes(world, 50),
        .no_result = sometimes(world, 80),
        .delay_ms = random_chance(random, 500) ? 20 : 400,
        .commit_ms = random_chance(random, 700) ? 10 : 500,
        .long_delays = sometimes(world, 60),
        .write_failures = sometimes(world, 10),
        .options = sometimes(world, 500),
        .decisions = random_chance(random, 250) ? 6 : 0,
        .sim_changes = random_chance(random, 250) ? 4 : 0,
        .keys = sometimes(world, 700),
        .batches = sometimes(world, 300),
        .lost_answers = sometimes(world, 300),
        .resends = sometimes(world, (unsigned)random_between(random, 1, MOST_RESENDS)),
    };
}

static void draw_limits(struct world *world)
{
    world->store.cap_every = sometimes(world, (unsigned)random_between(&world->random, 2, 9));
    world->store.endless = random_chance(&world->random, 100)
                               ? 1 + random_below(&world->random, world->conditions.messages)
                               : 0;
    world->store.pause_every = sometimes(world, (unsigned)random_between(&world->random, 2, 9));
}

static void draw_options(struct world *world)
{
    struct random *random = &world->random;
    world->hosts[0].options = (struct broker_options){
        .name = "broker",
        .max_sessions = MOST_CONNECTIONS,
        .window = (unsigned)(random_chance(random, 500) ? random_between(random, 1, 3) : 8),
        .segments_per_minute = random_chance(random, 150) ? 300 : 0,
        .segments_burst = random_between(random, 1, 5),
        .min_battery_percent = 5,
        .max_frames_per_second = 500,
        .device_info_timeout_ms = 10000,
        .liveness_timeout_ms = 60000,
        .ack_timeout_ms = random_chance(random, 500) ? 5000 : 30000,
        .report_timeout_ms = random_chance(random, 500) ? 10000 : 120000,
        .report_horizon_ms = 1200000,
        .sweep_interval_ms = 2000,
        .lease_ms = 15000,
        .drain_timeout_ms = 5000,
    };
}

static void schedule_fault(struct world *world)
{
    world_schedule(world, random_between(&world->random, 1, 2 * world->conditions.fault_every_ms),
                   (struct event){.type = EVENT_FAULT});
}

void faults_init(struct world *world)
{
    world->wall_offset_ms = world->right_ms = RIGHT_MS;
    draw_conditions(world);
    draw_options(world);
    draw_limits(world);
    two_brokers_init(world);
    polled_init(world);
    world->phone_count = (unsigned)random_between(&world->random, 1, MOST_PHONES);
    for (unsigned i = 0; i < world->phone_count; i++)
        phone_init(world, i);
    devices_init(world);
    opt_outs_init(world);
    clients_init(world);
    incoming_init(world);
    schedule_fault(world);
    for (unsigned i = 0; i < world->broker_count; i++)
        host_start(world, &world->hosts[i]);
}

/* ---- Faults ---- */

static void cut(struct world *world)
{
    unsigned index = random_below(&world->random, MOST_CONNECTIONS);
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++, index = (index + 1) % MOST_CONNECTIONS) {
        if (!world->connections[index].used)
            continue;
        TRACE(world, "a connection of phone-%u is cut", world->connections[index].phone);
        world->counts->cuts++;
        const struct host *host = &world->hosts[world->connections[index].host];
        if (random_chance(&world->random, 500) || two_brokers_is_frozen(world, host))
            link_phone_notices(world, index);
        else
            link_broker_notices(world, index);
        return;
    }
}

static void set_clock(struct world *world, int64_t by_ms)
{
    world->wall_offset_ms += by_ms;
    world->clock_set_ms[1] = world->clock_set_ms[0];
    world->clock_set_ms[0] = world->now_ms;
    if (llabs(by_ms) < 60000)
        world->small_jumps_ms += llabs(by_ms);
}

static void jump(struct world *world)
{
    struct random *random = &world->random;
    int64_t by_ms;
    unsigned kind = random_below(random, 10);
    if (kind < 4)
        by_ms = random_between(random, -30000, 30000);
    else if (kind < 7)
        by_ms = random_between(random, -2 * 3600000, 2 * 3600000);
    else
        by_ms = random_between(random, -10 * years_ms, 10 * years_ms);
    world->counts->jumps++;
    TRACE(world, "the clock is set by %lld ms", (long long)by_ms);
    set_clock(world, MAX(by_ms, EARLIEST_MS - world->wall_offset_ms));
}

static void trouble(struct world *world)
{
    static const enum error errors[] = {ERROR_STORE_BUSY, ERROR_DISK_FULL, ERROR_STORE_UNAVAILABLE};
    world->store_trouble = world->store_trouble == ERROR_NONE
                               ? errors[random_below(&world->random, ARRAY_LENGTH(errors))]
                               : ERROR_NONE;
    TRACE(world, "store: %s",
          world->store_trouble == ERROR_NONE ? "is well" : error_code(world->store_trouble));
}

/* Each may send a message back before its frame is written: so many do not reach MOST_ATTEMPTS. */
static void second_connection(struct world *world, unsigned phone)
{
    if (world->second_connections == MOST_ATTEMPTS / 2)
        return;
    world->second_connections++;
    phone_connects(world, phone, true);
}

void faults_inject(struct world *world)
{
    const struct conditions *conditions = &world->conditions;
    if (world->recovering)
        return;
    schedule_fault(world);
    const unsigned weights[] = {
        conditions->cuts,           conditions->kills,     conditions->drains,
        conditions->crashes,        conditions->wipes,     conditions->jumps,
        conditions->troubles,       conditions->seconds,   conditions->sim_losses,
        conditions->credit_changes, conditions->decisions, conditions->sim_changes,
        conditions->freezes,        conditions->cut_offs,  conditions->moves,
    };
    struct host *host = &world->hosts[0];
    unsigned sum = 0, which = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(weights); i++)
        sum += weights[i];
    if (sum == 0)
        return;
    unsigned drawn = random_below(&world->random, sum);
    unsigned phone = random_below(&world->random, world->phone_count);
    if (world->broker_count > 1)
        host = &world->hosts[random_below(&world->random, world->broker_count)];
    while (drawn >= weights[which])
        drawn -= weights[which++];
    switch (which) {
    case 0:
        cut(world);
        break;
    case 1:
        host_kill(world, host);
        break;
    case 2:
        host_drain(world, host);
        break;
    case 3:
        phone_kill(world, phone);
        break;
    case 4:
        phone_wipe(world, phone);
        break;
    case 5:
        jump(world);
        break;
    case 6:
        trouble(world);
        break;
    case 7:
        second_connection(world, phone);
        break;
    case 8:
        world->phones[phone].no_sim = !world->phones[phone].no_sim;
        break;
    case 9:
        phone_changes_credit(world, phone);
        break;
    case 10:
        clients_step(world, OPERATOR_DECIDES, phone);
        break;
    case 11:
        devices_change_sims(world, phone);
        break;
    case 12:
        two_brokers_freeze(world, host);
        break;
    case 13:
        two_brokers_cut_off(world, host);
        break;
    case 14:
        second_connection(world, phone);
        break;
    }
}

/* Faults stop: the disk has room, everybody has a network and a working radio, and operators decide once more. The clock
   may stay wrong, or be set right. */
void faults_end(struct world *world)
{
    TRACE(world, "faults stop");
    world->recovering = true;
    world->store.cap_every = world->store.pause_every = 0;
    world->recovering_since_ms = world->now_ms;
    world->store_trouble = ERROR_NONE;
    two_brokers_recover(world);
    if (random_chance(&world->random, 500))
        set_clock(world, RIGHT_MS - world->wall_offset_ms);
    for (unsigned i = 0; i < world->phone_count; i++) {
        world->phones[i].no_sim = false;
        polled_recovers(world, &world->phones[i]);
        phone_changes_credit(world, i);
        if (world->conditions.decisions > 0)
            world_schedule(world, random_between(&world->random, 0, 20000),
                           (struct event){.type = EVENT_CLIENT, .a = OPERATOR_DECIDES, .b = i});
    }
}
