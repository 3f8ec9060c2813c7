/* The broker core: dispatch: which device is given which message, and when. */
#include "tests/unit/broker_fixture.h"

#include "ws-broker/core/dispatch.h"

static void no_frame_goes_out_before_the_commit(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    assert_string_equal(world_next_frame(world, id), "");
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "new_sms");
    assert_string_equal(world_next_frame(world, id), "");
    world_free(world);
}

/* A claim that has got a message, and of which the store says that it may be committed. */
static struct message_ref given_unknown_claim(struct world *world, session_id id,
                                              int64_t transaction)
{
    world_queue(world, 1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    world_fill_claim(world, claim);
    struct message_ref ref = {claim->claim.messages[0].id, 1};
    claim->transaction = transaction;
    world_answer(world, claim, ERROR_OUTCOME_UNKNOWN);
    assert_string_equal(world_next_frame(world, id), "");
    return ref;
}

static void what_a_claim_may_have_taken_is_returned_if_it_did(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    struct message_ref ref = given_unknown_claim(world, id, 7);
    for (int i = 0; i < 3; i++) { /* until the store takes it */
        struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(back);
        assert_memory_equal(&back->return_to_queue.ref, &ref, sizeof(ref));
        assert_string_equal(back->return_to_queue.device_id, "phone");
        assert_int_equal(back->return_to_queue.if_committed, 7);
        world_answer(world, back, i < 2 ? ERROR_STORE_UNAVAILABLE : ERROR_NONE);
        world_advance(world, 1000);
    }
    assert_null(world_take_pending(world, STORE_RETURN_TO_QUEUE));
    world->queued = 1;
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "new_sms");
    world_free(world);
}

/* A file: nothing of it comes to be. */
static void what_a_claim_has_surely_not_taken_is_not_returned(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    (void)given_unknown_claim(world, id, 0);
    assert_null(world_take_pending(world, STORE_RETURN_TO_QUEUE));
    world_free(world);
}

static void a_window_is_never_more_than_full(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char ids[4][MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 10);
    world_answer_all(world);
    for (int i = 0; i < 4; i++)
        assert_true(world_read_message(world, id, ids[i]));
    assert_int_equal(world_count_messages(world, id), 0);

    world_report(world, id, ids[0], "sending"); /* still in flight */
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 0);
    world_report(world, id, ids[0], "sent");
    world_report(world, id, ids[1], "failed");
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 2);
    world_report(world, id, ids[0], "delivered"); /* no longer in flight */
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 0);
    assert_int_equal(world->queued, 4);
    world_free(world);
}

static void a_new_connection_does_not_empty_the_window(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct message_id held[3] = {message_id_new(), message_id_new(), message_id_new()};
    char text[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    assert_int_equal(connect->connect.in_flight_capacity, 4);
    for (int i = 0; i < 3; i++)
        connect->connect.in_flight[i].ref.id = held[i];
    connect->connect.in_flight[2].silent_ms = 30000; /* as long as the report timeout: forgotten */
    connect->connect.in_flight_count = 3;
    connect->connect.connection_epoch = 1;
    world_answer(world, connect, ERROR_NONE);
    world_answer_all(world);
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    world_queue(world, 10);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 2);
    message_id_format(&held[0], text);
    world_report(world, id, text, "delivered");
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void silence_frees_the_window_after_a_time(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 8);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 4);
    for (int i = 0; i < 29; i++) {
        world_advance(world, 1000);
        broker_session_alive(world->broker, id, world->now_ms);
        world_answer_all(world);
    }
    assert_int_equal(world_count_messages(world, id), 0);
    world_advance(world, 1000);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 4);
    world_free(world);
}

static void an_unwritten_message_returns_to_the_queue_when_the_connection_ends(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 3);
    world_answer_all(world);
    assert_true(world_read_message(world, id, message_id));
    world_close_session(world, id);
    struct message_id written;
    assert_true(message_id_parse(message_id, &written));
    for (int i = 0; i < 2; i++) {
        struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(back);
        assert_false(message_id_equal(&back->return_to_queue.ref.id, &written));
        assert_string_equal(back->return_to_queue.device_id, "phone");
        world_answer(world, back, ERROR_NONE);
    }
    assert_null(world_take_pending(world, STORE_RETURN_TO_QUEUE));
    world_free(world);
}

