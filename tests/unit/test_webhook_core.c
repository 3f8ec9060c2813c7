/* The core of the webhook sender: simulated receivers, days of simulated time, and a store that forgets nothing. */
#include "api-fcgi/webhook/core/retry.h"
#include "api-fcgi/webhook/core/sender.h"
#include "common/base/jitter.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
enum { MOST_EVENTS = 4000, MESSAGES = 97 };

/* ---- A receiver, its webhook in the store, and the events ---- */

struct row {
    bool exists;
    enum result_state state;
    unsigned tries;
    bool was_hurried;
    int64_t due_ms;
};

struct site {
    struct receiver *receiver;
    /* What it answers: its own choice at that time. */
    struct receiver_answer (*answer)(int64_t now_ms, int64_t event_id);
    int64_t latency_ms;
    /* The store */
    int64_t cursor;
    struct receiver_health health;
    struct row rows[MOST_EVENTS];
    /* What it got */
    unsigned got[MOST_EVENTS];   /* successes */
    unsigned tried[MOST_EVENTS]; /* in all */
    int64_t first_try_ms[MOST_EVENTS], last_try_ms[MOST_EVENTS];
    int64_t newest_of_message[MESSAGES]; /* that succeeded */
    unsigned out_of_order, tries;
    size_t most_stored, most_fresh;
    unsigned most_in_flight;
};

struct world {
    int64_t now_ms, newest, event_every_ms, next_event_ms, most_events;
    struct sender sender;
    struct site *sites;
    size_t count;
    uint64_t random;
    struct flight {
        struct site *site;
        struct delivery *delivery;
        int64_t until_ms;
    } flights[SENDER_AT_ONCE];
    size_t flight_count;
    bool notes_fail;
};

static struct message_id message_of(int64_t event_id)
{
    struct message_id id = {{0}};
    if (event_id % 10 != 0) /* some events are of no message */
        id.bytes[15] = (unsigned char)(1 + event_id % MESSAGES);
    return id;
}

static struct receiver_answer says_200(int64_t now_ms, int64_t event_id)
{
    (void)now_ms;
    (void)event_id;
    return (struct receiver_answer){.status = 200};
}

static struct receiver_answer says_500(int64_t now_ms, int64_t event_id)
{
    (void)now_ms;
    (void)event_id;
    return (struct receiver_answer){.status = 500, .problem = "500"};
}

static void start(struct world *world, struct site *site)
{
    site->receiver = receiver_new(site->cursor, &site->health);
    for (int64_t id = 1; id < MOST_EVENTS; id++) {
        const struct row *row = &site->rows[id];
        struct delivery delivery = {.event_id = id,
                                    .message_id = message_of(id),
                                    .tries = row->tries,
                                    .was_hurried = row->was_hurried,
                                    .due_ms = row->due_ms};
        if (row->exists && row->state == RESULT_WAITING)
            receiver_load(site->receiver, &delivery, world->now_ms);
    }
    assert_true(sender_add(&world->sender, site->receiver));
}

static void stop(struct world *world, struct site *site)
{
    size_t left = 0;
    for (size_t i = 0; i < world->flight_count; i++)
        if (world->flights[i].site != site)
            world->flights[left++] = world->flights[i];
    world->flight_count = left;
    sender_remove(&world->sender, site->receiver);
    receiver_free(site->receiver);
}

static void open_world(struct world *world, size_t count)
{
    *world = (struct world){.now_ms = 5 * DAY, .random = 88172645463325252, .count = count};
    world->event_every_ms = SECOND;
    world->next_event_ms = world->now_ms;
    world->most_events = MOST_EVENTS - 1;
    world->sites = calloc(count, sizeof(struct site));
    assert_non_null(world->sites);
    for (size_t i = 0; i < count; i++) {
        world->sites[i].answer = says_200;
        world->sites[i].latency_ms = 20;
        start(world, &world->sites[i]);
    }
}

static void close_world(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        stop(world, &world->sites[i]);
    free(world->sites);
}

