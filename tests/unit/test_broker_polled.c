/* The broker core: polled devices, by their streams and by the events of their messages. */
#include "common/store/polled.h"
#include "tests/unit/broker_fixture.h"

enum { KEEPS_RUNNING = 1075000, MAY_SEND_TWICE = 1070000 }; /* versions of the app */

static const struct message_id registration = {.bytes = {7}};

static session_id open_stream(struct world *world)
{
    session_id id = 0;
    assert_true(
        broker_stream_opened(world->broker, "phone", "token", &registration, world->now_ms, &id));
    world_pump(world);
    return id;
}

/* Its presence is committed, with what it has said of itself; the store has `in_flight`, if there is one. */
static void answer_connect_as(struct world *world, const struct device_traits *traits,
                              unsigned app_version, unsigned fetched,
                              const struct store_in_flight *in_flight)
{
    struct store_write *write = world_take_pending(world, STORE_DEVICE_CONNECT);
    assert_non_null(write);
    assert_true(write->connect.polled && write->connect.holder.assured);
    assert_true(message_id_equal(&write->connect.holder.journal, &registration));
    write->connect.connection_epoch = ++world->session;
    write->connect.polled_device.app_version = app_version;
    write->connect.polled_device.fetched = fetched;
    write->connect.traits = *traits;
    if (in_flight)
        write->connect.in_flight[write->connect.in_flight_count++] = *in_flight;
    world_answer(world, write, ERROR_NONE);
}

static void answer_connect(struct world *world, unsigned app_version, unsigned fetched,
                           const struct store_in_flight *in_flight)
{
    static const struct device_traits charged = {.battery_level = 80};
    answer_connect_as(world, &charged, app_version, fetched, in_flight);
}

static session_id connect_phone(struct world *world, unsigned app_version)
{
    session_id id = open_stream(world);
    answer_connect(world, app_version, POLLED_FETCHED_WEBHOOKS | POLLED_FETCHED_SETTINGS, NULL);
    return id;
}

static void assert_event(struct world *world, session_id id, const char *text)
{
    enum error error;
    enum session_output output = world_next_output(world, id, &error);
    if (output == OUTPUT_PING)
        output = world_next_output(world, id, &error);
    assert_int_equal(output, OUTPUT_FRAME);
    buffer_append(&world->frame, "", 1);
    assert_string_equal(world->frame.data, text);
}

#define TOLD "event: MessageEnqueued\ndata: null\n\n"

static void assert_quiet(struct world *world, session_id id)
{
    assert_string_equal(world_next_frame(world, id), "");
}

/* Dispatches so many messages, or fewer where there is no room; their ids. */
static size_t dispatch(struct world *world, int count, struct message_id ids[])
{
    world_queue(world, count);
    struct store_write *write;
    size_t done = 0;
    while ((write = world_take_pending(world, STORE_CLAIM))) {
        world_fill_claim(world, write);
        for (size_t i = 0; i < write->claim.message_count; i++)
            ids[done++] = write->claim.messages[i].id;
        world_answer(world, write, ERROR_NONE);
    }
    return done;
}

/* The next poll, which finds nothing as yet. */
static struct store_work *take_poll(struct world *world)
{
    struct store_work *poll;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    while (!(poll = world_take_poll(world)))
        world_advance(world, 100);
    poll->moves = (struct store_event_page){0};
    poll->cancel_count = poll->revoked_count = poll->configured_count = 0;
    poll->more = false;
    return poll;
}

/* A poll finds that messages have moved; the events, which are read again where that is asked for. */
static void find_moves(struct world *world, struct store_work *poll, int64_t first_event,
                       const struct message_id ids[], size_t count, enum message_status status,
                       const char *error_code)
{
    struct store_event *events = calloc(count, sizeof(*events));
    assert_true(poll->follows);
    for (size_t i = 0; i < count; i++) {
        events[i] = (struct store_event){
            .id = first_event + (int64_t)i, .message_id = ids[i], .attempt = 1, .status = status};
        if (status == MESSAGE_QUEUED && *error_code)
            events[i].reason = TRANSITION_NOTHING_SENT;
        strcpy(events[i].device_id,
               status == MESSAGE_QUEUED ? "" : "phone"); /* as the store has it */
        strcpy(events[i].error_code, error_code);
    }
    poll->moves = (struct store_event_page){.events = events, .count = count};
    poll->moves_cursor = first_event + (int64_t)count - 1;
    world_answer_poll(world, ERROR_NONE);
}

static void move_all(struct world *world, const struct message_id ids[], size_t count,
                     enum message_status status, const char *error_code)
{
    struct store_work *poll = take_poll(world);
    find_moves(world, poll, poll->moves_cursor + 1, ids, count, status, error_code);
}