static void frames_sent_before_the_end_count_and_no_message_follows(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = world_new(&options);
    char message_id[MESSAGE_ID_TEXT_SIZE];
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 2);
    world_answer_all(world);
    assert_true(world_read_message(world, id, message_id));
    assert_true(broker_session_leaves(world->broker, id, world->now_ms));
    world_report(world, id, message_id, "sent");
    struct store_write *write = world_take_pending(world, STORE_REPORT);
    assert_non_null(write);
    assert_null(world_take_pending(world, STORE_CLAIM)); /* though there is room now */
    world_close_session(world, id);
    world_answer(world, write, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_CLAIM));
    assert_false(broker_session_leaves(world->broker, id, world->now_ms));
    assert_true(broker_session_opened(world->broker, "stranger", "", &device_protocol_basic,
                                      world->now_ms, &id));
    assert_false(broker_session_leaves(world->broker, id, world->now_ms));
    world_close_session(world, id);
    world_answer_all(world);
    world_free(world);
}

static void a_message_claimed_for_a_closed_connection_returns_to_the_queue(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    world_close_session(world, id);
    world_fill_claim(world, claim);
    world_answer(world, claim, ERROR_NONE);
    struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_non_null(back);
    world_answer(world, back, ERROR_NONE);
    world_free(world);
}

/* The store says that the phone has it: the old connection had it when the store was asked. */
static void a_returned_message_leaves_the_window_of_the_new_connection(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 1;
    struct world *world = world_new(&options);
    world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    world_fill_claim(world, claim);
    struct store_in_flight held = {.ref = {claim->claim.messages[0].id, 1}};
    world_answer(world, claim, ERROR_NONE);

    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.in_flight[0] = held;
    connect->connect.in_flight_count = 1;
    world_answer(world, connect, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "connection_ack");

    struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
    assert_true(message_id_equal(&back->return_to_queue.ref.id, &held.ref.id));
    back->return_to_queue.changed = true;
    world->queued++;
    world_answer(world, back, ERROR_NONE);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void no_more_messages_are_claimed_than_phones_can_take(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_queue(world, 100);
    assert_null(world_take_pending(world, STORE_CLAIM)); /* no phone is connected */
    world_connect_phone(world, "phone", "{}");
    assert_int_equal(world->queued, 96);
    world_free(world);

    world = world_new(&default_options);
    world_connect_phone(world, "phone", "{}");
    world_queue(world, 100);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    assert_int_equal(write->claim.slot_count, 4);
    world_fill_claim(world, write);
    world_answer(world, write, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_RETURN_TO_QUEUE));
    world_free(world);
}

/* "phone-0" and so on. */
static void connect_phones(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        char name[DEVICE_ID_SIZE];
        snprintf(name, sizeof(name), "phone-%d", i);
        world_connect_phone(world, name, "{}");
    }
}

/* The claim of a broker with so many idle phones, which is at the store. */
static struct store_write *first_claim_for(struct world *world, int count)
{
    connect_phones(world, count);
    world_answer_all(world);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    return world_take_pending(world, STORE_CLAIM);
}

static void one_claim_is_at_the_store_at_a_time(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    int window = (int)default_options.window, phones = DISPATCH_FIRST_BATCH / window + 1;
    connect_phones(world, phones);
    world_queue(world, phones * window);
    struct store_write *first = world_take_pending(world, STORE_CLAIM);
    assert_non_null(first);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_fill_claim(world, first);
    world_answer(world, first, ERROR_NONE);
    struct store_write *second = world_take_pending(world, STORE_CLAIM);
    assert_non_null(second);
    world_fill_claim(world, second);
    world_answer(world, second, ERROR_NONE);
    world_answer_all(world);
    assert_int_equal(world->queued, 0);
    world_free(world);
}

static void a_claim_that_was_cut_is_followed_by_one_of_its_size(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_connect_phone(world, "a", "{}");
    world_connect_phone(world, "b", "{}");
    world_queue(world, 8);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    assert_int_equal(claim->claim.slot_count, 8);
    world->queued = 3;
    world_fill_claim(world, claim);
    world->queued = 5;
    claim->claim.cut = true;
    world_answer(world, claim, ERROR_NONE);
    claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    assert_int_equal(claim->claim.slot_count, 3);
    world_fill_claim(world, claim);
    world_answer(world, claim, ERROR_NONE);
    world_answer_all(world);
    assert_int_equal(world->queued, 0);
    world_free(world);
}

