/* The broker core: what the store is told of devices that are given nothing. */
#include "tests/unit/broker_fixture.h"

static struct world *given_world(void)
{
    struct broker_options options = default_options;
    options.window = 1;
    return world_new(&options);
}

/* The reason that the next tick notes for the phone, with that result; -1: it notes nothing. */
static int noted(struct world *world, enum error result)
{
    world_advance(world, 1000);
    struct store_write *write = world_take_pending(world, STORE_NOTE_WAITS);
    if (!write)
        return -1;
    assert_int_equal(write->note_waits.count, 1);
    int reason = write->note_waits.waits[0].reason;
    world_answer(world, write, result);
    return reason;
}

/* Each doorbell brings a claim, and most of them find nothing. */
static void a_phone_for_which_a_claim_looks_is_not_busy(void **state)
{
    (void)state;
    struct world *world = given_world();
    world_connect_phone(world, "phone", "{}");
    world_answer_all(world);
    world_queue(world, 0);
    world_queue(world, 0); /* while the claim is at the store, and so is the tick */
    assert_int_equal(noted(world, ERROR_NONE), -1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    world_answer(world, claim, ERROR_NONE);
    world_free(world);
}

/* Where phones are slower than messages come, a claim for the one that has just become free is always at the store. */
static void while_a_claim_looks_the_others_are_busy_with_what_it_leaves(void **state)
{
    (void)state;
    struct world *world = given_world();
    char first[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_connect_phone(world, "other", "{}");
    world_queue(world, 5);
    world_answer_all(world);
    assert_true(world_read_message(world, id, first));
    world_report(world, id, first, "sent");
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    assert_int_equal(noted(world, ERROR_NONE), MESSAGE_WAIT_DEVICE_BUSY);
    world_answer(world, claim, ERROR_NONE);
    world_free(world);
}

static void what_was_noted_is_over_when_nothing_waits(void **state)
{
    (void)state;
    struct world *world = given_world();
    char first[MESSAGE_ID_TEXT_SIZE], second[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 2);
    world_answer_all(world);
    assert_true(world_read_message(world, id, first));
    assert_int_equal(noted(world, ERROR_STORE_BUSY), MESSAGE_WAIT_DEVICE_BUSY);
    assert_int_equal(noted(world, ERROR_NONE),
                     MESSAGE_WAIT_DEVICE_BUSY); /* the store did not take it */
    assert_int_equal(noted(world, ERROR_NONE), -1);
    world_report(world, id, first, "sent");
    world_answer_all(world);
    assert_true(world_read_message(world, id, second));
    world_report(world, id, second, "sent");
    world_answer_all(world);
    assert_int_equal(world->queued, 0);
    assert_int_equal(noted(world, ERROR_NONE), MESSAGE_WAIT_NONE);
    assert_int_equal(noted(world, ERROR_NONE), -1);
    world_free(world);
}

/* The broker tries it again each minute, which is not when it may send. */
static void a_phone_at_its_daily_limit_waits_until_the_day_is_over(void **state)
{
    enum { DAY_MS = 86400000 };
    (void)state;
    struct world *world = given_world();
    world_connect_phone(world, "phone", "{}");
    world_answer_all(world);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    assert_non_null(write);
    write->claim.slots[0].at_daily_limit = true;
    world_answer(world, write, ERROR_NONE);
    world_queue(world, 1);
    world_advance(world, 1000);
    write = world_take_pending(world, STORE_NOTE_WAITS);
    assert_non_null(write);
    assert_int_equal(write->note_waits.waits[0].reason, MESSAGE_WAIT_DEVICE_BUDGET);
    assert_in_range(write->note_waits.waits[0].for_ms, DAY_MS - WORLD_WALL_MS % DAY_MS - 5000,
                    DAY_MS - WORLD_WALL_MS % DAY_MS);
    world_answer(world, write, ERROR_NONE);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_phone_at_its_daily_limit_waits_until_the_day_is_over),
           cmocka_unit_test(a_phone_for_which_a_claim_looks_is_not_busy),
           cmocka_unit_test(while_a_claim_looks_the_others_are_busy_with_what_it_leaves),
           cmocka_unit_test(what_was_noted_is_over_when_nothing_waits))