static void move(struct world *world, const struct message_id *id, enum message_status status,
                 const char *error_code)
{
    move_all(world, id, 1, status, error_code);
}

static void a_stream_is_a_connection_without_a_greeting(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = open_stream(world);
    answer_connect(world, KEEPS_RUNNING, POLLED_FETCHED_WEBHOOKS, NULL);
    assert_event(world, id, "event: SettingsUpdated\ndata: null\n\n");
    assert_quiet(world, id);
    world_free(world);
}

static void a_phone_is_told_once_until_it_has_fetched(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[4];
    session_id id = connect_phone(world, KEEPS_RUNNING);
    assert_int_equal(dispatch(world, 2, ids), 2);
    assert_event(world, id, TOLD);
    assert_int_equal(dispatch(world, 1, ids + 2), 1);
    assert_quiet(world, id);
    move(world, &ids[0], MESSAGE_ACCEPTED, "");
    assert_event(world, id, TOLD);                     /* of the others */
    move_all(world, ids + 1, 2, MESSAGE_ACCEPTED, ""); /* by one request */
    assert_quiet(world, id);
    world_free(world);
}

static void a_phone_that_found_nothing_because_of_a_cancellation_is_told_again(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[3];
    session_id id = connect_phone(world, KEEPS_RUNNING);
    assert_int_equal(dispatch(world, 2, ids), 2);
    assert_event(world, id, TOLD);
    move(world, &ids[0], MESSAGE_CANCELLED, "");
    world_advance(world, 1000);
    assert_quiet(world, id); /* the other waits for it */
    move(world, &ids[1], MESSAGE_CANCELLED, "");
    assert_int_equal(dispatch(world, 1, ids + 2), 1);
    assert_event(world, id, TOLD);
    world_free(world);
}

/* By a clock that is ahead, say: it would end all messages before others have them. */
static void a_phone_that_gives_back_messages_unsent_waits(void **state)
{
    static const char *const codes[] = {"expired", "not_sent", "no_service"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        struct world *world = world_new(&default_options);
        struct message_id ids[8];
        connect_phone(world, KEEPS_RUNNING);
        assert_int_equal(dispatch(world, 6, ids), 4);
        move_all(world, ids, 2, MESSAGE_QUEUED, codes[i]);
        assert_int_equal(dispatch(world, 0, ids + 4), 0);
        world_advance(world, 1000);
        assert_int_equal(dispatch(world, 0, ids + 4), 1);
        world_free(world);
    }
}

static void what_is_not_fetched_returns_to_the_queue_and_the_stream_stays(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[4];
    session_id id = connect_phone(world, KEEPS_RUNNING);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(dispatch(world, round == 0, ids), 1);
        assert_event(world, id, TOLD);
        world_advance(world, default_options.ack_timeout_ms);
        struct store_write *write = world_take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(write);
        assert_true(message_id_equal(&write->return_to_queue.ref.id, &ids[0]));
        write->return_to_queue.changed = true;
        world->queued++;
        world_answer(world, write, ERROR_NONE);
    }
    /* Then it is given one a minute, until it fetches that. */
    for (int i = 0; i < 5; i++) {
        assert_null(world_take_pending(world, STORE_CLAIM));
        world_advance(world, 10000);
        assert_quiet(world, id);
    }
    world->queued = 2;
    world_advance(world, 10000);
    assert_int_equal(dispatch(world, 0, ids), 1);
    assert_event(world, id, TOLD);
    assert_null(world_take_pending(world, STORE_CLAIM));
    move(world, &ids[0], MESSAGE_ACCEPTED, "");
    assert_int_equal(dispatch(world, 2, ids), 3); /* as many as before */
    world_free(world);
}

static void the_newest_stream_is_told_and_older_ones_stay_open(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[4];
    enum error error;
    session_id first = connect_phone(world, KEEPS_RUNNING);
    dispatch(world, 1, ids);
    assert_event(world, first, TOLD);
    const struct store_in_flight offer = {.ref = {ids[0], 1}, .status = MESSAGE_DISPATCHED};
    session_id second = open_stream(world);
    answer_connect(world, KEEPS_RUNNING, 3, &offer);
    assert_null(world_take_pending(world, STORE_RETURN_TO_QUEUE));
    assert_event(world, second, TOLD);
    move(world, &ids[0], MESSAGE_ACCEPTED, "");
    dispatch(world, 1, ids);
    assert_event(world, second, TOLD);
    assert_quiet(world, first);
    session_id more[3];
    for (int i = 0; i < 3; i++)
        more[i] = connect_phone(world, KEEPS_RUNNING);
    assert_int_equal(world_next_output(world, first, &error), OUTPUT_CLOSE); /* the fifth */
    assert_quiet(world, second);
    dispatch(world, 0, ids);
    /* The newest ends: the device is not connected, whatever else is open. */
    world_close_session(world, more[2]);
    struct store_write *write = world_take_pending(world, STORE_DEVICE_DISCONNECT);
    assert_int_equal(write->disconnect.connection_epoch, world->session);
    world_answer(world, write, ERROR_NONE);
    assert_int_equal(dispatch(world, 1, ids), 0);
    world_free(world);
}

