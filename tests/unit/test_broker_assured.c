/* The broker core: assured devices: offers, and cancel requests. */
#include "tests/unit/broker_fixture.h"

static void about(struct world *world, session_id id, const struct message_id *message,
                  const char *format)
{
    char id_text[MESSAGE_ID_TEXT_SIZE], text[300];
    message_id_format(message, id_text);
    snprintf(text, sizeof(text), "{\"type\":%s,\"message_id\":\"%s\"}", format, id_text);
    world_receive(world, id, text);
}

static void a_report_on_an_older_attempt_leaves_the_new_offer_alone(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 1);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    write->claim.messages[0].attempt = 2;
    struct message_id message = write->claim.messages[0].id;
    world_answer(world, write, ERROR_NONE);
    about(world, id, &message, "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"sent\"");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "report_ack");
    assert_string_equal(world_next_frame(world, id), "offer");
    world_free(world);
}

/* Whatever it reports, it has not acknowledged the offer, and was not told to send. */
static void a_report_instead_of_an_ack_leaves_the_offer_open(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 1);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    struct message_id message = write->claim.messages[0].id;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "offer");
    about(world, id, &message, "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"sent\"");
    world_answer_all(world);
    world_advance(world, default_options.ack_timeout_ms);
    world_assert_closes(world, id, ERROR_ACK_TIMEOUT);
    write = world_take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(write);
    assert_true(message_id_equal(&write->return_to_queue.ref.id, &message));
    world_answer(world, write, ERROR_NONE);
    world_free(world);
}

/* Without its greeting its journal is unknown. */
static void reports_do_not_count_before_the_greeting(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id message = message_id_new();
    session_id id;
    assert_true(broker_session_opened(world->broker, "phone", "", &device_protocol_assured,
                                      world->now_ms, &id));
    world_advance(world, default_options.device_info_timeout_ms);
    about(world, id, &message,
          "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"failed\","
          "\"error_code\":\"no_service\"");
    assert_null(world_take_pending(world, STORE_REPORT));
    world_receive(world, id, "{\"type\":\"hello\",\"journal\":\"\",\"credit\":4}");
    world_assert_closes(world, id, ERROR_NO_DEVICE_INFO);
    world_free(world);
}

static void an_expired_message_leaves_the_window_of_an_assured_phone(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    options.report_horizon_ms = 40000;
    struct world *world = world_new(&options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 2);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    struct message_id message = write->claim.messages[0].id;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "offer");
    about(world, id, &message, "\"ack\",\"attempt\":1");
    write = world_take_pending(world, STORE_RELEASE);
    write->release.verdict = STORE_VERDICT_RELEASE;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "release");
    for (int i = 0; i < 39; i++) {
        world_advance(world, 1000);
        broker_session_alive(world->broker, id, world->now_ms);
        world_answer_all(world);
    }
    assert_string_equal(world_next_frame(world, id), "");
    world_advance(world, 1000);
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "offer");
    world_free(world);
}

/* The store's answer to the acknowledgement: its time was over, or somebody cancelled it. */
static void an_offer_that_expired_meanwhile_is_dropped_and_leaves_room(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = world_new(&options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 2);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    write->claim.messages[0].options = (struct message_options){
        .target.sim = 2, .expires_at_ms = 1767225599000, .no_delivery_report = true};
    struct message_id message = write->claim.messages[0].id;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "offer");
    assert_non_null(strstr(world->frame.data,
                           ",\"sim\":2,\"expires_at\":\"2025-12-31T23:59:59.000Z\","
                           "\"delivery_report\":false}"));
    about(world, id, &message, "\"ack\",\"attempt\":1");
    write = world_take_pending(world, STORE_RELEASE);
    write->release.verdict = STORE_VERDICT_DROP;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "drop");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "offer");
    assert_null(strstr(world->frame.data, "expires_at"));
    world_free(world);
}

