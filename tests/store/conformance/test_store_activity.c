/* What happened in the last minutes, how long it took, and what was accepted today. */
#include "tests/store/store_fixture.h"

enum { MINUTE_MS = 60000 };

static const int64_t noon_ms = 1777550400000; /* a whole minute */

static struct store_activity read_activity(struct store_fixture *fixture, size_t minutes)
{
    struct store_activity activity;
    assert_int_equal(
        store_read_activity(fixture->reader, store_fixture_now_ms(), minutes, &activity),
        ERROR_NONE);
    assert_int_equal(activity.count, minutes);
    assert_int_equal(activity.minutes[minutes - 1].at_ms,
                     store_fixture_now_ms() / MINUTE_MS * MINUTE_MS);
    return activity;
}

static void assert_minute(const struct store_minute *minute, int64_t accepted, int64_t sent,
                          int64_t delivered, int64_t failed)
{
    assert_int_equal(minute->accepted, accepted);
    assert_int_equal(minute->sent, sent);
    assert_int_equal(minute->delivered, delivered);
    assert_int_equal(minute->failed, failed);
    assert_int_equal(minute->received, 0);
    assert_false(minute->estimated);
}

static void report(struct store_fixture *fixture, const struct message_id *id,
                   enum message_status status)
{
    bool changed;
    assert_int_equal(given_report(fixture, id, "phone-1", status, &changed), ERROR_NONE);
    assert_true(changed);
}

static void nothing_happened(void **state)
{
    struct store_activity activity = read_activity(*state, STORE_MAX_ACTIVITY_MINUTES);
    for (size_t i = 0; i < activity.count; i++)
        assert_minute(&activity.minutes[i], 0, 0, 0, 0);
    assert_int_equal(activity.queued_to_sent.count, 0);
    assert_int_equal(activity.sent_to_delivered.count, 0);
}

static void each_minute_has_its_own(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(noon_ms);
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    store_fixture_pass_ms(2000);
    report(fixture, &id, MESSAGE_SENT);
    store_fixture_pass_ms(MINUTE_MS);
    report(fixture, &id, MESSAGE_DELIVERED);
    struct store_activity activity = read_activity(fixture, 3);
    assert_minute(&activity.minutes[0], 0, 0, 0, 0);
    assert_minute(&activity.minutes[1], 1, 1, 0, 0);
    assert_minute(&activity.minutes[2], 0, 0, 1, 0);
    assert_int_equal(activity.queued_to_sent.count, 1);
    assert_int_equal(activity.queued_to_sent.p50_ms, 2000);
    assert_int_equal(activity.sent_to_delivered.count, 1);
    assert_int_equal(activity.sent_to_delivered.p99_ms, MINUTE_MS);
    assert_minute(&read_activity(fixture, 1).minutes[0], 0, 0, 1, 0);
}

static void what_failed_counts_also_if_that_is_not_known(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(noon_ms);
    given_ended(fixture, MESSAGE_FAILED);
    given_ended(fixture, MESSAGE_UNKNOWN);
    given_ended(fixture, MESSAGE_CANCELLED);
    assert_minute(&read_activity(fixture, 1).minutes[0], 3, 0, 0, 2);
}

/* 100 rows of a minute are counted where 360 minutes are asked for. */
static void a_minute_with_too_much_is_estimated(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(noon_ms);
    for (int i = 0; i < 300; i++) {
        given_message(fixture, "+15550000001", "one of many");
        store_fixture_pass_ms(100);
    }
    store_fixture_pass_ms(MINUTE_MS);
    given_message(fixture, "+15550000001", "one of few");
    struct store_activity activity = read_activity(fixture, STORE_MAX_ACTIVITY_MINUTES);
    const struct store_minute *many = &activity.minutes[STORE_MAX_ACTIVITY_MINUTES - 2];
    assert_true(many->estimated);
    assert_in_range(many->accepted, 590, 620); /* ten a second, for a minute */
    assert_minute(&many[1], 1, 0, 0, 0);
    assert_minute(&many[-1], 0, 0, 0, 0);
    assert_minute(&read_activity(fixture, 2).minutes[0], 300, 0, 0, 0);
}

static void a_clock_that_was_set_back_is_no_harm(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(noon_ms + 5 * MINUTE_MS);
    given_ended(fixture, MESSAGE_FAILED);
    store_fixture_stop_clock_at(noon_ms);
    given_ended(fixture, MESSAGE_FAILED);
    struct store_activity activity = read_activity(fixture, 3);
    assert_true(activity.minutes[2].failed <= 1);
    assert_int_equal(activity.minutes[2].accepted, 1);
}

static void what_was_accepted_is_counted_where_there_is_a_limit(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_accepted accepted;
    fixture->options.limits.daily_messages = 100;
    fixture->options.limits.pause_after_messages = 100;
    store_fixture_reopen(fixture);
    store_fixture_stop_clock_at(noon_ms);
    given_message(fixture, "+15550000001", "first");
    store_fixture_pass_ms((int64_t)(STORE_BURST_MINUTES + 1) * MINUTE_MS);
    given_message(fixture, "+15550000001", "second");
    assert_int_equal(store_read_accepted(fixture->reader, store_fixture_now_ms(), "key", &accepted),
                     ERROR_NONE);
    assert_int_equal(accepted.today, 2);
    assert_int_equal(accepted.in_burst, 1);
    assert_int_equal(accepted.by_key_today, 0);
    store_fixture_pass_ms(DAY_MS);
    assert_int_equal(store_read_accepted(fixture->reader, store_fixture_now_ms(), "", &accepted),
                     ERROR_NONE);
    assert_int_equal(accepted.today, 0);
}

UNIT_TESTS(STORE_TEST(nothing_happened), STORE_TEST(each_minute_has_its_own),
           STORE_TEST(what_failed_counts_also_if_that_is_not_known),
           STORE_TEST(a_minute_with_too_much_is_estimated),
           STORE_TEST(a_clock_that_was_set_back_is_no_harm),
           STORE_TEST(what_was_accepted_is_counted_where_there_is_a_limit))
