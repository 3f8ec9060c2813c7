/* Sessions: messages in flight, the next output, and rates. */
#include "tests/unit/unit.h"
#include "ws-broker/core/session.h"

#include <stdlib.h>

enum { WINDOW = 4 };

static int set_up(void **state)
{
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return -1;
    session->protocol = &device_protocol_basic;
    session->info = DEVICE_INFO_UNKNOWN;
    session->capacity = session->credit = WINDOW;
    session->state = SESSION_READY;
    *state = session;
    return 0;
}

static int tear_down(void **state)
{
    session_fini(*state);
    free(*state);
    return 0;
}

static struct message_id id_of(unsigned number)
{
    return (struct message_id){{(unsigned char)number}};
}

static bool hold(struct session *session, unsigned number)
{
    char frame[32];
    const struct message message = {.id = id_of(number), .attempt = 1};
    snprintf(frame, sizeof(frame), "message %u", number);
    return session_add_in_flight(session, &message, 0, strdup(frame));
}

static void release(struct session *session, unsigned number)
{
    struct message_id id = id_of(number);
    session_forget(session, &(struct message_ref){id, 0});
}

static void expect_held(const struct session *session, const char *numbers)
{
    assert_int_equal(session->in_flight_count, strlen(numbers));
    for (size_t i = 0; numbers[i]; i++)
        assert_int_equal(session->in_flight[i].ref.id.bytes[0], numbers[i] - '0');
}

static void expect_output(struct session *session, enum session_output expected, const char *text)
{
    enum sent_frame_type type;
    struct buffer frame;
    buffer_init(&frame, 1000);
    assert_int_equal(session_take_output(session, 1000, &frame, &type), expected);
    assert_int_equal(frame.length, strlen(text));
    if (*text)
        assert_string_equal(frame.data, text);
    buffer_fini(&frame);
}

/* Writes one message, which then counts as silent from `due_at_ms`. */
static void write_one(struct session *session, int64_t due_at_ms)
{
    enum sent_frame_type type;
    struct buffer frame;
    buffer_init(&frame, 1000);
    assert_int_equal(session_take_output(session, due_at_ms, &frame, &type), OUTPUT_FRAME);
    buffer_fini(&frame);
}

/* ---- Messages in flight ---- */

static void it_holds_as_many_as_its_window(void **state)
{
    struct session *session = *state;
    for (unsigned i = 1; i <= WINDOW; i++)
        assert_true(hold(session, i));
    assert_false(hold(session, 5)); /* and frees the frame: a sanitizer checks that */
    expect_held(session, "1234");
}

static void a_frame_there_was_no_memory_for_is_not_held(void **state)
{
    struct session *session = *state;
    const struct message message = {.id = id_of(1), .attempt = 1};
    assert_false(session_add_in_flight(session, &message, 0, NULL));
    expect_held(session, "");
    expect_output(session, OUTPUT_NOTHING, "");
}

static void releasing_makes_room_and_keeps_the_order(void **state)
{
    static const struct {
        unsigned release;
        const char *left;
    } steps[] = {{2, "134"}, {2, "134"}, {9, "134"}, {1, "34"}, {4, "3"}, {3, ""}, {3, ""}};
    struct session *session = *state;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 1; i <= WINDOW; i++)
            assert_true(hold(session, i));
        for (int written = 0; round == 1 && written < 2; written++)
            write_one(session, 1000);
        for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
            release(session, steps[i].release);
            expect_held(session, steps[i].left);
        }
    }
}

static void the_silent_are_forgotten_in_time(void **state)
{
    static const struct {
        int64_t now_ms;
        const char *left;
    } steps[] = {{0, "1234"}, {99, "1234"}, {100, "234"}, {199, "234"}, {200, "34"}, {99999, "34"}};
    struct session *session = *state;
    for (unsigned i = 1; i <= WINDOW; i++)
        assert_true(hold(session, i));
    write_one(session, 100);
    write_one(session, 200);
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        session_forget_silent(session, steps[i].now_ms);
        expect_held(session, steps[i].left);
    }
    expect_output(session, OUTPUT_FRAME, "message 3"); /* an unwritten message is never silent */
}