static void the_store_refuses_a_newer_stream_and_older_ones_end(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    enum error error;
    session_id first = connect_phone(world, KEEPS_RUNNING);
    session_id second = open_stream(world);
    world_answer(world, world_take_pending(world, STORE_DEVICE_CONNECT), ERROR_DISK_FULL);
    assert_int_equal(world_next_output(world, second, &error), OUTPUT_CLOSE);
    assert_int_equal(world_next_output(world, first, &error), OUTPUT_CLOSE);
    world_free(world);
}

static void a_revoked_token_closes_all_streams(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    enum error error;
    session_id first = connect_phone(world, KEEPS_RUNNING);
    session_id second = connect_phone(world, KEEPS_RUNNING);
    struct store_work *poll = take_poll(world);
    poll->revoked_count = 1;
    poll->revoked[0] = (struct store_revoked_device){.connection_epoch = world->session,
                                                     .revocation = DEVICE_TOKEN_REVOKED};
    strcpy(poll->revoked[0].device_id, "phone");
    world_answer_poll(world, ERROR_NONE);
    assert_int_equal(world_next_output(world, first, &error), OUTPUT_CLOSE);
    assert_int_equal(error, ERROR_DEVICE_REVOKED);
    assert_int_equal(world_next_output(world, second, &error), OUTPUT_CLOSE);
    world_free(world);
}

static void an_app_that_may_send_twice_has_one_message_at_a_time(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[8];
    connect_phone(world, MAY_SEND_TWICE);
    assert_int_equal(dispatch(world, 3, ids), 1);
    move(world, &ids[0], MESSAGE_ACCEPTED, "");
    assert_int_equal(dispatch(world, 0, ids + 1), 0);
    move(world, &ids[0], MESSAGE_SENDING, "");
    assert_int_equal(dispatch(world, 0, ids + 1), 1);
    move(world, &ids[1], MESSAGE_FAILED, "no_service");
    move(world, &ids[1], MESSAGE_FAILED, "no_service"); /* seen again */
    assert_int_equal(dispatch(world, 0, ids + 2), 1);
    world_free(world);
}

static void a_message_fills_the_window_until_it_is_sent(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[8];
    connect_phone(world, KEEPS_RUNNING);
    assert_int_equal(dispatch(world, 6, ids), 4);
    move(world, &ids[0], MESSAGE_ACCEPTED, "");
    move(world, &ids[0], MESSAGE_SENDING, "");
    assert_int_equal(dispatch(world, 0, ids + 4), 0);
    move(world, &ids[0], MESSAGE_SENT, "");
    assert_int_equal(dispatch(world, 0, ids + 4), 1);
    move(world, &ids[1], MESSAGE_QUEUED, "no_service"); /* nothing of it was sent */
    assert_int_equal(dispatch(world, 0, ids + 5), 1);
    world_free(world);
}

static void a_phone_is_given_messages_by_the_battery_that_its_pings_tell(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id ids[2];
    const struct device_traits empty = {.battery_level = default_options.min_battery_percent - 1};
    open_stream(world);
    answer_connect_as(world, &empty, KEEPS_RUNNING, 3, NULL);
    assert_int_equal(dispatch(world, 2, ids), 0);
    struct store_work *poll = take_poll(world);
    poll->configured_count = 1;
    poll->configured[0] = (struct store_configured_device){
        .device_id = "phone", .traits = {.configured = 1, .battery_level = 1, .charging = 1}};
    world_answer_poll(world, ERROR_NONE);
    assert_int_equal(dispatch(world, 0, ids), 2);
    world_free(world);
}

static void a_cancel_request_is_an_event_with_the_attempt(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct store_in_flight accepted = {.cancel_requested = true, .status = MESSAGE_ACCEPTED};
    memset(accepted.ref.id.bytes, 0xab, sizeof(accepted.ref.id.bytes));
    accepted.ref.attempt = 2;
    session_id id = open_stream(world);
    answer_connect(world, KEEPS_RUNNING, 3, &accepted);
    assert_event(world, id, TOLD);
    assert_event(world, id,
                 "event: MessageCancelled\n"
                 "data: {\"messageId\":\"abababababababababababababababab-2\"}\n\n");
    world_free(world);
}

