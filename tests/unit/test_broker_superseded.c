/* The broker core: devices that are on another broker, or that another broker has disconnected. */
#include "tests/unit/broker_fixture.h"

static void ring(struct world *world)
{
    world_advance(world, 2000);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
}

static void poll_finds(struct world *world, const char *device_id, int64_t connection_epoch)
{
    ring(world);
    struct store_work *work = world_take_poll(world);
    assert_non_null(work);
    strcpy(work->superseded[0].device_id, device_id);
    work->superseded[0].connection_epoch = connection_epoch;
    work->superseded_count = 1;
    world_answer_poll(world, ERROR_NONE);
}

static void a_connection_that_the_poll_finds_is_replaced(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    poll_finds(world, "phone", world->session - 1); /* of an older one, which has ended */
    poll_finds(world, "nobody", 1);
    assert_string_equal(world_next_frame(world, id), "");
    poll_finds(world, "phone", world->session);
    world_assert_closes(world, id, ERROR_REPLACED);
    poll_finds(world, "phone", world->session); /* until it has gone */
    world_close_session(world, id);
    struct store_write *disconnect = world_take_pending(world, STORE_DEVICE_DISCONNECT);
    assert_non_null(disconnect);
    world_answer(world, disconnect, ERROR_NONE);
    world_free(world);
}

/* Both streams of a polled device stay open for a while, as on one broker. */
static void a_stream_that_the_poll_finds_is_set_aside(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    const struct message_id registration = {.bytes = {7}};
    session_id id = 0;
    assert_true(
        broker_stream_opened(world->broker, "phone", "token", &registration, world->now_ms, &id));
    world_answer_all(world);
    poll_finds(world, "phone", world->session);
    enum error error = ERROR_NONE;
    for (int i = 0; i < 4; i++)
        assert_int_not_equal(world_next_output(world, id, &error), OUTPUT_CLOSE);
    world_queue(world, 1);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_free(world);
}

/* As early as it may: the doorbell leaves it to the next tick. */
static void work_that_another_node_tells_of_is_polled_for_soon(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_advance(world, 2000);
    world_answer_all(world);
    broker_notified(world->broker, STORE_TOPIC_MESSAGES | STORE_TOPIC_KEYS, world->now_ms);
    world_pump(world);
    assert_null(world_take_poll(world));
    ring(world);
    assert_non_null(world_take_poll(world));
    broker_notified(world->broker, STORE_TOPIC_WORK, world->now_ms); /* not seen by that poll */
    world_pump(world);
    world_answer_poll(world, ERROR_NONE);
    assert_null(world_take_poll(world));
    int64_t wait_ms = broker_wake_ms(world->broker) - world->now_ms;
    assert_in_range(wait_ms, 1, 200);
    world_advance(world, wait_ms);
    assert_non_null(world_take_poll(world));
    world_answer_poll(world, ERROR_NONE);
    assert_true(broker_wake_ms(world->broker) - world->now_ms > 200); /* once */
    world_free(world);
}

static void messages_that_another_node_tells_of_are_claimed(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id phone = world_connect_phone(world, "phone", "{}");
    world->queued = 1;
    broker_notified(world->broker, STORE_TOPIC_WORK, world->now_ms);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    broker_notified(world->broker, STORE_TOPIC_MESSAGES, world->now_ms);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, phone), 1);
    world_free(world);
}

/* Its phone may have no other one by then. */
static void a_stream_that_was_set_aside_for_another_broker_is_closed_after_a_minute(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    const struct message_id registration = {.bytes = {7}};
    session_id id = 0;
    enum error error = ERROR_NONE;
    assert_true(
        broker_stream_opened(world->broker, "phone", "token", &registration, world->now_ms, &id));
    world_answer_all(world);
    poll_finds(world, "phone", world->session);
    for (int i = 0; i < 59; i++) {
        world_advance(world, 1000);
        world_answer_all(world);
        while (world_next_output(world, id, &error) != OUTPUT_NOTHING)
            assert_int_equal(error, ERROR_NONE);
    }
    world_advance(world, 20000);
    world_assert_closes(world, id, ERROR_REPLACED);
    world_close_session(world, id);
    world_free(world);
}