static void an_offer_is_not_forgotten_and_what_was_released_is(void **state)
{
    struct session *session = *state;
    session->protocol = &device_protocol_assured;
    assert_true(hold(session, 1));
    assert_true(hold(session, 2));
    write_one(session, 100);
    write_one(session, 100);
    session->in_flight[1].offered = false; /* released */
    session_forget_silent(session, 99);
    expect_held(session, "12");
    session_forget_silent(session, 100);
    expect_held(session, "1");
}

static void only_the_attempt_that_is_meant_is_forgotten(void **state)
{
    struct session *session = *state;
    struct message_id id = id_of(1);
    assert_true(hold(session, 1));
    session_forget(session, &(struct message_ref){id, 2});
    expect_held(session, "1");
    session_forget(session, &(struct message_ref){id, 1});
    expect_held(session, "");
}

static void all_that_are_silent_are_forgotten_at_once(void **state)
{
    struct session *session = *state;
    for (unsigned i = 1; i <= WINDOW; i++)
        assert_true(hold(session, i));
    write_one(session, 300);
    write_one(session, 100);
    write_one(session, 200);
    session_forget_silent(session, 200);
    expect_held(session, "14");
    session_forget_silent(session, 300);
    expect_held(session, "4");
}

static void the_unwritten_come_back_oldest_first(void **state)
{
    struct session *session = *state;
    struct in_flight_message held;
    assert_false(session_take_returnable(session, &held));
    for (unsigned i = 1; i <= WINDOW; i++)
        assert_true(hold(session, i));
    write_one(session, 1000);
    for (unsigned i = 2; i <= WINDOW; i++) {
        assert_true(session_take_returnable(session, &held));
        assert_int_equal(held.ref.id.bytes[0], i);
    }
    assert_false(session_take_returnable(session, &held));
    expect_held(session, "1");
    expect_output(session, OUTPUT_NOTHING, "");
}

/* ---- What to write ---- */

static void nothing_is_written_when_there_is_nothing(void **state)
{
    struct session *session = *state;
    expect_output(session, OUTPUT_NOTHING, "");
    expect_output(session, OUTPUT_NOTHING, "");
}

static void pings_come_first_then_control_frames_then_messages_then_the_close(void **state)
{
    struct session *session = *state;
    assert_true(hold(session, 1));
    assert_true(hold(session, 2));
    session->state = SESSION_CLOSING;
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("error one")));
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("error two")));
    session->ping_due = true;
    expect_output(session, OUTPUT_PING, "");
    expect_output(session, OUTPUT_FRAME, "error one");
    session->ping_due = true;
    expect_output(session, OUTPUT_PING, "");
    expect_output(session, OUTPUT_FRAME, "error two");
    expect_output(session, OUTPUT_FRAME, "message 1");
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("error three")));
    expect_output(session, OUTPUT_FRAME, "error three");
    expect_output(session, OUTPUT_FRAME, "message 2");
    expect_output(session, OUTPUT_CLOSE, "");
    expect_held(session, "12"); /* written, so still in flight */
}

static void nothing_follows_a_close(void **state)
{
    struct session *session = *state;
    session->state = SESSION_CLOSING;
    expect_output(session, OUTPUT_CLOSE, "");
    session->ping_due = true;
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("too late")));
    assert_true(hold(session, 1));
    expect_output(session, OUTPUT_NOTHING, "");
    assert_true(session_take_returnable(session, &(struct in_flight_message){0}));
}

static void only_a_closing_session_is_closed(void **state)
{
    static const enum session_state open[] = {SESSION_NEW, SESSION_CONNECTING, SESSION_READY};
    struct session *session = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(open); i++) {
        session->state = open[i];
        expect_output(session, OUTPUT_NOTHING, "");
    }
}