static void a_stream_has_comments_and_is_silent_only_when_it_takes_none(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    enum error error;
    session_id id = connect_phone(world, KEEPS_RUNNING);
    for (int i = 0; i < 8; i++) {
        world_advance(world, 15000);
        assert_int_equal(world_next_output(world, id, &error), OUTPUT_PING);
        world_answer_all(world);
    }
    assert_int_equal(world->dropped_count, 0);
    world_advance(world, default_options.liveness_timeout_ms);
    assert_int_equal(world->dropped_count, 1);
    world_free(world);
}

/* ---- What is seen before the answer that brings the message ---- */

static void a_phone_that_fetches_before_the_claim_is_answered_has_room_again(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id id;
    connect_phone(world, MAY_SEND_TWICE);
    world_queue(world, 1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, claim);
    id = claim->claim.messages[0].id;
    struct store_work *poll = take_poll(world);
    int64_t event_id = poll->moves_cursor + 1;
    find_moves(world, poll, event_id, &id, 1, MESSAGE_SENDING, "");
    world_answer(world, claim, ERROR_NONE);
    assert_int_equal(dispatch(world, 1, &id), 0); /* as far as is known, it has one */
    poll = take_poll(world);
    assert_int_equal(poll->moves_cursor, event_id - 1);
    find_moves(world, poll, event_id, &id, 1, MESSAGE_SENDING, "");
    struct message_id next;
    assert_int_equal(dispatch(world, 0, &next), 1);
    world_free(world);
}

static void what_a_phone_does_before_its_connection_is_committed_counts(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct store_in_flight accepted = {.ref = {.attempt = 1}, .status = MESSAGE_ACCEPTED};
    memset(accepted.ref.id.bytes, 0xab, sizeof(accepted.ref.id.bytes));
    open_stream(world);
    struct store_work *poll = take_poll(world);
    int64_t event_id = poll->moves_cursor + 1;
    find_moves(world, poll, event_id, &accepted.ref.id, 1, MESSAGE_DELIVERED, "");
    answer_connect(world, MAY_SEND_TWICE, 3, &accepted);
    struct message_id next;
    assert_int_equal(dispatch(world, 1, &next), 0);
    poll = take_poll(world);
    assert_int_equal(poll->moves_cursor, event_id - 1);
    find_moves(world, poll, event_id, &accepted.ref.id, 1, MESSAGE_DELIVERED, "");
    assert_int_equal(dispatch(world, 0, &next), 1);
    world_free(world);
}

static void a_poll_of_before_the_first_stream_loses_no_move(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct store_work *poll = take_poll(world);
    assert_false(poll->follows);
    int64_t from = poll->moves_cursor;
    open_stream(world);
    poll->moves_cursor = from + 7; /* the newest event, when it ran */
    world_answer_poll(world, ERROR_NONE);
    poll = take_poll(world);
    assert_true(poll->follows);
    assert_int_equal(poll->moves_cursor, from);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_stream_is_a_connection_without_a_greeting),
           cmocka_unit_test(a_phone_is_told_once_until_it_has_fetched),
           cmocka_unit_test(a_phone_that_found_nothing_because_of_a_cancellation_is_told_again),
           cmocka_unit_test(a_phone_that_gives_back_messages_unsent_waits),
           cmocka_unit_test(what_is_not_fetched_returns_to_the_queue_and_the_stream_stays),
           cmocka_unit_test(the_newest_stream_is_told_and_older_ones_stay_open),
           cmocka_unit_test(the_store_refuses_a_newer_stream_and_older_ones_end),
           cmocka_unit_test(a_revoked_token_closes_all_streams),
           cmocka_unit_test(an_app_that_may_send_twice_has_one_message_at_a_time),
           cmocka_unit_test(a_message_fills_the_window_until_it_is_sent),
           cmocka_unit_test(a_phone_is_given_messages_by_the_battery_that_its_pings_tell),
           cmocka_unit_test(a_cancel_request_is_an_event_with_the_attempt),
           cmocka_unit_test(a_phone_that_fetches_before_the_claim_is_answered_has_room_again),
           cmocka_unit_test(what_a_phone_does_before_its_connection_is_committed_counts),
           cmocka_unit_test(a_poll_of_before_the_first_stream_loses_no_move),
           cmocka_unit_test(a_stream_has_comments_and_is_silent_only_when_it_takes_none))
