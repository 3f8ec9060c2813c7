/* The broker core: a device connects, is alive, and is closed. */
#include "tests/unit/broker_fixture.h"

static void presence_is_committed_before_the_acknowledgement(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    assert_string_equal(world_next_frame(world, id), "");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    world_free(world);
}

static void a_refused_presence_closes_the_connection(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    world_answer(world, world_take_pending(world, STORE_DEVICE_CONNECT), ERROR_DISK_FULL);
    world_assert_closes(world, id, ERROR_DISK_FULL);
    world_close_session(world, id);
    assert_null(world_take_pending(world, STORE_DEVICE_DISCONNECT));
    world_free(world);
}

static void a_phone_that_leaves_while_it_is_being_connected_is_disconnected(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    world_close_session(world, id);
    connect->connect.connection_epoch = 7;
    world_answer(world, connect, ERROR_NONE);
    struct store_write *disconnect = world_take_pending(world, STORE_DEVICE_DISCONNECT);
    assert_non_null(disconnect);
    assert_string_equal(disconnect->disconnect.device_id, "phone");
    assert_int_equal(disconnect->disconnect.connection_epoch, 7);
    world_answer(world, disconnect, ERROR_NONE);
    world_free(world);
}

static void a_phone_without_a_greeting_is_closed(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_advance(world, 9999);
    enum error error;
    assert_int_equal(world_next_output(world, id, &error), OUTPUT_NOTHING);
    world_advance(world, 1);
    world_assert_closes(world, id, ERROR_NO_DEVICE_INFO);
    world_advance(world, 3000);
    assert_int_equal(world->dropped_count, 1); /* it did not answer the close frame */
    world_close_session(world, id);
    world_free(world);
}

static void the_newest_connection_of_a_device_wins(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id first = world_connect_phone(world, "phone", "{}");
    world_queue(world, 2);
    world_answer_all(world);
    assert_true(world_read_message(world, first, message_id));
    session_id silent = world_open_session(world, "phone");
    assert_int_equal(world->pending_count, 0); /* without a greeting it replaces no connection */

    session_id second = world_open_session(world, "phone");
    world_receive(world, second, "{}");
    struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back); /* the message that was not written */
    world_answer(world, back, ERROR_NONE);
    world->queued++;
    world_assert_closes(world, first, ERROR_REPLACED);
    world_report(world, first, message_id, "sent"); /* late, but it counts */
    struct store_write *late = world_take_pending(world, STORE_REPORT);
    assert_non_null(late);
    world_answer(world, late, ERROR_NONE);

    world_answer_all(world);
    assert_string_equal(world_next_frame(world, second), "connection_ack");
    assert_int_equal(world_count_messages(world, second), 1);
    world_close_session(world, first);
    world_close_session(world, silent);
    world_free(world);
}

/* A late greeting of an older connection must not win over a newer connection. */
static void a_greeting_on_an_older_connection_does_not_replace_a_newer_one(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id first = world_open_session(world, "phone");
    session_id second = world_connect_phone(world, "phone", "{}");
    world_receive(world, first, "{}");
    assert_null(world_take_pending(world, STORE_DEVICE_CONNECT));
    world_assert_closes(world, first, ERROR_REPLACED);
    world_close_session(world, first);
    world_queue(world, 1);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, second), 1);
    world_free(world);
}

/* A phone that sends the same odd value in each frame. */
static void warnings_come_after_the_greeting_and_are_few(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{\"battery_level\":0.87}");
    int warnings = 0;
    for (int i = 0; i < 100; i++) {
        while (strcmp(world_next_frame(world, id), "error") == 0) {
            assert_non_null(strstr(world->frame.data, "\"code\":\"member_ignored\""));
            assert_non_null(strstr(world->frame.data, "\"member\":\"battery_level\""));
            warnings++;
        }
        world_receive(
            world, id,
            "{\"type\":\"device_update\",\"info\":{\"battery_level\":0.87,\"charging\":[]}}");
        world_answer_all(world);
    }
    assert_int_equal(warnings, 8);
    world_free(world);
}

static void what_a_phone_says_of_itself_is_written_until_the_store_takes_it(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_advance(world, 1000);
    world_receive(world, id, "{\"type\":\"device_update\",\"info\":{\"sims\":[{\"slot\":2}]}}");
    for (int tries = 0; tries < 3; tries++) {
        struct store_write *write = world_take_pending(world, STORE_DEVICE_UPDATE);
        assert_non_null(write);
        assert_int_equal(write->update.info.sim_slots, 1 << 2);
        world_answer(world, write, tries < 2 ? ERROR_STORE_BUSY : ERROR_NONE);
        world_advance(world, 1000);
    }
    assert_null(world_take_pending(world, STORE_DEVICE_UPDATE));
    world_free(world);
}

static void pings_go_out_and_silence_ends(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id silent = world_connect_phone(world, "silent", "{}");
    session_id alive = world_connect_phone(world, "alive", "{}");
    enum error error;
    int pings = 0;
    for (int i = 0; i < 60; i++) {
        world_advance(world, 1000);
        world_answer_all(world);
        if (world_next_output(world, alive, &error) == OUTPUT_PING) {
            pings++;
            broker_session_alive(world->broker, alive, world->now_ms);
        }
    }
    assert_int_equal(pings, 3);
    assert_int_equal(world->dropped_count, 1);
    assert_int_equal(world->dropped[0], silent);
    world_free(world);
}

static void no_more_phones_than_allowed_are_admitted(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.max_sessions = 2;
    struct world *world = world_new(&options);
    session_id ids[3];
    ids[0] = world_open_session(world, "a");
    ids[1] = world_open_session(world, "b");
    assert_int_equal(broker_check_admission(world->broker), ERROR_TOO_MANY_PHONES);
    assert_false(broker_session_opened(world->broker, "c", "", &device_protocol_basic,
                                       world->now_ms, &ids[2]));
    world_close_session(world, ids[0]);
    assert_int_equal(broker_check_admission(world->broker), ERROR_NONE);
    ids[2] = world_open_session(world, "c");
    assert_int_not_equal(ids[2], ids[0]); /* the slot is used again, the id is not */
    world_receive(world, ids[0], "{}");
    assert_int_equal(world->pending_count, 0);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(presence_is_committed_before_the_acknowledgement),
           cmocka_unit_test(a_refused_presence_closes_the_connection),
           cmocka_unit_test(a_phone_that_leaves_while_it_is_being_connected_is_disconnected),
           cmocka_unit_test(a_phone_without_a_greeting_is_closed),
           cmocka_unit_test(the_newest_connection_of_a_device_wins),
           cmocka_unit_test(a_greeting_on_an_older_connection_does_not_replace_a_newer_one),
           cmocka_unit_test(warnings_come_after_the_greeting_and_are_few),
           cmocka_unit_test(what_a_phone_says_of_itself_is_written_until_the_store_takes_it),
           cmocka_unit_test(pings_go_out_and_silence_ends),
           cmocka_unit_test(no_more_phones_than_allowed_are_admitted))