static void output_is_appended_to_what_the_buffer_has(void **state)
{
    struct session *session = *state;
    enum sent_frame_type type;
    struct buffer frame;
    buffer_init(&frame, 1000);
    buffer_append_text(&frame, "before ");
    assert_true(hold(session, 1));
    assert_int_equal(session_take_output(session, 0, &frame, &type), OUTPUT_FRAME);
    assert_string_equal(frame.data, "before message 1");
    buffer_fini(&frame);
}

static void control_frames_wait_in_their_order(void **state)
{
    struct session *session = *state;
    char text[32];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "error %u", i);
        assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup(text)));
        assert_false(session_queue_control(session, FRAME_SENT_ERROR, NULL));
        assert_int_equal(session_owed(session), i + 1);
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "error %u", i);
        expect_output(session, OUTPUT_FRAME, text);
    }
    expect_output(session, OUTPUT_NOTHING, "");
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("one more")));
    session->pending_reports = 2;
    assert_int_equal(session_owed(session), 3);
    expect_output(session, OUTPUT_FRAME, "one more");
}

static void a_session_with_anything_in_it_is_emptied(void **state)
{
    struct session *session = *state;
    for (unsigned i = 1; i <= 3; i++)
        assert_true(hold(session, i));
    write_one(session, 1000);
    assert_true(session_queue_control(session, FRAME_SENT_ERROR, strdup("error")));
    session->info.extra = strdup("{}");
    session_fini(session); /* a sanitizer sees what is left */
    assert_int_equal(session->in_flight_count, 0);
    assert_int_equal(session->control_count, 0);
    session_fini(session);
}

/* ---- Rates ---- */

/* How many of `tries` frames at one time are allowed. */
static int allowed(struct session *session, int64_t rate, int64_t now_ms, int tries)
{
    int count = 0;
    for (int i = 0; i < tries; i++)
        count += session_take_frame_token(session, rate, now_ms);
    return count;
}

static void a_phone_may_send_two_seconds_worth_at_once(void **state)
{
    static const struct {
        int64_t now_ms;
        int allowed;
    } steps[] = {
        {1000000, 20}, /* after a long silence: those of two seconds, not more */
        {1000000, 0},  {1000099, 0},  {1000100, 1},  {1000600, 5},
        {1001600, 10}, {1003600, 20}, {9000000, 20}, {9000050, 0},
    };
    struct session *session = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        int found = allowed(session, 10, steps[i].now_ms, 100);
        if (found != steps[i].allowed)
            fail_msg("step %zu: %d frames", i, found);
    }
}

static void a_steady_phone_is_never_too_fast(void **state)
{
    static const int rates[] = {1, 2, 10, 500, 1000};
    struct session *session = *state;
    int64_t now_ms = 1000000;
    for (size_t i = 0; i < ARRAY_LENGTH(rates); i++) {
        now_ms += 10000;
        for (int frame = 0; frame < 5000; frame++, now_ms += 1000 / rates[i])
            assert_true(session_take_frame_token(session, rates[i], now_ms));
    }
}

/* Three units for each allowed frame, and those of two seconds at once. */
static void work_beyond_the_rate_has_to_wait(void **state)
{
    static const struct {
        int64_t now_ms;
        double work;
        int64_t pause_ms;
    } steps[] = {
        {1000000, 599, 0}, {1000000, 1, 0},    {1000000, 3, 50},     {1000000, 27, 100},
        {1000100, 3, 50},  {1000200, 27, 0},   {1000200, 600, 2000}, {1003000, 0, 0},
        {9000000, 600, 0}, {9000000, 30, 100},
    };
    struct session *session = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        int64_t found = session_count_work(session, steps[i].work, 100, steps[i].now_ms);
        if (found != steps[i].pause_ms)
            fail_msg("step %zu: %lld ms", i, (long long)found);
    }
}