static void feed(struct world *world, struct site *site)
{
    size_t wanted;
    struct receiver *receiver = site->receiver;
    while ((wanted = receiver_wants_events(receiver, world->now_ms)) > 0 &&
           receiver->cursor.read_to < world->newest) {
        for (; wanted > 0 && receiver->cursor.read_to < world->newest; wanted--) {
            int64_t id = receiver->cursor.read_to + 1;
            struct delivery event = {.event_id = id,
                                     .event_at_ms = id,
                                     .message_id = message_of(id),
                                     .body = strdup("{}"),
                                     .body_length = 2};
            assert_true(receiver_add_event(receiver, &event, world->now_ms));
        }
    }
}

static void note(struct world *world, struct site *site)
{
    int64_t cursor;
    struct receiver *receiver = site->receiver;
    size_t count = receiver_begin_note(receiver, 256, &cursor);
    if (count == 0 && cursor == site->cursor)
        return;
    if (world->notes_fail && jitter_next(&world->random) < 0.5)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct receiver_result *result = &receiver->results[i];
        site->rows[result->event_id] = (struct row){.exists = true,
                                                    .state = result->state,
                                                    .tries = result->tries,
                                                    .was_hurried = result->was_hurried,
                                                    .due_ms = result->due_ms};
    }
    assert_true(cursor >= site->cursor);
    site->cursor = cursor;
    site->health = receiver->health;
    receiver_end_note(receiver, count);
    for (int64_t id = 1; id <= cursor; id++) /* the promise of the cursor */
        assert_true(site->rows[id].exists);
}

static void finish(struct world *world, struct flight *flight)
{
    struct site *site = flight->site;
    int64_t id = flight->delivery->event_id;
    struct receiver_answer answer = site->answer(world->now_ms, id);
    if (answer.status == 200) {
        int64_t *newest = &site->newest_of_message[id % MESSAGES];
        site->out_of_order += id % 10 != 0 && site->got[id] == 0 && id < *newest;
        if (id % 10 != 0)
            *newest = MAX(*newest, id);
        site->got[id]++;
    }
    site->last_try_ms[id] = world->now_ms;
    if (site->tried[id]++ == 0)
        site->first_try_ms[id] = world->now_ms;
    site->tries++;
    struct delivery *delivery = flight->delivery;
    *flight = world->flights[--world->flight_count];
    receiver_finish(site->receiver, delivery, &answer, world->now_ms, jitter_next(&world->random));
}

static struct site *site_of(struct world *world, const struct receiver *receiver)
{
    size_t i = 0;
    while (world->sites[i].receiver != receiver)
        i++;
    return &world->sites[i];
}

static void take_all(struct world *world)
{
    struct receiver *receiver;
    struct delivery *delivery;
    while ((delivery = sender_take(&world->sender, world->now_ms, &receiver))) {
        struct site *site = site_of(world, receiver);
        assert_true(world->flight_count < SENDER_AT_ONCE);
        world->flights[world->flight_count++] = (struct flight){site, delivery,
                                                                world->now_ms + site->latency_ms};
        site->most_in_flight = MAX(site->most_in_flight, receiver->in_flight);
    }
}

/* Lets the time pass, from one thing that happens to the next. */
static void run(struct world *world, int64_t for_ms)
{
    int64_t end_ms = world->now_ms + for_ms;
    for (;;) {
        for (; world->newest < world->most_events && world->now_ms >= world->next_event_ms;
             world->next_event_ms += world->event_every_ms)
            world->newest++;
        for (size_t i = world->flight_count; i-- > 0;)
            if (i < world->flight_count && world->flights[i].until_ms <= world->now_ms)
                finish(world, &world->flights[i]);
        for (size_t i = 0; i < world->count; i++) {
            struct site *site = &world->sites[i];
            note(world, site);
            feed(world, site);
            site->most_stored = MAX(site->most_stored, site->receiver->queue.stored_count);
            site->most_fresh = MAX(site->most_fresh, site->receiver->queue.fresh_count);
        }
        take_all(world);
        int64_t next_ms = sender_due_ms(&world->sender);
        for (size_t i = 0; i < world->flight_count; i++)
            next_ms = MIN(next_ms, world->flights[i].until_ms);
        if (world->newest < world->most_events)
            next_ms = MIN(next_ms, world->next_event_ms);
        for (size_t i = 0; i < world->count; i++) {
            const struct receiver *receiver = world->sites[i].receiver;
            if (receiver->result_count > 0 || receiver_wants_events(receiver, world->now_ms) == 0)
                next_ms = MIN(next_ms, world->now_ms + SECOND);
        }
        if (world->now_ms >= end_ms)
            return;
        world->now_ms = MIN(MAX(next_ms, world->now_ms + 1), end_ms);
    }
}