/* Answers the claim that is under way, after so long. */
static void answer_claim(struct world *world, int64_t took_ms, bool cut)
{
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    world_advance(world, took_ms);
    world_fill_claim(world, claim);
    claim->claim.cut = cut;
    world_answer(world, claim, ERROR_NONE);
}

static void claims_pause_while_others_want_the_store(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.window = 100;
    struct world *world = world_new(&options);
    world_connect_phone(world, "phone", "{}");
    world_queue(world, 1000);
    answer_claim(world, 4, true);
    int64_t until_ms = world->now_ms + 12;
    assert_null(world_take_pending(world, STORE_CLAIM));
    assert_int_equal(broker_wake_ms(world->broker), until_ms);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_advance(world, 11);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_advance(world, 1);
    answer_claim(world, 2, false); /* was not cut, but soon after one that was */
    assert_int_equal(broker_wake_ms(world->broker), world->now_ms + 6);
    world_advance(world, 6);
    answer_claim(world, 90, false); /* longer ago: others have gone */
    answer_claim(world, 500, true);
    assert_int_equal(broker_wake_ms(world->broker), world->now_ms + 100); /* never longer */
    world_free(world);
}

static void a_pause_of_claims_without_phones_wakes_nobody(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "a", "{}");
    world_queue(world, 100);
    answer_claim(world, 4, true);
    world_close_session(world, id);
    world_advance(world, 12);
    assert_true(broker_wake_ms(world->broker) > world->now_ms);
    world_free(world);
}

static void a_busy_store_is_asked_again_later(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 1);
    world_answer(world, world_take_pending(world, STORE_CLAIM), ERROR_STORE_BUSY);
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    assert_null(world_take_pending(world, STORE_CLAIM)); /* not at once */
    world_advance(world, 1000);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void the_sweep_finds_what_no_doorbell_announced(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_advance(world, 1);
    world_answer_all(world);
    world->queued = 1;
    world_advance(world, 2000);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void equal_phones_take_turns(void **state)
{
    enum { PHONES = 10, ROUNDS = 30 };
    (void)state;
    struct world *world = world_new(&default_options);
    session_id ids[PHONES];
    int counts[PHONES] = {0};
    for (int i = 0; i < PHONES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "phone-%d", i);
        ids[i] = world_connect_phone(world, name, "{}");
    }
    for (int round = 0; round < ROUNDS * PHONES; round++) { /* one message at a time */
        world_queue(world, 1);
        world_answer_all(world);
        for (int i = 0; i < PHONES; i++) {
            char message_id[MESSAGE_ID_TEXT_SIZE];
            while (world_read_message(world, ids[i], message_id)) {
                counts[i]++;
                world_report(world, ids[i], message_id, "sent");
            }
        }
        world_answer_all(world);
    }
    for (int i = 0; i < PHONES; i++)
        assert_int_equal(counts[i], ROUNDS);
    world_free(world);
}

static void a_phone_with_an_empty_battery_is_given_nothing_until_it_charges(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{\"battery_level\":4}");
    world_queue(world, 3);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 0);
    world_receive(world, id, "{\"type\":\"device_update\",\"info\":{\"charging\":true}}");
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 3);
    world_free(world);
}

static void fail_all(struct world *world, session_id id)
{
    char message_id[MESSAGE_ID_TEXT_SIZE], text[200];
    while (world_read_message(world, id, message_id)) {
        snprintf(text, sizeof(text),
                 "{\"type\":\"status_update\",\"message_id\":\"%s\",\"status\":\"failed\","
                 "\"error_code\":\"no_service\"}",
                 message_id);
        world_receive(world, id, text);
        world_answer_all(world);
    }
}

