/* The broker core: retention, expiry, the lease, and the drain. */
#include "tests/unit/broker_fixture.h"

/* Time passes, on the wall clock too, and the store answers whether the broker keeps house. */
static void let_pass(struct world *world, int64_t ms, int64_t *wall_ms)
{
    world->now_ms += ms;
    *wall_ms += ms;
    broker_tick(world->broker, world->now_ms, *wall_ms);
    world_pump(world);
    struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE);
    if (!lease)
        return;
    lease->lease.keeps_house = !world->has_other;
    world_answer(world, lease, ERROR_NONE);
}

static void old_messages_are_purged_in_pieces_once_the_clock_is_trusted(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.text_retention_ms = 1000000;
    options.inbox_retention_ms = 2000000;
    options.event_retention_ms = 3000000;
    struct world *world = world_new(&options);
    int64_t wall_ms = 1700000000000;
    for (int minute = 0; minute < 60; minute++) {
        let_pass(world, 60000, &wall_ms);
        assert_null(world_take_pending(world, STORE_PURGE));
        world_answer_all(world);
    }
    let_pass(world, 60000, &wall_ms);
    struct store_write *write = world_take_pending(world, STORE_PURGE);
    assert_int_equal(write->purge.text_age_ms, 1000000);
    assert_int_equal(write->purge.message_age_ms, 0);
    assert_int_equal(write->purge.incoming_age_ms, 2000000);
    assert_int_equal(write->purge.event_age_ms, 3000000);
    assert_in_range(write->purge.limit, 1, 1000);
    write->purge.more = true;
    world_answer(world, write, ERROR_NONE);
    assert_in_range(broker_wake_ms(world->broker), world->now_ms + 1, world->now_ms + 500);
    let_pass(world, 500, &wall_ms);
    write = world_take_pending(world, STORE_PURGE);
    world_answer(world, write, ERROR_NONE);
    let_pass(world, 1000, &wall_ms);
    assert_null(world_take_pending(world, STORE_PURGE));

    wall_ms += 86400000; /* the clock is set */
    let_pass(world, 60000, &wall_ms);
    assert_null(world_take_pending(world, STORE_PURGE));
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    let_pass(world, 7200000, &wall_ms);
    assert_null(world_take_pending(world, STORE_PURGE));
    world_free(world);
}

/* Idempotency keys are removed after a day, whatever the settings. */
static void the_store_is_purged_without_a_retention_too(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.text_retention_ms = options.message_retention_ms = 0;
    struct world *world = world_new(&options);
    int64_t wall_ms = 1700000000000;
    struct store_write *write = NULL;
    for (int minute = 0; minute <= 61; minute++) {
        let_pass(world, 60000, &wall_ms);
        write = world_take_pending(world, STORE_PURGE);
        assert_int_equal(write != NULL, minute >= 60);
        if (write)
            world_answer(world, write, ERROR_NONE);
        world_answer_all(world);
    }
    world_free(world);
}

static void messages_expire_only_while_the_clock_is_trusted(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    int64_t wall_ms = 1700000000000;
    static const int64_t steps_ms[] = {0, 86400000, -86400000};
    for (size_t i = 0; i < ARRAY_LENGTH(steps_ms); i++) {
        wall_ms += steps_ms[i];
        for (int minute = 0; minute <= 61; minute++) {
            let_pass(world, 60000, &wall_ms);
            struct store_write *write = world_take_pending(world, STORE_EXPIRE_UNREPORTED);
            assert_non_null(write);
            if (minute < 60)
                assert_int_equal(write->expire_unreported.silent_for_ms, 0);
            if (minute == 61)
                assert_int_equal(write->expire_unreported.silent_for_ms,
                                 default_options.report_horizon_ms);
            world_answer(world, write, ERROR_NONE);
            world_answer_all(world);
        }
    }
    world_free(world);
}

