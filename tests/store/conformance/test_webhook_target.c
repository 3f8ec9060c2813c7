/* The webhook sender's core and its notes over a real store, against a receiver that is simulated, by a clock that the test moves. */
#include "api-fcgi/webhook/core/retry.h"
#include "api-fcgi/webhook/target.h"
#include "tests/store/store_fixture.h"

#include <sched.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, TICK = 5 * SECOND };
enum { MOST_EVENTS = 512 };

struct world {
    struct store_fixture *fixture;
    struct target_time time;
    struct sender core;
    struct target *target;
    int64_t away_from_ms, away_to_ms; /* monotonic: when the receiver does not answer */
    unsigned taken[MOST_EVENTS];      /* by event */
    unsigned tries, out_of_order;
    int64_t last_of_message; /* of the message whose events came last */
    struct message_id message_id;
};

static struct webhook read_webhook(struct world *world)
{
    struct webhook webhook;
    bool found;
    assert_int_equal(store_find_webhook(world->fixture->reader, "wh_one", &webhook, &found),
                     ERROR_NONE);
    assert_true(found);
    return webhook;
}

static void start_sender(struct world *world)
{
    struct webhook webhook = read_webhook(world);
    world->target = target_new(world->fixture->reader, &webhook, &world->time);
    assert_non_null(world->target);
    assert_true(sender_add(&world->core, world->target->receiver));
}

/* As kill -9 does, when no note is being written. */
static void end_sender(struct world *world)
{
    sender_remove(&world->core, world->target->receiver);
    target_free(world->target);
    world->target = NULL;
}

static void open_world(struct world *world, void **state)
{
    *world = (struct world){.fixture = *state};
    struct webhook webhook = {.id = "wh_one", .enabled = true, .secret = "whsec_c2VjcmV0"};
    struct store_write write = {.verb = STORE_CREATE_WEBHOOK, .create_webhook.webhook = &webhook};
    store_fixture_stop_clock_at(1800000000000);
    world->time = (struct target_time){.now_ms = DAY_MS, .wall_ms = store_fixture_now_ms()};
    strcpy(webhook.url, "https://receiver.example/");
    assert_int_equal(store_run(world->fixture->store, &write), ERROR_NONE);
    start_sender(world);
}

static void pass(struct world *world, int64_t ms)
{
    store_fixture_pass_ms(ms);
    world->time.now_ms += ms;
    world->time.wall_ms += ms;
}

static void take(struct world *world, const struct delivery *delivery)
{
    char beginning[32];
    snprintf(beginning, sizeof(beginning), "{\"id\":%d,", (int)delivery->event_id);
    assert_memory_equal(delivery->body, beginning, strlen(beginning));
    assert_in_range(delivery->event_id, 1, MOST_EVENTS - 1);
    if (message_id_equal(&delivery->message_id, &world->message_id))
        world->out_of_order += delivery->event_id < world->last_of_message;
    world->message_id = delivery->message_id;
    world->last_of_message = delivery->event_id;
    world->taken[delivery->event_id]++;
}

static void try_all(struct world *world)
{
    struct receiver *receiver;
    struct delivery *delivery;
    while ((delivery = sender_take(&world->core, world->time.now_ms, &receiver))) {
        bool unreadable;
        if (!delivery->body)
            assert_true(
                target_read_body(world->target, world->fixture->reader, delivery, &unreadable));
        bool is_away = world->time.now_ms >= world->away_from_ms &&
                       world->time.now_ms < world->away_to_ms;
        const struct receiver_answer answer = {.status = is_away ? 0 : 204,
                                               .problem = "Connection refused"};
        if (!is_away)
            take(world, delivery);
        world->tries++;
        receiver_finish(receiver, delivery, &answer, world->time.now_ms, 0.5);
    }
}

static void note(struct world *world)
{
    target_note(world->target, world->fixture->store, &world->time, true);
    while (atomic_load(&world->target->note) == TARGET_NOTES)
        sched_yield(); /* the store's thread */
    target_take_note(world->target);
}

static void turn(struct world *world)
{
    assert_true(target_read_events(world->target, world->fixture->reader, &world->time));
    try_all(world);
    note(world);
}

/* A message comes each minute, and is delivered. */
static void run(struct world *world, int64_t for_ms)
{
    for (int64_t ms = 0; ms < for_ms; ms += TICK) {
        if (world->time.now_ms % (2 * MINUTE) == 0)
            given_message_in(world->fixture, MESSAGE_DELIVERED);
        turn(world);
        pass(world, TICK);
    }
}

static int64_t newest_event(struct world *world)
{
    struct store_webhook_news news;
    assert_int_equal(store_read_webhook_news(world->fixture->reader, &news), ERROR_NONE);
    return news.newest_event;
}

