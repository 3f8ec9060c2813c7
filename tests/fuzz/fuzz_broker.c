/*
 * The broker core, with the events that an input chooses: phones that connect, send anything and leave; a store that
 * completes writes late, out of order or with an error; and clocks that jump.
 *
 * broker_world.h says where its parts are. Whatever happened before, a drain ends and nothing is
 * missing.
 */
#include "tests/fuzz/broker_world.h"

static const struct broker_options default_options = {
    .name = "broker",
    .max_sessions = SESSIONS - 1,
    .window = WINDOW,
    .min_battery_percent = 5,
    .max_frames_per_second = 20,
    .device_info_timeout_ms = 10000,
    .liveness_timeout_ms = 60000,
    .ack_timeout_ms = 20000,
    .report_timeout_ms = 30000,
    .report_horizon_ms = 100000,
    .stuck_after_ms = 900000,
    .sweep_interval_ms = 2000,
    .lease_ms = 15000,
    .drain_timeout_ms = 5000,
    .new_id = message_id_new,
};

struct world world;

/* ---- What the core wants ---- */

static void take_action(const struct broker_action *action)
{
    if (action->type == BROKER_STORE) {
        store_take(action->write);
        return;
    }
    if (action->type == BROKER_POLL) {
        store_take_poll(action->work);
        return;
    }
    struct phone *phone = phone_find(action->session);
    CHECK(phone); /* no action names a closed session */
    switch (action->type) {
    case BROKER_WRITE:
        phone->write_due = true;
        break;
    case BROKER_PAUSE:
        CHECK(!phone->paused);
        phone->paused = true;
        break;
    case BROKER_RESUME:
        CHECK(phone->paused);
        phone->paused = false;
        break;
    case BROKER_DROP:
        CHECK(!phone->dropped);
        phone->dropped = true;
        break;
    case BROKER_STORE:
    case BROKER_POLL:
        break;
    }
}

void world_pump(void)
{
    struct broker_action action;
    while (broker_next_action(world.broker, &action))
        take_action(&action);
    promise_settled();
}

/* ---- People, time and the end ---- */

/* A message that a phone has, or any. */
static unsigned choose_message(void)
{
    unsigned which = choose(&world.choices, 2 * MOST_MESSAGES);
    const struct phone *phone = &world.phones[which % SESSIONS];
    bool has_one = which >= MOST_MESSAGES && phone->in_flight_count > 0;
    return has_one ? phone->in_flight[0].message : which % MOST_MESSAGES;
}

static void ring(void)
{
    broker_doorbell(world.broker, world.now_ms);
    world_pump();
}

static void pass_time(int64_t ms)
{
    world.now_ms += ms;
    broker_tick(world.broker, world.now_ms, world_wall_ms());
    world_pump();
    promise_in_time();
}

static void set_clock(void)
{
    static const int64_t steps_ms[] = {-86400000, -3600000, -50000, 50000, 3600000, 86400000};
    world.wall_offset_ms += steps_ms[choose(&world.choices, ARRAY_LENGTH(steps_ms))];
}

static void drain(void)
{
    if (!world.draining)
        world.drain_until_ms = world.now_ms + world.options.drain_timeout_ms;
    world.draining = true;
    broker_drain(world.broker, ERROR_SHUTTING_DOWN, world.now_ms);
    world_pump();
    for (size_t i = 0; i < SESSIONS; i++)
        world.phones[i].must_close = true;
}

/* The store completes writes and phones read, until nothing is left. */
static void catch_up(void)
{
    store_answer_all();
    for (size_t i = 0; i < SESSIONS; i++) {
        if (world.phones[i].open)
            phone_reads(&world.phones[i], UINT32_MAX);
    }
    store_answer_all();
}

/* ---- Events ---- */

static void refuse_one(void)
{
    static const enum error errors[] = {ERROR_STORE_BUSY, ERROR_STORE_UNAVAILABLE, ERROR_DISK_FULL};
    unsigned choice = choose(&world.choices, 256);
    store_refuse_one(choice / ARRAY_LENGTH(errors), errors[choice % ARRAY_LENGTH(errors)]);
}