static void a_phone_that_sends_nothing_is_tried_with_one_at_a_time(void **state)
{
    char message_id[MESSAGE_ID_TEXT_SIZE];
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 20);
    world_answer_all(world);
    fail_all(world, id); /* its window of 4, and those given after the first of them */
    assert_int_equal(world->queued, 15);
    for (int seconds = 1; seconds <= 4; seconds *= 2) {
        world_advance(world, seconds * 1000 - 1);
        world_queue(world, 0);
        world_answer_all(world);
        assert_int_equal(world_count_messages(world, id), 0);
        world_advance(world, 1);
        world_queue(world, 0);
        world_answer_all(world);
        if (seconds < 4)
            fail_all(world, id);
    }
    assert_int_equal(world->queued, 12);
    assert_true(world_read_message(world, id, message_id));
    world_report(world, id, message_id, "sent");
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 4);
    world_free(world);
}

static void a_phone_that_sends_nothing_comes_after_others(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id idle = world_connect_phone(world, "idle", "{\"signal_strength\":-60}");
    session_id other = world_connect_phone(world, "other", "{\"signal_strength\":-110}");
    for (int i = 0; i < 2; i++) {
        world_queue(world, 1);
        world_answer_all(world);
        fail_all(world, idle);
    }
    world_advance(world, 1000);
    world_queue(world, 2);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, idle), 0);
    assert_int_equal(world_count_messages(world, other), 2);
    world_free(world);
}

static void the_send_budget_is_kept(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 60;
    options.segments_burst = 2;
    struct world *world = world_new(&options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world_queue(world, 8);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 2);
    world_advance(world, 1900);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 0);
    assert_true(broker_wake_ms(world->broker) <= world->now_ms + 400);
    world_advance(world, 400);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 2);
    world_free(world);
}

/* A text of MAX_MESSAGE_SEGMENTS fits; a longer one must not be tried for ever. */
static void a_message_that_fits_into_no_frame_fails_by_itself(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 1;
    options.segments_burst = 3;
    for (int assured = 0; assured < 2; assured++) {
        struct world *world = world_new(&options);
        session_id id = assured ? world_connect_assured_phone(world, "phone")
                                : world_connect_phone(world, "phone", "{}");
        world->endless = true;
        world_queue(world, 1);
        struct store_write *give = world_take_pending(world, STORE_CLAIM);
        world_fill_claim(world, give);
        struct message_id message = give->claim.messages[0].id;
        world_answer(world, give, ERROR_NONE);
        assert_string_equal(world_next_frame(world, id), "");
        struct store_write *back = world_take_pending(world, STORE_RETURN_TO_QUEUE);
        assert_non_null(back);
        assert_true(message_id_equal(&back->return_to_queue.ref.id, &message));
        assert_true(back->return_to_queue.hopeless);
        assert_string_equal(back->return_to_queue.error_code, "too_long");
        assert_non_null(back->return_to_queue.error_message);
        back->return_to_queue.changed = true;
        world_answer(world, back, ERROR_NONE);
        world_answer_all(world); /* the store has no others yet */

        world_queue(world, 5); /* it has cost nothing: the whole burst is left */
        world_answer_all(world);
        int given = 0;
        while (*world_next_frame(world, id))
            given++;
        assert_int_equal(given, 3);
        world_close_session(world, id);
        world_free(world);
    }
}

static void a_new_connection_brings_no_new_burst(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.segments_per_minute = 60;
    options.segments_burst = 2;
    struct world *world = world_new(&options);
    session_id id = world_open_session(world, "phone");
    world_receive(world, id, "{}");
    struct store_write *connect = world_take_pending(world, STORE_DEVICE_CONNECT);
    connect->connect.connection_epoch = ++world->session;
    send_budget_limit(&connect->connect.send_budget, 2, 2000, WORLD_WALL_MS);
    send_budget_spend(&connect->connect.send_budget, 1, WORLD_WALL_MS);
    world_answer(world, connect, ERROR_NONE);
    assert_string_equal(world_next_frame(world, id), "connection_ack");
    world_queue(world, 4);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

static void a_phone_at_its_daily_limit_does_not_block_others(void **state)
{
    (void)state;
    struct broker_options options = default_options;
    options.liveness_timeout_ms = 600000;
    struct world *world = world_new(&options);
    session_id capped = world_connect_phone(world, "capped", "{\"signal_strength\":-60}");
    session_id other = world_connect_phone(world, "other", "{\"signal_strength\":-110}");
    world->queued = 2;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    for (size_t i = 0; i < write->claim.slot_count; i++)
        write->claim.slots[i].at_daily_limit = strcmp(write->claim.slots[i].device_id, "capped") ==
                                               0;
    world_answer(world, write, ERROR_NONE); /* no message was claimed */
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, capped), 0);
    assert_int_equal(world_count_messages(world, other), 2);
    world_queue(world, 1);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, other), 1);
    world_advance(world, 60000); /* then it is tried again */
    world_queue(world, 1);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, capped), 1);
    world_free(world);
}