static struct store_write *take_disconnect(struct world *world)
{
    world_advance(world, 1000);
    return world_take_pending(world, STORE_DEVICE_DISCONNECT);
}

/* Otherwise the store might have it as connected for as long as the broker lives. */
static void what_may_have_connected_is_disconnected(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{\"type\":\"device_info\"}");
    world_answer(world, world_take_pending(world, STORE_DEVICE_CONNECT), ERROR_OUTCOME_UNKNOWN);
    world_assert_closes(world, id, ERROR_STORE_UNAVAILABLE);
    struct store_write *disconnect = take_disconnect(world);
    assert_non_null(disconnect);
    assert_int_equal(disconnect->disconnect.connection_epoch, 0);
    assert_memory_equal(&disconnect->disconnect.broker, &default_options.instance,
                        sizeof(struct message_id));
    world_answer(world, disconnect, ERROR_STORE_BUSY);

    /* Not while the device connects here, and not once it has. */
    session_id next = world_open_session(world, "phone");
    world_receive(world, next, "{\"type\":\"device_info\"}");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    assert_null(take_disconnect(world));
    assert_null(take_disconnect(world));
    world_answer(world, connect, ERROR_STORE_BUSY);
    assert_non_null(disconnect = take_disconnect(world));
    world_answer(world, disconnect, ERROR_STORE_BUSY);
    world_close_session(world, next);
    world_connect_phone(world, "phone", "{}");
    for (int i = 0; i < 3; i++)
        assert_null(take_disconnect(world));
    world_free(world);
}

static void a_claim_tells_which_connections_are_not_current(void **state)
{
    static const struct {
        enum store_connection connection;
        enum error error;
    } cases[] = {{STORE_CONNECTION_SUPERSEDED, ERROR_REPLACED},
                 {STORE_CONNECTION_ENDED, ERROR_STORE_UNAVAILABLE}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct world *world = world_new(&default_options);
        session_id gone = world_connect_phone(world, "gone", "{}");
        session_id here = world_connect_phone(world, "here", "{}");
        world_queue(world, 1);
        struct store_write *write = world_take_pending(world, STORE_CLAIM);
        for (size_t slot = 0; slot < write->claim.slot_count; slot++)
            if (strcmp(write->claim.slots[slot].device_id, "gone") == 0)
                write->claim.slots[slot].connection = cases[i].connection;
        world_answer(world, write, ERROR_NONE);
        world_assert_closes(world, gone, cases[i].error);
        world_answer_all(world); /* the message goes to another device, at once */
        assert_int_equal(world_count_messages(world, here), 1);
        world_free(world);
    }
}

/* The device is told on its newest connection; a drop here might overtake the release there. */
static void an_ack_of_a_superseded_connection_is_not_answered(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char id_text[MESSAGE_ID_TEXT_SIZE], text[160];
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 1);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    message_id_format(&write->claim.messages[0].id, id_text);
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "offer");
    snprintf(text, sizeof(text), "{\"type\":\"ack\",\"attempt\":1,\"message_id\":\"%s\"}", id_text);
    world_receive(world, id, text);
    write = world_take_pending(world, STORE_RELEASE);
    write->release.verdict = STORE_VERDICT_DROP;
    write->release.superseded = true;
    world_answer(world, write, ERROR_NONE);
    enum error error = ERROR_NONE;
    assert_int_equal(world_next_output(world, id, &error), OUTPUT_CLOSE);
    assert_int_equal(error, ERROR_REPLACED);
    world_free(world);
}

static void answer_lease(struct world *world, bool lost, bool replaced)
{
    world_advance(world, default_options.lease_ms);
    struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE);
    assert_non_null(lease);
    assert_true(lease->lease.renews);
    assert_int_equal(lease->lease.expected_now_ms, 0); /* the last one was too long ago */
    lease->lease.lost = lost;
    lease->lease.replaced = replaced;
    world_answer(world, lease, ERROR_NONE);
}