static void happen_to_all(void)
{
    static const int64_t times_ms[] = {0, 1, 50, 100, 1000, 1000, 3000, 10000, 21000, 60000};
    switch (choose(&world.choices, 16)) {
    case 0:
    case 1:
        clients_queue(choose(&world.choices, MOST_MESSAGES));
        ring();
        break;
    case 2:
        clients_cancel(choose_message());
        ring();
        break;
    case 3:
        store_run_next();
        break;
    case 4:
        store_answer_one(choose(&world.choices, 256));
        break;
    case 5:
        refuse_one();
        break;
    case 6:
        store_answer_all();
        break;
    case 7:
        catch_up();
        break;
    case 8:
        world.refusals = choose(&world.choices, 4);
        break;
    case 9:
        pass_time(times_ms[choose(&world.choices, ARRAY_LENGTH(times_ms))]);
        break;
    case 10:
        set_clock();
        break;
    case 11:
        if (choose(&world.choices, 16) == 1)
            drain();
        break;
    case 12:
        operators_decide(choose(&world.choices, DEVICES));
        ring();
        break;
    case 13:
        clients_queue_batch(choose(&world.choices, MOST_MESSAGES));
        ring();
        break;
    case 14:
        clients_cancel_batch(choose(&world.choices, 4));
        ring();
        break;
    case 15:
        clients_resend(choose_message());
        ring();
        break;
    }
}

static void happen_to(struct phone *phone)
{
    enum { READS = PHONE_SPEECHES, LIVES = READS + 3, VIOLATES, LEAVES, EVENT_COUNT };
    unsigned event = choose(&world.choices, EVENT_COUNT);
    if (!phone->open) {
        phone_open(phone);
    } else if (event < READS) {
        phone_says(phone, event);
    } else if (event < LIVES) {
        phone_reads(phone, 1 + choose(&world.choices, 100));
    } else if (event == LIVES) {
        broker_session_alive(world.broker, phone->id, world.now_ms);
        world_pump();
    } else if (event == VIOLATES) {
        broker_session_violated(world.broker, phone->id, ERROR_BINARY_FRAME, world.now_ms);
        world_pump();
        phone->must_close = true;
    } else {
        phone_close(phone);
    }
}

static void happen(void)
{
    unsigned whom = choose(&world.choices, 2 * SESSIONS);
    if (whom < SESSIONS)
        happen_to(&world.phones[whom]);
    else
        happen_to_all();
}

/* For a while there are no faults. */
static void settle(void)
{
    world.refusals = 0;
    for (int i = 0; i < 4; i++) {
        pass_time(1000);
        catch_up();
    }
    if (world.options.segments_per_minute == 0 && !world.draining)
        promise_messages_are_dispatched();
}

/* The broker must drain, and nothing may be missing. */
static void end_well(void)
{
    drain();
    for (int i = 0; i < 3 || world.pending_count > 0; i++) {
        CHECK(i < 100);
        store_answer_all();
        for (size_t k = 0; k < SESSIONS; k++) {
            struct phone *phone = &world.phones[k];
            if (!phone->open)
                continue;
            phone_reads(phone, UINT32_MAX);
            bool is_owed_nothing = store_count_of(phone->id) == 0;
            CHECK(phone->closed || phone->dropped);
            CHECK(!phone->paused || phone->dropped || !is_owed_nothing);
            phone_close(phone);
        }
        store_answer_all();
        pass_time(1000);
    }
    store_answer_all();
    promise_at_the_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_nothing();
    memset(&world, 0, sizeof(world));
    world_store_init(&world.store, &(struct store_limits){0});
    world.choices = (struct choices){data, size};
    world.options = default_options;
    world.now_ms = 1000000;
    unsigned kind = choose(&world.choices, 8); /* three bits */
    world.options.segments_per_minute = kind & 1 ? 60 : 0;
    world.options.segments_burst = 1;
    world.options.max_frames_per_second = kind & 2 ? 1000 : 20;
    world.broker = broker_new(&world.options, world.now_ms);
    CHECK(world.broker);
    for (int i = 0; i < EVENTS && world.choices.size > 0; i++)
        happen();
    if (!(kind & 4))
        settle();
    end_well();
    broker_free(world.broker);
    world_store_fini(&world.store);
    return 0;
}