static void assert_all_delivered(const struct site *site, int64_t newest)
{
    for (int64_t id = 1; id <= newest; id++) {
        if (site->got[id] == 0 || site->rows[id].state != RESULT_DELIVERED)
            fail_msg("event %d: got %u, tries %u", (int)id, site->got[id], site->tried[id]);
    }
    assert_int_equal(site->cursor, newest);
    assert_int_equal(site->out_of_order, 0);
}

/* ---- Waits ---- */

static void the_waits_of_a_delivery_are_over_three_days(void **state)
{
    int64_t shortest = 0, longest = 0;
    (void)state;
    for (unsigned failures = 1; failures < RETRY_TRIES; failures++) {
        assert_true(retry_wait_ms(failures, 0) <= retry_wait_ms(failures + 1, 0));
        assert_true(retry_wait_ms(failures, 1) <= retry_wait_ms(failures, 0) * 6 / 5);
        shortest += retry_wait_ms(failures, 0);
        longest += retry_wait_ms(failures, 1);
    }
    assert_int_equal(retry_wait_ms(1, 0), 5 * SECOND);
    assert_int_equal(retry_wait_ms(1000, 0), DAY);
    assert_int_equal(retry_probe_wait_ms(1, 0), 5 * SECOND);
    assert_int_equal(retry_probe_wait_ms(1000, 1), 12 * MINUTE);
    assert_true(shortest >= 3 * DAY && longest < 5 * DAY);
    assert_int_equal(retry_asked_wait_ms(-5), 0);
    assert_int_equal(retry_asked_wait_ms(INT64_MAX), DAY);
}

/* ---- Receivers ---- */

static void events_come_once_and_in_order(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1);
    world.event_every_ms = 3;
    run(&world, HOUR);
    assert_all_delivered(&world.sites[0], world.newest);
    assert_int_equal(world.sites[0].tries, MOST_EVENTS - 1);
    assert_int_equal(world.sites[0].most_stored, 0);
    assert_true(world.sites[0].most_in_flight <= RECEIVER_AT_ONCE);
    close_world(&world);
}

static struct receiver_answer fails_now_and_then(int64_t now_ms, int64_t event_id)
{
    uint64_t random = (uint64_t)(now_ms * 7919 + event_id) | 1;
    jitter_next(&random);
    return jitter_next(&random) < 0.1 ? says_500(now_ms, event_id) : says_200(now_ms, event_id);
}

static void what_fails_comes_later_and_each_message_in_order(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1);
    world.event_every_ms = 50;
    world.sites[0].answer = fails_now_and_then;
    world.notes_fail = true;
    run(&world, DAY);
    assert_all_delivered(&world.sites[0], world.newest);
    assert_true(world.sites[0].tries > MOST_EVENTS * 11 / 10);
    close_world(&world);
}

static struct receiver_answer is_away_for_an_hour(int64_t now_ms, int64_t event_id)
{
    int64_t at_ms = now_ms - 5 * DAY;
    if (at_ms >= 10 * MINUTE && at_ms < 70 * MINUTE)
        return (struct receiver_answer){.problem = "connection refused"};
    return says_200(now_ms, event_id);
}

static void an_hour_without_the_receiver(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    site->answer = is_away_for_an_hour;
    run(&world, 69 * MINUTE);
    assert_true(site->health.is_open && site->health.is_failing);
    assert_true(site->cursor < 11 * 60);
    assert_true(site->most_stored <= RECEIVER_AT_ONCE + 20); /* not a row for each event */
    assert_true(site->tries < 10 * 60 + 40);
    run(&world, MINUTE + 13 * MINUTE); /* the longest wait, after the hour */
    assert_all_delivered(site, site->cursor);
    assert_true(site->cursor >= world.newest - 2);
    assert_false(site->health.is_open || site->health.is_failing);
    close_world(&world);
}