static void while_sending_is_paused_only_the_sweep_claims(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    session_id id = world_connect_phone(world, "phone", "{}");
    world->queued = 1;
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    write->claim.paused = true;
    world_answer(world, write, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_advance(world, 2000);
    world_answer_all(world);
    assert_int_equal(world_count_messages(world, id), 1);
    world_free(world);
}

/* ---- Messages for some devices ---- */

static size_t find_slot_of(const struct store_claim *claim, const char *device_id)
{
    size_t slot = 0;
    while (slot < claim->slot_count && strcmp(claim->slots[slot].device_id, device_id) != 0)
        slot++;
    return slot;
}

/* The claim at the store brings nothing, and says that it wants this lane. */
static void answer_wanting(struct world *world, struct store_write *claim, const char *lane)
{
    strcpy(claim->claim.wanted[claim->claim.wanted_count++], lane);
    world_answer(world, claim, ERROR_NONE);
}

static void a_device_that_a_message_waits_for_is_in_the_next_claim(void **state)
{
    enum { PHONES = 3 * DISPATCH_FIRST_BATCH };
    (void)state;
    struct world *world = world_new(&default_options);
    char name[DEVICE_ID_SIZE], lane[LANE_SIZE];
    struct store_write *claim = first_claim_for(world, PHONES);
    assert_int_equal(claim->claim.slot_count, DISPATCH_FIRST_BATCH);
    assert_true(claim->claim.may_defer);
    int missing = 0;
    do
        snprintf(name, sizeof(name), "phone-%d", missing++);
    while (find_slot_of(&claim->claim, name) < claim->claim.slot_count);
    lane_of_device(name, lane);
    answer_wanting(world, claim, lane);
    claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    assert_int_equal(find_slot_of(&claim->claim, name), 0);
    world_answer(world, claim, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_free(world);
}

static void a_wanted_device_that_is_busy_is_claimed_for_once_it_has_room(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    char id[MESSAGE_ID_TEXT_SIZE];
    session_id busy = world_connect_phone(world, "busy", "{}");
    world_queue(world, 4); /* its window */
    world_answer_all(world);
    for (int i = 0; i < 4; i++)
        assert_true(world_read_message(world, busy, id));
    world_connect_phone(world, "idle", "{}");
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    struct store_write *claim = world_take_pending(world, STORE_CLAIM);
    answer_wanting(world, claim, "device:busy");
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_report(world, busy, id, "sent");
    for (claim = NULL; !claim;) {
        claim = world_take_pending(world, STORE_CLAIM);
        if (!claim)
            world_answer(world, world_take_pending(world, STORE_REPORT), ERROR_NONE);
    }
    assert_int_equal(find_slot_of(&claim->claim, "busy"), 0);
    world_answer(world, claim, ERROR_NONE);
    world_free(world);
}

static void a_message_is_left_for_its_last_device_only_once(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    struct store_write *claim = first_claim_for(world, 2 * DISPATCH_FIRST_BATCH);
    assert_true(claim->claim.may_defer);
    claim->claim.deferred = true;
    answer_wanting(world, claim, "device:gone");
    claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    assert_false(claim->claim.may_defer);
    world_answer(world, claim, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_free(world);
}

static size_t count_slots_of(const struct store_claim *claim, const char *device_id)
{
    size_t count = 0;
    for (size_t slot = 0; slot < claim->slot_count; slot++)
        count += strcmp(claim->slots[slot].device_id, device_id) == 0;
    return count;
}

/* A claim has slots for a part of a device's window where many devices share them. */
static void a_lane_that_filled_the_slots_of_its_device_is_claimed_again_at_once(void **state)
{
    enum { WINDOW = 4, PHONES = DISPATCH_FIRST_BATCH / WINDOW + 1 };
    (void)state;
    struct world *world = world_new(&default_options);
    char name[DEVICE_ID_SIZE], lane[LANE_SIZE];
    struct store_write *claim = first_claim_for(world, PHONES);
    assert_int_equal(claim->claim.slot_count, DISPATCH_FIRST_BATCH);
    int number = 0;
    do
        snprintf(name, sizeof(name), "phone-%d", number++);
    while (count_slots_of(&claim->claim, name) == WINDOW);
    world_fill_slots_of(claim, name);
    lane_of_device(name, lane);
    answer_wanting(world, claim, lane);
    claim = world_take_pending(world, STORE_CLAIM);
    assert_non_null(claim);
    assert_int_equal(find_slot_of(&claim->claim, name), 0);
    world_answer(world, claim, ERROR_NONE);
    world_free(world);
}

/* The store does not know yet that the phone has the SIM: the next claim would find the same. */
static void a_lane_that_its_claim_did_not_reach_is_not_claimed_again_at_once(void **state)
{
    (void)state;
    struct world *world = world_new(&default_options);
    world_connect_phone(world, "phone", "{\"sims\":[{\"slot\":2}]}");
    broker_doorbell(world->broker, world->now_ms);
    world_pump(world);
    struct store_write *write = world_take_pending(world, STORE_CLAIM);
    assert_non_null(write);
    strcpy(write->claim.wanted[0], "any/2");
    write->claim.wanted_count = 1;
    world_answer(world, write, ERROR_NONE);
    assert_null(world_take_pending(world, STORE_CLAIM));
    world_free(world);
}

UNIT_TESTS(cmocka_unit_test(a_lane_that_its_claim_did_not_reach_is_not_claimed_again_at_once),
           cmocka_unit_test(a_lane_that_filled_the_slots_of_its_device_is_claimed_again_at_once),
           cmocka_unit_test(no_frame_goes_out_before_the_commit),
           cmocka_unit_test(what_a_claim_may_have_taken_is_returned_if_it_did),
           cmocka_unit_test(what_a_claim_has_surely_not_taken_is_not_returned),
           cmocka_unit_test(a_window_is_never_more_than_full),
           cmocka_unit_test(a_new_connection_does_not_empty_the_window),
           cmocka_unit_test(silence_frees_the_window_after_a_time),
           cmocka_unit_test(an_unwritten_message_returns_to_the_queue_when_the_connection_ends),
           cmocka_unit_test(frames_sent_before_the_end_count_and_no_message_follows),
           cmocka_unit_test(a_message_claimed_for_a_closed_connection_returns_to_the_queue),
           cmocka_unit_test(a_returned_message_leaves_the_window_of_the_new_connection),
           cmocka_unit_test(no_more_messages_are_claimed_than_phones_can_take),
           cmocka_unit_test(one_claim_is_at_the_store_at_a_time),
           cmocka_unit_test(a_claim_that_was_cut_is_followed_by_one_of_its_size),
           cmocka_unit_test(claims_pause_while_others_want_the_store),
           cmocka_unit_test(a_pause_of_claims_without_phones_wakes_nobody),
           cmocka_unit_test(a_busy_store_is_asked_again_later),
           cmocka_unit_test(the_sweep_finds_what_no_doorbell_announced),
           cmocka_unit_test(equal_phones_take_turns),
           cmocka_unit_test(a_phone_with_an_empty_battery_is_given_nothing_until_it_charges),
           cmocka_unit_test(a_phone_that_sends_nothing_is_tried_with_one_at_a_time),
           cmocka_unit_test(a_phone_that_sends_nothing_comes_after_others),
           cmocka_unit_test(the_send_budget_is_kept),
           cmocka_unit_test(a_message_that_fits_into_no_frame_fails_by_itself),
           cmocka_unit_test(a_new_connection_brings_no_new_burst),
           cmocka_unit_test(a_phone_at_its_daily_limit_does_not_block_others),
           cmocka_unit_test(while_sending_is_paused_only_the_sweep_claims),
           cmocka_unit_test(a_device_that_a_message_waits_for_is_in_the_next_claim),
           cmocka_unit_test(a_wanted_device_that_is_busy_is_claimed_for_once_it_has_room),
           cmocka_unit_test(a_message_is_left_for_its_last_device_only_once))
