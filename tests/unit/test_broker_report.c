/* The broker core: reports. */
#include "tests/unit/broker_fixture.h"

static void a_report_is_retried_until_the_store_takes_it(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    world_answer_all(world);
    assert_true(world_read_message(world, id, message_id));
    world_report(world, id, message_id, "sent");
    for (int i = 0; i < 5; i++) {
        struct store_write *write = world_take_pending(world, STORE_REPORT);
        assert_non_null(write);
        world_answer(world, write, ERROR_STORE_UNAVAILABLE);
        assert_null(world_take_pending(world, STORE_REPORT));
        world_advance(world, 1000);
    }
    world_close_session(world, id); /* also when the phone has gone */
    struct store_write *write = world_take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_int_equal(write->report.status, MESSAGE_SENT);
    world_answer(world, write, ERROR_NONE);
    world_free(world);
}

static void a_report_without_its_seq_counts_and_is_not_acknowledged(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_receive(world, id,
                  "{\"type\":\"report\",\"message_id\":\"019d0000-0000-7000-8000-000000000001\","
                  "\"status\":\"failed\",\"error_code\":\"no_service\"}");
    struct store_write *write = world_take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_int_equal(write->report.status, MESSAGE_FAILED);
    assert_int_equal(write->report.seq, -1);
    assert_int_equal(write->report.ref.attempt, 0);
    assert_false(write->report.nothing_sent); /* of which attempt? */
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "error");
    assert_non_null(strstr(world->frame.data, "member_ignored"));
    assert_string_equal(world_next_frame(world, id), "");
    world_free(world);
}

/* Who sends the code of a part, as Android gives it, may not count the parts. */
static void androids_own_name_of_an_error_proves_nothing_of_several_parts(void **state)
{
    static const struct {
        const char *code;
        bool nothing_sent, of_one_segment;
    } cases[] = {
        {"no_service", true, false},      {"RESULT_ERROR_NO_SERVICE", true, true},
        {"NO_SERVICE", true, true},       {"RESULT_ERROR_GENERIC_FAILURE", false, false},
        {"RESULT_ERROR_X", false, false},
    };
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_assured_phone(world, "phone");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"type\":\"report\",\"message_id\":\"019d0000-0000-7000-8000-000000000001\","
                 "\"attempt\":1,\"seq\":%zu,\"status\":\"failed\",\"error_code\":\"%s\"}",
                 i, cases[i].code);
        world_receive(world, id, text);
        struct store_write *write = world_take_pending(world, STORE_REPORT);
        assert_non_null(write);
        assert_int_equal(write->report.nothing_sent, cases[i].nothing_sent);
        assert_int_equal(write->report.of_one_segment, cases[i].of_one_segment);
        world_answer(world, write, ERROR_NONE);
    }
    world_free(world);
}

static void a_report_on_anothers_message_is_answered_with_an_error(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_report(world, id, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "sent");
    world_answer(world, world_take_pending(world, STORE_REPORT), ERROR_MESSAGE_NOT_HELD);
    assert_string_equal(world_next_frame(world, id), "error");
    assert_non_null(strstr(world->frame.data, "message_not_held"));
    assert_non_null(strstr(world->frame.data, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"));
    world_free(world);
}

/* Nothing was sent, and that is not the device's fault. */
static void a_report_that_a_message_expired_ends_it(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = world_new(&options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 5);
    for (int i = 0; i < 5; i++) {
        world_answer_all(world);
        assert_true(world_read_message(world, id, message_id));
        world_report(world, id, message_id, "expired");
        struct store_write *write = world_take_pending(world, STORE_REPORT);
        assert_non_null(write);
        assert_int_equal(write->report.status, MESSAGE_EXPIRED);
        assert_false(write->report.nothing_sent); /* which would return it to the queue */
        world_answer(world, write, ERROR_NONE);
    }
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_report_is_retried_until_the_store_takes_it),
           cmocka_unit_test(a_report_without_its_seq_counts_and_is_not_acknowledged),
           cmocka_unit_test(androids_own_name_of_an_error_proves_nothing_of_several_parts),
           cmocka_unit_test(a_report_on_anothers_message_is_answered_with_an_error),
           cmocka_unit_test(a_report_that_a_message_expired_ends_it))
