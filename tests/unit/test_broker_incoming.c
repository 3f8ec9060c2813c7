/* The broker core: SMS that phones received. */
#include "tests/unit/broker_fixture.h"

static void receive(struct world *world, session_id id, const char *received_id, const char *text)
{
    static char frame[70000];
    snprintf(frame, sizeof(frame),
             "{\"type\":\"sms_received\",\"received_id\":\"%s\",\"from\":\"+49 151 12345678\","
             "\"to\":\"0151 2\",\"sim\":2,\"received_at\":1772366400,\"message\":\"%s\"}",
             received_id, text);
    world_receive(world, id, frame);
}

static struct store_write *take_received(struct world *world)
{
    struct store_write *write = world_take_pending(world, STORE_RECEIVE);
    assert_non_null(write);
    return write;
}

/* The next frame must be the acknowledgement of that SMS. */
static void assert_acknowledged(struct world *world, session_id id, const char *received_id)
{
    char expected[100];
    snprintf(expected, sizeof(expected), "\"received_id\":\"%s\"", received_id);
    assert_string_equal(world_next_frame(world, id), "sms_received_ack");
    assert_non_null(strstr(world->frame.data, expected));
}

static void it_is_acknowledged_after_its_commit(void **state)
{
    (void)state;
    for (int assured = 0; assured < 2; assured++) {
        struct world *world = world_new(&default_options);
        session_id id = assured ? world_connect_assured_phone(world, "phone")
                                : world_connect_phone(world, "phone", "{}");
        receive(world, id, "a-1", "\xe2\x82\xac");
        assert_string_equal(world_next_frame(world, id), "");
        struct store_write *write = take_received(world);
        const struct incoming_sms *sms = write->receive.sms;
        assert_string_equal(sms->device_id, "phone");
        assert_string_equal(sms->received_id, "a-1");
        assert_string_equal(sms->sender, "+4915112345678"); /* in the gateway's form */
        assert_string_equal(sms->recipient, "0151 2");
        assert_string_equal(sms->text, "\xe2\x82\xac");
        assert_int_equal(sms->sim, 2);
        assert_int_equal(sms->segments, 1);
        assert_int_equal(sms->encoding, SMS_ENCODING_GSM7);
        assert_int_equal(sms->received_at_ms, INT64_C(1772366400000));
        world_answer(world, write, ERROR_NONE);
        assert_acknowledged(world, id, "a-1");
        world_free(world);
    }
}

/* Each time: the phone may not have had the answer before. */
static void one_that_is_known_is_acknowledged_again(void **state)
{
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    for (int differs = 0; differs < 2; differs++) {
        receive(world, id, "a", "text");
        struct store_write *write = take_received(world);
        write->receive.known = true;
        write->receive.differs = differs;
        world_answer(world, write, ERROR_NONE);
        assert_acknowledged(world, id, "a");
    }
    world_free(world);
}

static void it_is_retried_until_the_store_takes_it(void **state)
{
    static const enum error errors[] = {ERROR_STORE_UNAVAILABLE, ERROR_STORE_BUSY,
                                        ERROR_OUTCOME_UNKNOWN, ERROR_INTERNAL};
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    receive(world, id, "a", "text");
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        world_answer(world, take_received(world), errors[i]);
        assert_string_equal(world_next_frame(world, id), "");
        world_advance(world, 1000);
    }
    world_answer(world, take_received(world), ERROR_NONE);
    assert_acknowledged(world, id, "a");

    receive(world, id, "b", "text"); /* also when the phone has gone */
    world_answer(world, take_received(world), ERROR_STORE_BUSY);
    world_close_session(world, id);
    world_advance(world, 1000);
    struct store_write *write = take_received(world);
    assert_string_equal(write->receive.sms->received_id, "b");
    world_answer(world, write, ERROR_NONE);
    world_free(world);
}