static void a_broker_that_was_ended_has_its_devices_connect_again(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_advance(world, 0);
    world_answer_all(world);
    session_id silent = world_open_session(world, "silent");
    session_id phone = world_connect_phone(world, "phone", "{}");
    session_id connecting = world_open_session(world, "connecting");
    world_receive(world, connecting, "{\"type\":\"device_info\"}");
    answer_lease(world, true, false);
    world_assert_closes(world, phone, ERROR_STORE_UNAVAILABLE);
    world_assert_closes(world, connecting, ERROR_STORE_UNAVAILABLE);
    struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE); /* before they do */
    assert_non_null(lease);
    assert_false(lease->lease.renews);
    world_answer(world, lease, ERROR_NONE);
    world_answer_all(world);
    world_close_session(world, phone);
    assert_int_equal(broker_check_admission(world->broker), ERROR_NONE);
    (void)silent; /* it has not said who it is, and may go on */
    session_id again = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, again), 1);
    world_free(world);
}

static void answer_next_lease(struct world *world, enum error error, bool has_others)
{
    world_advance(world, default_options.lease_ms);
    struct store_write *lease = world_take_pending(world, STORE_BROKER_LEASE);
    assert_non_null(lease);
    lease->lease.has_others = has_others;
    world_answer(world, lease, error);
}

/* Another broker that starts takes one without a lease for one that has died. */
static void devices_that_connected_before_the_first_lease_connect_again(void **state)
{
    (void)state;
    for (int others = 0; others <= 1; others++) {
        struct world *world = world_new(&default_options);
        answer_next_lease(world, ERROR_DISK_FULL, false);
        session_id phone = world_connect_phone(world, "phone", "{}");
        answer_next_lease(world, ERROR_NONE, others);
        if (others) {
            world_assert_closes(world, phone, ERROR_STORE_UNAVAILABLE);
            world_close_session(world, phone);
            world_answer_all(world);
            phone = world_connect_phone(world, "phone", "{}");
        }
        answer_next_lease(world, ERROR_DISK_FULL, others); /* it has had one */
        answer_next_lease(world, ERROR_NONE, others);
        enum error error = ERROR_NONE;
        while (world_next_output(world, phone, &error) != OUTPUT_NOTHING)
            assert_int_equal(error, ERROR_NONE);
        world_free(world);
    }
}

static void a_broker_whose_name_another_has_ends(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_advance(world, 0);
    world_answer_all(world);
    session_id phone = world_connect_phone(world, "phone", "{}");
    answer_lease(world, true, true);
    world_assert_closes(world, phone, ERROR_STORE_UNAVAILABLE);
    world_close_session(world, phone);
    world_advance(world, 1000);
    assert_null(world_take_pending(world, STORE_BROKER_LEASE)); /* which would end the other one */
    world_answer_all(world);
    assert_int_equal(broker_check_admission(world->broker), ERROR_RESTARTING);
    assert_true(broker_is_drained(world->broker));
    world_free(world);
}

UNIT_TESTS(
    cmocka_unit_test(a_connection_that_the_poll_finds_is_replaced),
    cmocka_unit_test(a_stream_that_the_poll_finds_is_set_aside),
    cmocka_unit_test(work_that_another_node_tells_of_is_polled_for_soon),
    cmocka_unit_test(messages_that_another_node_tells_of_are_claimed),
    cmocka_unit_test(a_stream_that_was_set_aside_for_another_broker_is_closed_after_a_minute),
    cmocka_unit_test(what_may_have_connected_is_disconnected),
    cmocka_unit_test(a_claim_tells_which_connections_are_not_current),
    cmocka_unit_test(an_ack_of_a_superseded_connection_is_not_answered),
    cmocka_unit_test(a_broker_that_was_ended_has_its_devices_connect_again),
    cmocka_unit_test(devices_that_connected_before_the_first_lease_connect_again),
    cmocka_unit_test(a_broker_whose_name_another_has_ends))