/* Of a budget of one segment, by what the device answers. */
static void what_was_not_sent_is_left_over(void **state)
{
    static const struct {
        const char *answer;
        enum store_verb verb;
    } ways[] = {
        {"\"nack\",\"attempt\":1,\"code\":\"no_service\"", STORE_RETURN_TO_QUEUE},
        {"\"ack\",\"attempt\":1", STORE_RELEASE}, /* it was cancelled, and is dropped */
        {"\"report\",\"seq\":1,\"attempt\":1,\"status\":\"expired\"", STORE_REPORT},
        {"\"report\",\"seq\":1,\"attempt\":1,\"status\":\"sent\"", STORE_REPORT},
    };
    (void)state;
    struct broker_options options = default_options;
    options.segments_burst = options.segments_per_minute = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
        struct world *world = world_new(&options);
        session_id id = world_connect_assured_phone(world, "phone");
        bool is_sent = i + 1 == ARRAY_LENGTH(ways);
        world_queue(world, 2);
        struct store_write *write = world_take_pending(world, STORE_CLAIM);
        world_fill_claim(world, write);
        struct message_id message = write->claim.messages[0].id;
        write->claim.claimed_at_ms = WORLD_WALL_MS;
        world_answer(world, write, ERROR_NONE);
        assert_string_equal(world_next_frame(world, id), "offer");
        world_queue(world, 0);
        assert_null(world_take_pending(world, STORE_CLAIM));
        about(world, id, &message, ways[i].answer);
        write = world_take_pending(world, ways[i].verb);
        assert_non_null(write);
        if (write->verb == STORE_RELEASE)
            write->release.verdict = STORE_VERDICT_DROP;
        if (write->verb == STORE_REPORT && !is_sent)
            write->report.refund = (struct store_refund){1, WORLD_WALL_MS};
        world_answer(world, write, ERROR_NONE);
        world_queue(world, 0);
        write = world_take_pending(world, STORE_CLAIM);
        assert_int_equal(write == NULL, is_sent);
        if (write)
            world_answer(world, write, ERROR_NONE);
        world_free(world);
    }
}

static void a_report_that_it_expired_is_acknowledged(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = world_new(&options);
    session_id id = world_connect_assured_phone(world, "phone");
    world_queue(world, 2);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, write);
    struct message_id message = write->claim.messages[0].id;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "offer");
    about(world, id, &message, "\"ack\",\"attempt\":1");
    write = world_take_pending(world, STORE_RELEASE);
    write->release.verdict = STORE_VERDICT_RELEASE;
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "release");
    about(world, id, &message, "\"report\",\"seq\":1,\"attempt\":1,\"status\":\"expired\"");
    write = world_take_pending(world, STORE_REPORT);
    assert_int_equal(write->report.status, MESSAGE_EXPIRED);
    assert_int_equal(write->report.ref.attempt, 1);
    world_answer(world, write, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "report_ack");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "offer");
    world_free(world);
}

/* Each page begins where the last ended, and the next poll at the beginning. */
static void a_poll_for_cancel_requests_goes_on_to_the_end(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id place = message_id_new(), nil = {0};
    for (int i = 0; i < 3; i++) {
        if (i != 1)
            broker_doorbell(world->broker, world->now_ms);
        world_pump(world);
        struct store_work *work = world_take_poll(world);
        assert_non_null(work);
        assert_true(message_id_equal(&work->cancel_cursor, i == 1 ? &place : &nil));
        work->cancel_count = work->revoked_count = 0;
        work->cancel_cursor = place;
        work->more = i == 0;
        world_answer_poll(world, ERROR_NONE);
        world->now_ms += i * 1000;
    }
    assert_null(world->poll);
    world_free(world);
}

/* It does not wait for the one that is under way, nor is it forgotten. */
static void a_doorbell_during_a_poll_is_followed_by_another(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_non_null(world_take_poll(world));
    world->now_ms += 300;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_null(world->poll);
    world_answer_poll(world, ERROR_STORE_BUSY);
    assert_non_null(world->poll);
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_report_on_an_older_attempt_leaves_the_new_offer_alone),
           cmocka_unit_test(a_report_instead_of_an_ack_leaves_the_offer_open),
           cmocka_unit_test(reports_do_not_count_before_the_greeting),
           cmocka_unit_test(an_expired_message_leaves_the_window_of_an_assured_phone),
           cmocka_unit_test(an_offer_that_expired_meanwhile_is_dropped_and_leaves_room),
           cmocka_unit_test(what_was_not_sent_is_left_over),
           cmocka_unit_test(a_report_that_it_expired_is_acknowledged),
           cmocka_unit_test(a_poll_for_cancel_requests_goes_on_to_the_end),
           cmocka_unit_test(a_doorbell_during_a_poll_is_followed_by_another))
