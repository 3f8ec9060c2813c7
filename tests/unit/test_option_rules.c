#include "common/base/clock.h"
#include "common/process/option_rules.h"
#include "tests/unit/unit.h"

#define DAY_MS    INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

static int64_t at(const char *text)
{
    int64_t wall_ms;
    assert_true(clock_parse(text, &wall_ms));
    return wall_ms;
}

static void assert_says(const char *reason, const char *part)
{
    if (!strstr(reason, part))
        fail_msg("\"%s\" lacks \"%s\"", reason, part);
}

static void a_time_that_is_none_is_refused_with_what_to_change(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"2026-11-23T09:45:00", "append Z"},
        {"2026-11-23 09:45:00.5", "append Z"},
        {"2026-02-30T09:45:00Z", "its month does not have"},
        {"2026-02-29T09:45:00+01:00", "its month does not have"},
        {"2026-04-31T09:45:00Z", "its month does not have"},
        {"2026-13-01T09:45:00Z", "RFC 3339"},
        {"2026-11-23", "has no time of day"},
        {"2026-11-23Z", "RFC 3339"},
        {"2026-11-23T24:00:00Z", "RFC 3339"},
        {"tomorrow", "RFC 3339"},
        {"1795513500", "is a number"},
        {"1795513500.25", "is a number"},
        {"1.2.3", "RFC 3339"},
        {"", "RFC 3339"},
        /* As Java's ZonedDateTime and OffsetDateTime print themselves at a whole minute, and PostgreSQL a time. */
        {"2026-11-23T09:45:00+01:00[Europe/Berlin]", "leave out the time zone in brackets"},
        {"2026-11-23T09:45+01:00[Europe/Berlin]", "leave out the time zone in brackets"},
        {"2026-11-23T09:45Z", "has no seconds"},
        {"2026-11-23T09:45+01:00", "has no seconds"},
        {"2026-11-23T09:45", "has no seconds"},
        {"2026-11-23 09:45:00+01", "needs minutes in its UTC offset"},
        {"2026-11-23 09:45:00.123456-05", "needs minutes in its UTC offset"},
        {"2026-11-23T09:45:00 01", "needs minutes in its UTC offset"},
        {"2026-11-23T09:45:00+0100", "needs a colon in its UTC offset"},
        {"[", "RFC 3339"},
        {"2026-11-23T09:45:00Z[", "leave out the time zone in brackets"},
        {"2026-11-23T09:45:00.00000000000000000000000000000000000000000000000000000000000000000",
         "RFC 3339"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char reason[ACCEPTANCE_RULES_REASON_SIZE] = "";
        int64_t wall_ms;
        assert_int_equal(option_rules_parse_time(bad[i].text, &wall_ms, reason),
                         ERROR_INVALID_VALUE);
        assert_says(reason, bad[i].says);
    }
}

/* RFC 3339, 5.7: the second after 59 exists at the end of some months. Nothing is sent before it. */
static void a_leap_second_is_the_second_after_it(void **state)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    int64_t wall_ms;
    (void)state;
    assert_int_equal(option_rules_parse_time("2026-12-31T23:59:60Z", &wall_ms, reason), ERROR_NONE);
    assert_int_equal(wall_ms, at("2027-01-01T00:00:00Z"));
}

static void send_at_is_from_five_minutes_ago_to_35_days_ahead(void **state)
{
    static const struct {
        int64_t from_now_ms;
        enum error error;
        const char *says;
    } cases[] = {
        {0, ERROR_NONE, ""},
        {1, ERROR_NONE, ""},
        {-5 * MINUTE_MS, ERROR_NONE, ""},
        {-5 * MINUTE_MS - 1, ERROR_OUT_OF_RANGE, "2026-11-23T09:45:00.000Z"},
        {-DAY_MS, ERROR_OUT_OF_RANGE, "leave it out"},
        {35 * DAY_MS, ERROR_NONE, ""},
        {35 * DAY_MS + 1, ERROR_OUT_OF_RANGE, "at most 35 days ahead"},
        {36 * DAY_MS, ERROR_OUT_OF_RANGE, "at most 35 days ahead"},
    };
    int64_t now_ms = at("2026-11-23T09:45:00Z");
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char reason[ACCEPTANCE_RULES_REASON_SIZE] = "";
        assert_int_equal(option_rules_check_send_at(now_ms + cases[i].from_now_ms, now_ms, reason),
                         cases[i].error);
        assert_says(reason, cases[i].says);
    }
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    assert_int_equal(option_rules_check_send_at(at("9999-12-31T23:59:59Z"), now_ms, reason),
                     ERROR_OUT_OF_RANGE);
    assert_int_equal(option_rules_check_send_at(at("0000-01-01T00:00:00Z"), now_ms, reason),
                     ERROR_OUT_OF_RANGE);
}