/* An ordinary message is at most one read, one frame and one KiB. */
static void a_phone_within_its_rate_never_waits(void **state)
{
    static const int rates[] = {1, 2, 10, 500, 1000};
    struct session *session = *state;
    int64_t now_ms = 1000000;
    for (size_t i = 0; i < ARRAY_LENGTH(rates); i++) {
        now_ms += 10000;
        for (int frame = 0; frame < 5000; frame++, now_ms += 1000 / rates[i])
            assert_int_equal(session_count_work(session, 3, rates[i], now_ms), 0);
    }
}

static void a_phone_that_floods_gets_its_rate(void **state)
{
    struct session *session = *state;
    int count = 0;
    for (int64_t now_ms = 1000000; now_ms < 1060000; now_ms++)
        count += allowed(session, 500, now_ms, 3);
    assert_in_range(count, 60 * 500, 62 * 500);
}

static void a_phone_that_sends_nothing_rests_ever_longer(void **state)
{
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct session *session = *state;
    int64_t now_ms = 0;
    session_count_failure(session, now_ms);
    assert_false(session_is_in_backoff(session, now_ms)); /* one failure means nothing */
    session_count_failure(session, now_ms);
    for (size_t i = 0; i < ARRAY_LENGTH(seconds); i++) {
        session_count_failure(session, now_ms); /* of a message from before */
        assert_true(session_is_in_backoff(session, now_ms + seconds[i] * 1000 - 1));
        now_ms += seconds[i] * 1000;
        assert_false(session_is_in_backoff(session, now_ms));
        session_restart_backoff(session, now_ms);
    }
    session_clear_failures(session);
    assert_false(session_is_in_backoff(session, now_ms));
    session_restart_backoff(session, now_ms);
    assert_false(session_is_in_backoff(session, now_ms));
}

static void the_lower_half_of_an_id_is_its_slot(void **state)
{
    (void)state;
    assert_int_equal(session_slot(0), 0);
    assert_int_equal(session_slot(7), 7);
    assert_int_equal(session_slot((5ull << 32) + 9), 9);
    assert_int_equal(session_slot(UINT64_MAX), UINT32_MAX);
}

#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(SESSION_TEST(it_holds_as_many_as_its_window),
           SESSION_TEST(a_frame_there_was_no_memory_for_is_not_held),
           SESSION_TEST(releasing_makes_room_and_keeps_the_order),
           SESSION_TEST(the_silent_are_forgotten_in_time),
           SESSION_TEST(an_offer_is_not_forgotten_and_what_was_released_is),
           SESSION_TEST(only_the_attempt_that_is_meant_is_forgotten),
           SESSION_TEST(all_that_are_silent_are_forgotten_at_once),
           SESSION_TEST(the_unwritten_come_back_oldest_first),
           SESSION_TEST(nothing_is_written_when_there_is_nothing),
           SESSION_TEST(pings_come_first_then_control_frames_then_messages_then_the_close),
           SESSION_TEST(nothing_follows_a_close), SESSION_TEST(only_a_closing_session_is_closed),
           SESSION_TEST(output_is_appended_to_what_the_buffer_has),
           SESSION_TEST(control_frames_wait_in_their_order),
           SESSION_TEST(a_session_with_anything_in_it_is_emptied),
           SESSION_TEST(a_phone_may_send_two_seconds_worth_at_once),
           SESSION_TEST(a_steady_phone_is_never_too_fast),
           SESSION_TEST(work_beyond_the_rate_has_to_wait),
           SESSION_TEST(a_phone_within_its_rate_never_waits),
           SESSION_TEST(a_phone_that_floods_gets_its_rate),
           SESSION_TEST(a_phone_that_sends_nothing_rests_ever_longer),
           cmocka_unit_test(the_lower_half_of_an_id_is_its_slot))