/* Too few events for the circuit: the first success says that the receiver is back. */
static void what_failed_comes_soon_after_the_first_success(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    site->answer = is_away_for_an_hour;
    world.event_every_ms =
        20 * MINUTE; /* three of them while it is away; their waits are up to an hour by then */
    run(&world, 69 * MINUTE);
    assert_false(site->health.is_open);
    assert_int_equal(site->got[2] + site->got[3] + site->got[4], 0);
    run(&world, 8 * MINUTE);
    assert_all_delivered(site, 4);
    close_world(&world);
}

static struct receiver_answer refuses_one(int64_t now_ms, int64_t event_id)
{
    return event_id == 11 ? says_500(now_ms, event_id) : says_200(now_ms, event_id);
}

static void a_delivery_that_always_fails_holds_up_its_message_only(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    site->answer = refuses_one;
    world.event_every_ms = MINUTE;
    run(&world, 2 * DAY);
    for (int64_t id = 1; id <= world.newest; id++)
        if (site->got[id] != (id % MESSAGES != 11 || id % 10 == 0) && id < world.newest)
            fail_msg("event %d: %u", (int)id, site->got[id]);
    assert_true(site->rows[11 + MESSAGES].exists); /* it waits, and the cursor goes on */
    assert_int_equal(site->rows[11 + MESSAGES].tries, 0);
    assert_int_equal(site->cursor, world.newest - (site->got[world.newest] == 0));
    stop(&world, site); /* what the store has tells the next one that it was hurried */
    start(&world, site);
    run(&world, 4 * DAY);
    assert_int_equal(site->rows[11].state, RESULT_GIVEN_UP);
    assert_int_equal(site->tried[11],
                     RETRY_TRIES + 1); /* one of them after a success, beside the waits */
    assert_true(site->last_try_ms[11] - site->first_try_ms[11] >= 3 * DAY);
    assert_int_equal(site->got[11 + MESSAGES], 1);
    assert_false(site->receiver->health.is_open);
    assert_null(site->receiver->disable);
    close_world(&world);
}

static void one_that_is_quiet_and_refused_disables_nothing_while_others_succeed(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1);
    world.sites[0].answer = refuses_one;
    world.most_events = 11;
    run(&world, 10 * HOUR);
    assert_false(world.sites[0].receiver->health.is_open);
    world.most_events = 12;
    run(&world, MINUTE); /* and a new event does not wait */
    assert_int_equal(world.sites[0].got[12], 1);
    close_world(&world);
}

static void after_three_days_it_is_disabled_and_keeps_everything(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    run(&world, MINUTE);
    site->answer = says_500;
    world.event_every_ms = MINUTE;
    run(&world, 71 * HOUR);
    assert_null(site->receiver->disable);
    run(&world, 49 * HOUR);
    assert_string_equal(site->receiver->disable, "no delivery succeeded for three days");
    assert_true(site->tries < 60 + 120 * 6);
    unsigned tries = site->tries;
    run(&world, DAY);
    assert_int_equal(site->tries, tries);

    stop(&world, site); /* an operator enables it */
    site->health = (struct receiver_health){0};
    site->answer = says_200;
    start(&world, site);
    run(&world, 2 * DAY);
    assert_all_delivered(site, world.newest);
    close_world(&world);
}

static struct receiver_answer is_gone(int64_t now_ms, int64_t event_id)
{
    (void)now_ms;
    return (struct receiver_answer){.status = event_id == 5 ? 410 : 200, .problem = "gone"};
}

static void gone_ends_it_at_once(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1);
    world.sites[0].answer = is_gone;
    run(&world, DAY);
    assert_string_equal(world.sites[0].receiver->disable, "the receiver answered 410 Gone");
    assert_int_equal(world.sites[0].tries, 5);
    assert_int_equal(world.sites[0].rows[5].state, RESULT_WAITING); /* for whoever enables it */
    close_world(&world);
}