/* The phone keeps it, and is read from: its reports can be stored. */
static void a_full_disk_refuses_it_until_the_phone_sends_it_again(void **state)
{
    static const enum error errors[] = {ERROR_DISK_FULL, ERROR_WAL_FULL};
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        receive(world, id, "a", "text");
        world_answer(world, take_received(world), errors[i]);
        assert_string_equal(world_next_frame(world, id), "error");
        assert_non_null(strstr(world->frame.data, error_code(errors[i])));
        assert_non_null(strstr(world->frame.data, "\"received_id\":\"a\""));
        world_advance(world, 1000);
        assert_null(world_take_pending(world, STORE_RECEIVE));
    }
    world_free(world);
}

/* Stored, and not acknowledged: nothing follows the close frame. */
static void it_counts_while_the_connection_closes(void **state)
{
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    receive(world, id, "a", "text");
    broker_drain(world->broker, ERROR_RESTARTING, world->now_ms);
    world_pump(world);
    receive(world, id, "b", "text");
    for (int i = 0; i < 2; i++)
        world_answer(world, take_received(world), ERROR_NONE);
    world_assert_closes(world, id, ERROR_RESTARTING);
    assert_false(broker_is_drained(world->broker));
    receive(world, id, "c", "text");
    world_close_session(world, id);
    assert_false(broker_is_drained(world->broker)); /* not before it is stored */
    world_answer(world, take_received(world), ERROR_NONE);
    world_answer_all(world);
    assert_true(broker_is_drained(world->broker));
    world_free(world);
}

static void one_that_comes_before_the_greeting_counts(void **state)
{
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    (void)state;
    world_receive(world, id, "{}");
    receive(world, id, "a", "text");
    world_answer(world, take_received(world), ERROR_NONE);
    world_answer_all(world);
    assert_acknowledged(world, id, "a");
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    world_free(world);
}

static void a_flood_is_read_as_fast_as_it_is_stored(void **state)
{
    struct world *world = world_new(&default_options);
    session_id flooding = world_connect_phone(world, "flooding", "{}");
    session_id other = world_connect_phone(world, "other", "{}");
    (void)state;
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        receive(world, flooding, "a", "text");
    assert_int_equal(world->paused_count, 1);
    assert_int_equal(world->paused[0], flooding);
    assert_false(broker_session_is_read(world->broker, flooding));
    assert_true(broker_session_is_read(world->broker, other));
    world_answer_all(world);
    for (int i = 0; i < SESSION_MAX_OWED; i++)
        assert_acknowledged(world, flooding, "a");
    assert_true(broker_session_is_read(world->broker, flooding));
    world_free(world);
}

/* Of long texts fewer wait at the store: they are kept in memory until then. */
static void long_texts_count_by_their_length(void **state)
{
    static char text[15 * 1024];
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    int count = 0;
    for (; broker_session_is_read(world->broker, id); count++)
        receive(world, id, "a", text);
    assert_int_equal(count, 5); /* of 15 KiB each: 64 and the last */
    world_answer_all(world);
    while (*world_next_frame(world, id))
        ;
    assert_true(broker_session_is_read(world->broker, id));
    world_free(world);
}

static void one_that_cannot_be_read_is_named_in_the_refusal(void **state)
{
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)state;
    world_receive(world, id, "{\"type\":\"sms_received\",\"received_id\":\"a\",\"from\":\"1\"}");
    assert_null(world_take_pending(world, STORE_RECEIVE));
    assert_string_equal(world_next_frame(world, id), "error");
    assert_non_null(strstr(world->frame.data, "invalid_value"));
    assert_non_null(strstr(world->frame.data, "\"received_id\":\"a\""));
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(it_is_acknowledged_after_its_commit),
           cmocka_unit_test(one_that_is_known_is_acknowledged_again),
           cmocka_unit_test(it_is_retried_until_the_store_takes_it),
           cmocka_unit_test(a_full_disk_refuses_it_until_the_phone_sends_it_again),
           cmocka_unit_test(it_counts_while_the_connection_closes),
           cmocka_unit_test(one_that_comes_before_the_greeting_counts),
           cmocka_unit_test(a_flood_is_read_as_fast_as_it_is_stored),
           cmocka_unit_test(long_texts_count_by_their_length),
           cmocka_unit_test(one_that_cannot_be_read_is_named_in_the_refusal))
