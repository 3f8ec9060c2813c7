/* The broker core: what an operator has decided about a device. */
#include "tests/unit/broker_fixture.h"

/* The next poll finds this decision. */
static void decide(struct world *world, const char *device_id, struct device_traits traits)
{
    world_answer_all(world);
    world_advance(world, 2000);
    struct store_work *work = world_take_poll(world);
    assert_non_null(work);
    strcpy(work->configured[0].device_id, device_id);
    work->configured[0].traits = traits;
    work->configured_count = 1;
    work->configured_cursor = traits.configured;
    world_answer_poll(world, ERROR_NONE);
    world_answer_all(world);
}

static int given(struct world *world, session_id id, int queued)
{
    world_queue(world, queued);
    world_answer_all(world);
    return world_count_messages(world, id);
}

static void a_disabled_phone_is_given_nothing_until_it_is_enabled(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    assert_int_equal(given(world, id, 1), 1);
    decide(world, "phone", (struct device_traits){.disabled = true, .configured = 5});
    world_queue(world, 2);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    decide(world, "phone", (struct device_traits){.configured = 4}); /* of an earlier poll */
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    decide(world, "phone", (struct device_traits){.configured = 6});
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 2);
    world_free(world);
}

static void a_phone_is_connected_with_what_was_decided(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    assert_non_null(connect);
    connect->connect.connection_epoch = 1;
    connect->connect.traits = (struct device_traits){.disabled = true, .configured = 1};
    world_answer(world, connect, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    world_queue(world, 1);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    decide(world, "phone", (struct device_traits){.configured = 2});
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void a_phone_may_have_a_send_budget_of_its_own(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 100;
    options.segments_per_minute = 1;
    options.segments_burst = 5;
    struct world *world = world_new(&options);
    session_id id = world_connect_phone(world, "phone", "{}");
    assert_int_equal(given(world, id, 3), 3);
    decide(world, "phone", (struct device_traits){.window_segments = {true, 4}, .configured = 1});
    assert_int_equal(given(world, id, 4), 1); /* what was spent counts */
    decide(world, "phone",
           (struct device_traits){.window_segments = {true, 0}, .configured = 2}); /* no limit */
    assert_int_equal(given(world, id, 6), 9);
    decide(world, "phone", (struct device_traits){.configured = 3}); /* as the settings say */
    assert_int_equal(given(world, id, 9), 0);                        /* that counts too */
    world_free(world);
}

static void a_claim_that_passed_over_a_disabled_phone_asks_for_what_was_decided(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_answer_all(world);
    world_advance(world, 2000);
    world_answer_all(world);
    world_queue(world, 1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    claim->claim.slots[0].disabled = true;
    world_answer(world, claim, ERROR_NONE);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM)); /* not at once again */
    decide(world, "phone", (struct device_traits){.disabled = true, .configured = 1});
    world_advance(world, 60000);
    assert_null(world_take_pending(world, STORE_CLAIM));
    decide(world, "phone", (struct device_traits){.configured = 2});
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_disabled_phone_is_given_nothing_until_it_is_enabled),
           cmocka_unit_test(a_phone_is_connected_with_what_was_decided),
           cmocka_unit_test(a_phone_may_have_a_send_budget_of_its_own),
           cmocka_unit_test(a_claim_that_passed_over_a_disabled_phone_asks_for_what_was_decided))