static struct receiver_answer asks_for_a_pause(int64_t now_ms, int64_t event_id)
{
    static int64_t until_ms;
    if (event_id == 50 && until_ms == 0)
        until_ms = now_ms + 20 * MINUTE;
    if (until_ms > now_ms)
        return (struct receiver_answer){
            .status = 429, .problem = "429", .retry_after_ms = until_ms - now_ms};
    return says_200(now_ms, event_id);
}

static void retry_after_is_honoured(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1);
    world.sites[0].answer = asks_for_a_pause;
    run(&world, 15 * MINUTE);
    assert_in_range(world.sites[0].tries, 50, 51);
    run(&world, 2 * HOUR);
    assert_all_delivered(&world.sites[0], world.newest);
    assert_int_equal(world.sites[0].tries, world.newest + 1);
    close_world(&world);
}

/* Another one, which was sent before, succeeds meanwhile: the pause and the delivery's own wait remain. */
static void a_success_does_not_end_the_pause_that_was_asked_for(void **state)
{
    struct receiver_health health = {0};
    struct receiver *receiver = receiver_new(0, &health);
    const struct receiver_answer good = {.status = 200};
    const struct receiver_answer busy = {.status = 429, .problem = "", .retry_after_ms = HOUR};
    struct delivery *flights[2];
    (void)state;
    for (int64_t id = 1; id <= 3; id++) {
        struct delivery event = {.event_id = id, .body = strdup("{}"), .body_length = 2};
        assert_true(receiver_add_event(receiver, &event, 0));
    }
    flights[0] = receiver_take(receiver, 0);
    flights[1] = receiver_take(receiver, 0);
    receiver_finish(receiver, flights[0], &busy, SECOND, 0);
    receiver_finish(receiver, flights[1], &good, SECOND, 0);
    assert_null(receiver_take(receiver, HOUR));
    flights[0] = receiver_take(receiver, HOUR + SECOND);
    assert_int_equal(flights[0]->event_id, 3);
    assert_int_equal(receiver_take(receiver, HOUR + SECOND)->event_id, 1);
    receiver_free(receiver);
}

static void a_slow_receiver_delays_no_other(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 64);
    world.event_every_ms = 100;
    for (size_t i = 1; i < world.count; i++)
        world.sites[i].latency_ms = 29 * SECOND;
    run(&world, 5 * MINUTE);
    assert_true(world.newest >= 2999);
    assert_true(world.sites[0].cursor >= world.newest - 5);
    for (size_t i = 1; i < world.count; i++) {
        assert_true(world.sites[i].most_in_flight >= 1);
        assert_true(world.sites[i].cursor > 0);
    }
    close_world(&world);
}

static void killed_at_any_instant_it_loses_nothing(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    site->answer = fails_now_and_then;
    world.event_every_ms = 30;
    world.notes_fail = true;
    for (int i = 0; i < 300; i++) {
        run(&world, 1 + (int64_t)(jitter_next(&world.random) * 2000));
        stop(&world, site);
        start(&world, site);
    }
    run(&world, DAY);
    assert_int_equal(site->cursor, world.newest);
    for (int64_t id = 1; id <= world.newest; id++)
        assert_true(site->got[id] > 0 && site->rows[id].state == RESULT_DELIVERED);
    close_world(&world);
}

static void a_wrong_clock_in_the_store_delays_by_a_day_at_most(void **state)
{
    struct world world;
    struct site *site;
    (void)state;
    open_world(&world, 1);
    site = &world.sites[0];
    world.most_events = 30;
    site->answer = refuses_one;
    run(&world, HOUR);
    stop(&world, site);
    site->rows[11].due_ms += 1000 * (int64_t)DAY;
    site->answer = says_200;
    start(&world, site);
    run(&world, 30 * HOUR);
    assert_all_delivered(site, world.newest);
    close_world(&world);
}