static void assert_all_taken(struct world *world, unsigned most_times)
{
    struct webhook webhook = read_webhook(world);
    struct webhook_delivery *waiting = NULL;
    size_t count;
    assert_int_equal(webhook.cursor, newest_event(world));
    assert_true(webhook.cursor > 1);
    for (int64_t id = 1; id <= webhook.cursor; id++)
        if (world->taken[id] < 1 || world->taken[id] > most_times)
            fail_msg("event %d came %u times", (int)id, world->taken[id]);
    assert_int_equal(
        store_list_due_deliveries(world->fixture->reader, "wh_one", INT64_MAX, 9, &waiting, &count),
        ERROR_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(webhook.health.failures, 0);
    assert_int_equal(world->out_of_order, 0);
    free(waiting);
}

static void after_an_hour_without_the_receiver_every_event_is_there(void **state)
{
    struct world world;
    open_world(&world, state);
    run(&world, 10 * MINUTE);
    world.away_from_ms = world.time.now_ms;
    world.away_to_ms = world.time.now_ms + HOUR;
    unsigned before = world.tries;
    run(&world, HOUR);
    struct webhook webhook = read_webhook(&world);
    assert_true(webhook.enabled);
    assert_true(webhook.health.failures > 0 && webhook.health.next_try_ms > world.time.wall_ms);
    assert_true(webhook.cursor < newest_event(&world) / 2); /* no row for each event */
    assert_in_range(world.tries - before, 5, 60);
    run(&world, 13 * MINUTE); /* the longest wait */
    assert_all_taken(&world, 1);
    end_sender(&world);
}

static void and_also_if_the_sender_is_killed_each_ten_minutes(void **state)
{
    struct world world;
    open_world(&world, state);
    world.away_from_ms = world.time.now_ms + 5 * MINUTE;
    world.away_to_ms = world.away_from_ms + HOUR;
    for (int i = 0; i < 13; i++) {
        run(&world, 10 * MINUTE);
        end_sender(&world);
        world.time.now_ms += i * HOUR; /* the machine has started again: another monotonic clock */
        world.away_from_ms += i * HOUR;
        world.away_to_ms += i * HOUR;
        start_sender(&world);
    }
    assert_all_taken(&world, 1);
    end_sender(&world);
}

/* Between the answer of the receiver and the note of it. */
static void what_is_killed_before_its_note_comes_again(void **state)
{
    struct world world;
    open_world(&world, state);
    given_message_in(world.fixture, MESSAGE_DELIVERED);
    for (int i = 0; i < 3; i++) {
        assert_true(target_read_events(world.target, world.fixture->reader, &world.time));
        try_all(&world);
        end_sender(&world);
        start_sender(&world);
    }
    assert_int_equal(world.taken[1], 3);
    world.message_id.bytes[0]++; /* they begin again */
    turn(&world);
    assert_int_equal(world.taken[1], 4);
    turn(&world);
    assert_int_equal(world.taken[1], 4);
    end_sender(&world);
}

static void ask_for(struct world *world, int64_t event_id)
{
    struct store_write write = {.verb = STORE_REDELIVER,
                                .redeliver = {.id = "wh_one", .event_id = event_id}};
    assert_int_equal(store_run(world->fixture->store, &write), ERROR_NONE);
}

/* As the sender does when it sees that the webhook was changed. */
static void read_again(struct world *world)
{
    assert_true(target_is_at_rest(world->target));
    end_sender(world);
    start_sender(world);
    world->message_id.bytes[0]++;
    turn(world);
}

static void an_event_that_is_asked_for_before_the_note_comes_again(void **state)
{
    struct world world;
    open_world(&world, state);
    given_message_in(world.fixture, MESSAGE_DELIVERED);
    int64_t event = newest_event(&world);
    assert_true(target_read_events(world.target, world.fixture->reader, &world.time));
    try_all(&world);
    ask_for(&world, event); /* its receiver has it, and the store does not know */
    note(&world);
    read_again(&world);
    assert_int_equal(world.taken[event], 2);

    ask_for(&world, event); /* the store knows */
    read_again(&world);
    assert_int_equal(world.taken[event], 3);
    ask_for(&world, event);
    end_sender(&world);
    start_sender(&world);
    world.message_id.bytes[0]++;
    try_all(&world);
    assert_int_equal(world.taken[event], 4);
    ask_for(&world, event); /* and once more before the note of that */
    note(&world);
    read_again(&world);
    assert_int_equal(world.taken[event], 5);
    read_again(&world);
    assert_int_equal(world.taken[event], 5);
    end_sender(&world);
}

UNIT_TESTS(STORE_TEST(after_an_hour_without_the_receiver_every_event_is_there),
           STORE_TEST(and_also_if_the_sender_is_killed_each_ten_minutes),
           STORE_TEST(what_is_killed_before_its_note_comes_again),
           STORE_TEST(an_event_that_is_asked_for_before_the_note_comes_again))
