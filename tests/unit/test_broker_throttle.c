/* The broker core: devices that make too much work, or do not read. */
#include "tests/unit/broker_fixture.h"

static void a_phone_that_reports_faster_than_the_store_writes_is_not_read(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    const char *message_id = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1";
    for (int i = 0; i < 64; i++)
        world_report(world, id, message_id, "sent");
    assert_int_equal(world->paused_count, 1);
    assert_int_equal(world->paused[0], id);
    assert_int_equal(world->resumed_count, 0);
    for (int i = 0; i < 33; i++)
        world_answer(world, world_take_pending(world, STORE_REPORT), ERROR_NONE);
    assert_int_equal(world->resumed_count, 1);
    world_free(world);
}

static void too_many_frames_end_a_connection(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_frames_per_second = 10;
    struct world *world = world_new(&options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < 19; i++)
        world_receive(world, id, "{\"type\":\"device_update\",\"info\":{}}");
    enum error error;
    assert_int_equal(world_next_output(world, id, &error), OUTPUT_NOTHING);
    world_receive(world, id, "{\"type\":\"device_update\",\"info\":{}}");
    world_assert_closes(world, id, ERROR_TOO_MANY_FRAMES);
    world_free(world);
}

static void a_phone_that_does_not_read_its_errors_is_closed(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        world_receive(world, id, "garbage");
    assert_int_equal(world->paused_count, 1);
    for (int i = 0; i < 9; i++)
        world_advance(world, 1000);
    assert_string_equal(world_next_frame(world, id), "error"); /* one, in the last moment */
    for (int i = 0; i < 12; i++) /* 10 s for another, and 3 s for its close frame */
        world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    world_assert_closes(world, id, ERROR_NOT_READING);
    world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 1);
    world_free(world);
}

static void a_phone_that_reads_its_errors_is_read_from_again(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        world_receive(world, id, "garbage");
    assert_int_equal(world->paused_count, 1);
    while (world->resumed_count == 0)
        assert_string_equal(world_next_frame(world, id), "error");
    for (int i = 0; i < 59; i++) /* its silence counts from there */
        world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 1);
    world_free(world);
}

static void a_phone_is_not_silent_while_it_is_not_read_from(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        world_report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    for (int i = 0; i < 300; i++) /* the store is locked for minutes */
        world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    world_answer_all(world);
    assert_int_equal(world->resumed_count, 1);
    world_advance(world, 1000);
    assert_int_equal(world->dropped_count, 0);
    world_free(world);
}

/* Whatever the work is: pings, empty fragments, single bytes. */
static void a_phone_that_makes_too_much_work_is_not_read_for_a_while(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_frames_per_second = 10; /* 30 units a second, 60 at once */
    struct world *world = world_new(&options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < 60; i++)
        broker_session_worked(world->broker, id, 1, world->now_ms);
    world_pump(world);
    assert_int_equal(world->paused_count, 0);
    assert_true(broker_session_is_read(world->broker, id));
    broker_session_worked(world->broker, id, 3000, world->now_ms); /* a hundred seconds' worth */
    world_pump(world);
    assert_int_equal(world->paused_count, 1);
    assert_false(broker_session_is_read(world->broker, id));
    for (int i = 0; i < 99; i++)
        world_advance(world, 1000);
    assert_int_equal(world->resumed_count, 0);
    world_advance(world, 1000);
    assert_int_equal(world->resumed_count, 1);
    assert_true(broker_session_is_read(world->broker, id));
    assert_int_equal(world->dropped_count, 0); /* it was not silent: it was not read from */

    broker_session_worked(world->broker, id, 3, world->now_ms);
    world_pump(world);
    assert_int_equal(broker_wake_ms(world->broker),
                     world->now_ms + 100); /* and no longer than needed */
    world_free(world);
}

static void two_reasons_not_to_read_are_one_pause(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        world_report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    broker_session_worked(world->broker, id, 10000, world->now_ms);
    world_pump(world);
    assert_int_equal(world->paused_count, 1);
    world_answer_all(world);
    while (*world_next_frame(world, id))
        ;
    assert_int_equal(world->resumed_count, 0); /* the other one is still there */
    for (int i = 0; i < 3; i++)
        world_advance(world, 1000);
    assert_int_equal(world->resumed_count, 1);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_phone_that_reports_faster_than_the_store_writes_is_not_read),
           cmocka_unit_test(too_many_frames_end_a_connection),
           cmocka_unit_test(a_phone_that_does_not_read_its_errors_is_closed),
           cmocka_unit_test(a_phone_that_reads_its_errors_is_read_from_again),
           cmocka_unit_test(a_phone_is_not_silent_while_it_is_not_read_from),
           cmocka_unit_test(a_phone_that_makes_too_much_work_is_not_read_for_a_while),
           cmocka_unit_test(two_reasons_not_to_read_are_one_pause))