/* Far behind: what is in memory is bounded, by count and by bytes. */
static void far_behind_it_reads_only_what_it_can_send(void **state)
{
    struct receiver_health health = {0};
    struct receiver *receiver = receiver_new(0, &health);
    size_t added = 0;
    (void)state;
    for (int64_t id = 1; receiver_wants_events(receiver, 0) > 0; id++, added++) {
        char *body = calloc(1, 16384);
        struct delivery event = {.event_id = id, .body = body, .body_length = 16384};
        assert_true(receiver_add_event(receiver, &event, 0));
    }
    assert_true(added <= RECEIVER_FRESH_BYTES / 16384 + 1);
    receiver_free(receiver);

    struct world world;
    open_world(&world, 1);
    world.event_every_ms = 1;
    world.sites[0].latency_ms = SECOND;
    run(&world, 10 * MINUTE);
    assert_all_delivered(&world.sites[0], world.newest);
    assert_true(world.sites[0].most_fresh <= RECEIVER_FRESH);
    close_world(&world);
}

/* A row of an older event comes while a later one of its message is there. */
static void an_older_delivery_comes_before_those_that_wait(void **state)
{
    struct delivery_queue *queue = calloc(1, sizeof(*queue));
    struct delivery one = {.event_id = 7, .message_id = {{1}}, .due_ms = 5};
    (void)state;
    delivery_queue_add(queue, &one);
    one.event_id = 3;
    delivery_queue_add(queue, &one);
    assert_null(delivery_queue_add(queue, &one)); /* only once */
    struct delivery *first = delivery_queue_take(queue, 5);
    assert_int_equal(first->event_id, 3);
    assert_null(delivery_queue_take(queue, 5));
    one.event_id = 1; /* 3 is in flight: 1 is next */
    delivery_queue_add(queue, &one);
    delivery_queue_remove(queue, first);
    first = delivery_queue_take(queue, 5);
    assert_int_equal(first->event_id, 1);
    delivery_queue_put_back(queue, first, 9);
    assert_null(delivery_queue_take(queue, 8));
    assert_int_equal(delivery_queue_due_ms(queue), 9);
    one.event_id = 8;
    one.due_ms = 50; /* behind those of its message */
    delivery_queue_add(queue, &one);
    delivery_queue_hurry_once(queue, 6, 9);
    assert_int_equal(delivery_queue_due_ms(queue), 9); /* not late enough */
    delivery_queue_hurry(queue, 6);
    for (int64_t id = 1; id != 0; id = id == 1 ? 7 : id == 7 ? 8 : 0) { /* and those behind it */
        first = delivery_queue_take(queue, 6);
        assert_int_equal(first->event_id, id);
        if (id < 8)
            delivery_queue_remove(queue, first);
    }
    delivery_queue_put_back(queue, first, 100);
    delivery_queue_hurry_once(queue, 20, 60);
    assert_int_equal(delivery_queue_due_ms(queue), 20);
    first = delivery_queue_take(queue, 20);
    delivery_queue_put_back(queue, first, 100);
    delivery_queue_hurry_once(queue, 20, 60);
    assert_int_equal(delivery_queue_due_ms(queue), 100); /* only once */
    first->not_before_ms = 90;
    delivery_queue_hurry(queue, 30);
    assert_int_equal(delivery_queue_due_ms(queue), 90);
    delivery_queue_fini(queue);
    free(queue);
}

UNIT_TESTS(cmocka_unit_test(the_waits_of_a_delivery_are_over_three_days),
           cmocka_unit_test(events_come_once_and_in_order),
           cmocka_unit_test(what_fails_comes_later_and_each_message_in_order),
           cmocka_unit_test(an_hour_without_the_receiver),
           cmocka_unit_test(what_failed_comes_soon_after_the_first_success),
           cmocka_unit_test(a_success_does_not_end_the_pause_that_was_asked_for),
           cmocka_unit_test(a_delivery_that_always_fails_holds_up_its_message_only),
           cmocka_unit_test(one_that_is_quiet_and_refused_disables_nothing_while_others_succeed),
           cmocka_unit_test(after_three_days_it_is_disabled_and_keeps_everything),
           cmocka_unit_test(gone_ends_it_at_once), cmocka_unit_test(retry_after_is_honoured),
           cmocka_unit_test(a_slow_receiver_delays_no_other),
           cmocka_unit_test(killed_at_any_instant_it_loses_nothing),
           cmocka_unit_test(a_wrong_clock_in_the_store_delays_by_a_day_at_most),
           cmocka_unit_test(far_behind_it_reads_only_what_it_can_send),
           cmocka_unit_test(an_older_delivery_comes_before_those_that_wait))
