/* The broker core: revoked tokens, and tokens that two phones use. */
#include "tests/unit/broker_fixture.h"

static session_id open_with_token(struct world *world, const char *token_id)
{
    session_id id = 0;
    assert_true(broker_session_opened(world->broker, "phone", token_id, &device_protocol_basic,
                                      world->now_ms, &id));
    world_receive(world, id, "{}");
    return id;
}

static void a_takeover_counts_when_the_one_before_was_there(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id first = open_with_token(world, "first");
    world_answer_all(world);
    session_id second = open_with_token(world, "second");
    world_answer_all(world);
    session_id third = open_with_token(world, "third");
    world_assert_closes(world, second, ERROR_REPLACED);
    world_close_session(world,
                        second); /* it does not answer: a dead connection of the same phone */
    assert_null(world_take_pending(world, STORE_COUNT_TAKEOVER));

    world_answer_all(world);
    world_close_session(world, third); /* the connection that took over has left */
    world_assert_closes(world, first, ERROR_REPLACED);
    broker_session_answered_close(world->broker, first);
    world_pump(world);
    struct store_write *count = world_take_pending(world, STORE_COUNT_TAKEOVER);
    assert_non_null(count);
    assert_string_equal(count->count_takeover.device_id, "phone");
    assert_string_equal(count->count_takeover.token_id, "first"); /* its own token */
    world_answer(world, count, ERROR_STORE_BUSY);
    world_advance(world, 1000);
    count = world_take_pending(world, STORE_COUNT_TAKEOVER);
    assert_non_null(count);
    world_answer(world, count, ERROR_NONE);

    session_id only = open_with_token(world, "first");
    world_answer_all(world);
    world_receive(world, only, "[");
    broker_session_violated(world->broker, only, ERROR_BINARY_FRAME, world->now_ms);
    broker_session_answered_close(world->broker, only); /* closed for another reason */
    world_pump(world);
    assert_null(world_take_pending(world, STORE_COUNT_TAKEOVER));
    world_close_session(world, only);
    world_close_session(world, first);
    world_free(world);
}

static void without_a_token_no_takeover_counts(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id first = world_connect_phone(world, "phone", "{}");
    world_connect_phone(world, "phone", "{}");
    world_assert_closes(world, first, ERROR_REPLACED);
    broker_session_answered_close(world->broker, first);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_COUNT_TAKEOVER));
    world_close_session(world, first);
    world_free(world);
}

static void a_quarantined_token_ends_the_connection_that_has_it(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id first = open_with_token(world, "old");
    world_answer_all(world);
    session_id second = open_with_token(world, "new");
    world_answer_all(world);
    world_assert_closes(world, first, ERROR_REPLACED);
    while (*world_next_frame(world, second))
        ;
    for (int i = 0; i < 2; i++) {
        enum error error = ERROR_NONE;
        broker_session_answered_close(world->broker, first);
        world_pump(world);
        struct store_write *count = world_take_pending(world, STORE_COUNT_TAKEOVER);
        strcpy(count->count_takeover.token_id, i == 0 ? "old" : "new");
        count->count_takeover.quarantined = true;
        world_answer(world, count, ERROR_NONE);
        if (i == 0)
            assert_int_equal(world_next_output(world, second, &error), OUTPUT_NOTHING);
        else
            world_assert_closes(world, second, ERROR_DEVICE_QUARANTINED);
    }
    world_close_session(world, first);
    world_close_session(world, second);
    world_free(world);
}

static void a_second_phone_with_the_same_token_is_not_greeted(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = open_with_token(world, "token");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.quarantined = true;
    world_answer(world, connect, ERROR_NONE);
    enum error error = ERROR_NONE;
    assert_int_equal(world_next_output(world, id, &error), OUTPUT_CLOSE);
    assert_int_equal(error, ERROR_DEVICE_QUARANTINED);
    world_report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    assert_null(world_take_pending(world, STORE_REPORT)); /* its reports do not count either */
    world_close_session(world, id);
    assert_null(world_take_pending(world, STORE_DEVICE_DISCONNECT));
    world_free(world);
}

/* A phone whose token is revoked is closed within two seconds, also without the doorbell. */
static void revoked_tokens_are_searched_at_the_doorbell_and_every_two_seconds(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.sweep_interval_ms = 600000; /* a sweep searches too */
    struct world *world = world_new(&options);
    int64_t looked_at_ms = world->now_ms;
    for (int i = 0; i < 30; i++) {
        world_advance(world, 1000); /* as often as it is asked to */
        if (world->poll)
            looked_at_ms = world->now_ms;
        world_answer_all(world);
        assert_in_range(world->now_ms - looked_at_ms, 0, 2000);
    }
    world->now_ms += 300;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_non_null(world->poll);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_takeover_counts_when_the_one_before_was_there),
           cmocka_unit_test(without_a_token_no_takeover_counts),
           cmocka_unit_test(a_quarantined_token_ends_the_connection_that_has_it),
           cmocka_unit_test(a_second_phone_with_the_same_token_is_not_greeted),
           cmocka_unit_test(revoked_tokens_are_searched_at_the_doorbell_and_every_two_seconds))