static void a_drain_writes_what_is_queued_and_takes_reports(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    world_answer_all(world);
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    world_pump(world);
    assert_int_equal(broker_check_admission(world->broker), ERROR_SHUTTING_DOWN);
    assert_true(world_read_message(world, id, message_id)); /* committed, so it is written */
    world_assert_closes(world, id, ERROR_SHUTTING_DOWN);
    world_queue(world, 1);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_report(world, id, message_id, "sent");
    assert_false(broker_is_drained(world->broker));
    world_close_session(world, id);
    assert_false(broker_is_drained(world->broker)); /* the report is at the store */
    assert_non_null(world->pending[0]);
    world_answer_all(world);
    assert_true(broker_is_drained(world->broker));
    world_free(world);
}

static void a_drain_ends_also_when_a_phone_does_not_answer(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    world_answer_all(world);
    broker_drain(world->broker, ERROR_SHUTTING_DOWN, world->now_ms);
    world_pump(world);
    world_advance(world, 4999);
    assert_int_equal(world->dropped_count, 0);
    world_advance(world, 1);
    assert_int_equal(world->dropped_count, 1);
    world_close_session(world, id);
    struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back);
    world_answer(world, back, ERROR_STORE_BUSY); /* the time is over: no retry */
    world_answer_all(world);
    assert_true(broker_is_drained(world->broker));
    world_free(world);
}

static void the_lease_is_renewed_in_time(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    int leases = 0;
    for (int i = 0; i < 30; i++) {
        world_advance(world, 1000);
        struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE);
        if (lease) {
            leases++;
            assert_int_equal(lease->lease.lease_ms, 15000);
            lease->lease.now_ms = 1700000000000 + world->now_ms; /* the store's clock is steady */
            assert_int_equal(lease->lease.renews, leases > 1);
            /* From a whole lease in time on. */
            assert_int_equal(lease->lease.expected_now_ms, leases < 4 ? 0 : lease->lease.now_ms);
            world_answer(world, lease, ERROR_NONE);
        }
        world_answer_all(world);
    }
    assert_int_equal(leases, 6);
    world_free(world);
}

/* Of several brokers one expires, purges and looks for stuck messages; another takes over when that has ended. */
static void only_the_broker_that_keeps_house_expires_and_purges(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.text_retention_ms = 1000000;
    options.stuck_after_ms = 900000;
    struct world *world = world_new(&options);
    int64_t wall_ms = 1700000000000;
    world->has_other = true;
    for (int minute = 0; minute < 120; minute++) {
        let_pass(world, 60000, &wall_ms);
        assert_null(world_take_pending(world, STORE_EXPIRE_UNREPORTED));
        assert_null(world_take_pending(world, STORE_PURGE));
        if (world->poll)
            assert_int_equal(world->poll->stuck_for_ms, 0);
        world_answer_all(world);
    }
    world->has_other = false;
    let_pass(world, 60000, &wall_ms);
    assert_non_null(world->pending[0]);
    struct store_write *expire = world_take_pending(world, STORE_EXPIRE_UNREPORTED);
    struct store_write *purge = world_take_pending(world, STORE_PURGE);
    assert_non_null(expire);
    assert_non_null(purge);
    world_answer(world, expire, ERROR_NONE);
    world_answer(world, purge, ERROR_NONE);
    world_answer_all(world);
    /* A store that does not answer renews nothing: the lease ends. */
    for (int i = 0; i < 4; i++) {
        world->now_ms += 15000;
        broker_tick(world->broker, world->now_ms, wall_ms += 15000);
        world_pump(world);
        struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE);
        world_answer(world, lease, ERROR_STORE_BUSY);
        assert_null(world_take_pending(world, STORE_EXPIRE_UNREPORTED));
    }
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(old_messages_are_purged_in_pieces_once_the_clock_is_trusted),
           cmocka_unit_test(the_store_is_purged_without_a_retention_too),
           cmocka_unit_test(messages_expire_only_while_the_clock_is_trusted),
           cmocka_unit_test(a_drain_writes_what_is_queued_and_takes_reports),
           cmocka_unit_test(a_drain_ends_also_when_a_phone_does_not_answer),
           cmocka_unit_test(the_lease_is_renewed_in_time),
           cmocka_unit_test(only_the_broker_that_keeps_house_expires_and_purges))