static void a_deadline_is_after_now_and_send_at_by_at_most_35_days(void **state)
{
    static const struct {
        int64_t send_at_ms, expires_at_ms; /* from now; send_at 0: none */
        enum error error;
        const char *says;
    } cases[] = {
        {0, 1, ERROR_NONE, ""},
        {0, 0, ERROR_OUT_OF_RANGE, "is past"},
        {0, -MINUTE_MS, ERROR_OUT_OF_RANGE, "2026-11-23T09:45:00.000Z"},
        {0, 35 * DAY_MS, ERROR_NONE, ""},
        {0, 35 * DAY_MS + 1, ERROR_OUT_OF_RANGE, "at most 35 days ahead"},
        {DAY_MS, DAY_MS, ERROR_OUT_OF_RANGE, "later than send_at"},
        {DAY_MS, DAY_MS - 1, ERROR_OUT_OF_RANGE, "later than send_at"},
        {DAY_MS, DAY_MS + 1, ERROR_NONE, ""},
        {DAY_MS, 36 * DAY_MS, ERROR_NONE, ""},
        {DAY_MS, 36 * DAY_MS + 1, ERROR_OUT_OF_RANGE, "at most 35 days after send_at"},
        {-MINUTE_MS, 1, ERROR_NONE, ""},
        {-MINUTE_MS, 35 * DAY_MS + 1, ERROR_OUT_OF_RANGE, "at most 35 days ahead"},
    };
    int64_t now_ms = at("2026-11-23T09:45:00Z");
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char reason[ACCEPTANCE_RULES_REASON_SIZE] = "";
        int64_t send_at_ms = cases[i].send_at_ms ? now_ms + cases[i].send_at_ms : 0;
        assert_int_equal(option_rules_check_expires_at(now_ms + cases[i].expires_at_ms, send_at_ms,
                                                       now_ms, reason),
                         cases[i].error);
        assert_says(reason, cases[i].says);
    }
}

static void a_duration_counts_from_send_at_or_from_now(void **state)
{
    (void)state;
    assert_int_equal(option_rules_deadline_ms(60, 0, 1000), 61000);
    assert_int_equal(option_rules_deadline_ms(60, 5000, 1000), 65000);
    assert_int_equal(option_rules_deadline_ms(60, 500, 1000), 61000); /* past: now */
}

static void the_gateway_has_a_deadline_of_its_own_or_none(void **state)
{
    struct acceptance_rules rules = {0};
    (void)state;
    assert_int_equal(option_rules_default_deadline_ms(&rules, 0), 0);
    rules.default_ttl_seconds = 7200;
    int64_t before_ms = clock_wall_ms(), deadline_ms = option_rules_default_deadline_ms(&rules, 0);
    assert_in_range(deadline_ms, before_ms + 7200000, clock_wall_ms() + 7200000);
    assert_int_equal(option_rules_default_deadline_ms(&rules, before_ms + DAY_MS),
                     before_ms + DAY_MS + 7200000);
}

static void priorities_have_three_names(void **state)
{
    static const char *const bad[] = {"", "HIGH", "urgent", "1", "normal ", "highest"};
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum message_priority priority;
    (void)state;
    for (int i = 0; i < MESSAGE_PRIORITY_COUNT; i++) {
        const char *name = message_priority_name((enum message_priority)i);
        assert_int_equal(option_rules_parse_priority(name, &priority, reason), ERROR_NONE);
        assert_int_equal(priority, i);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(option_rules_parse_priority(bad[i], &priority, reason),
                         ERROR_INVALID_VALUE);
        assert_says(reason, "high, normal or low");
    }
}

#define SIXTEEN "0123456789abcdef"

static void a_reference_is_a_short_text_without_control_characters(void **state)
{
    static const char *const good[] = {"a",
                                       "order 4711",
                                       "Bestellung Nr. 7 — Größe XL",
                                       "📦👩‍🔬",
                                       SIXTEEN SIXTEEN SIXTEEN SIXTEEN,
                                       "\"quoted\" \\ 'x'; --"};
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "leave it out"},
        {SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x", "has 65 bytes"},
        {"€€€€€€€€€€€€€€€€€€€€€€", "has 66 bytes"},
        {"a\nb", "control character"},
        {"\t", "control character"},
        {"a\x7f", "control character"},
        {"a\xc2\x85", "control character"},
        {"\xc2\x9f"
         "z",
         "control character"},
    };
    char reason[ACCEPTANCE_RULES_REASON_SIZE], reference[MESSAGE_REFERENCE_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        assert_int_equal(option_rules_copy_reference(good[i], reference, reason), ERROR_NONE);
        assert_string_equal(reference, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(option_rules_copy_reference(bad[i].text, reference, reason),
                         ERROR_INVALID_VALUE);
        assert_says(reason, bad[i].says);
    }
}

UNIT_TESTS(cmocka_unit_test(a_time_that_is_none_is_refused_with_what_to_change),
           cmocka_unit_test(a_leap_second_is_the_second_after_it),
           cmocka_unit_test(send_at_is_from_five_minutes_ago_to_35_days_ahead),
           cmocka_unit_test(a_deadline_is_after_now_and_send_at_by_at_most_35_days),
           cmocka_unit_test(a_duration_counts_from_send_at_or_from_now),
           cmocka_unit_test(the_gateway_has_a_deadline_of_its_own_or_none),
           cmocka_unit_test(priorities_have_three_names),
           cmocka_unit_test(a_reference_is_a_short_text_without_control_characters))
