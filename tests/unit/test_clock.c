/* Time as text: RFC 3339 both ways, over the whole calendar. */
#include "common/base/clock.h"
#include "tests/unit/unit.h"

#include <time.h>

enum { DAY_MS = 86400000 };

/* Instants and their one text, in the form clock_format writes. */
static const struct instant {
    int64_t wall_ms;
    const char *text;
} instants[] =
    {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-999, "1969-12-31T23:59:59.001Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {-1001, "1969-12-31T23:59:58.999Z"},
        {482196050520, "1985-04-12T23:20:50.520Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1709164800000, "2024-02-29T00:00:00.000Z"},
        {1795427100000, "2026-11-23T09:45:00.000Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {-2203891200000, "1900-03-01T00:00:00.000Z"},
        {-30610224000000, "1000-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
},
  early_instants[] = {
      {-30610224000001, "0999-12-31T23:59:59.999Z"},
      {-62135596800000, "0001-01-01T00:00:00.000Z"},
      {-62135596800001, "0000-12-31T23:59:59.999Z"},
      {-62167219200000, "0000-01-01T00:00:00.000Z"},
};

static void check_instants(const struct instant *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t wall_ms = 12345;
        if (!clock_parse(list[i].text, &wall_ms) || wall_ms != list[i].wall_ms)
            fail_msg("%s is read as %lld", list[i].text, (long long)wall_ms);
        clock_format(list[i].wall_ms, text);
        assert_string_equal(text, list[i].text);
    }
}

static void instants_have_their_text(void **state)
{
    (void)state;
    check_instants(instants, ARRAY_LENGTH(instants));
}

static void years_before_1000_have_four_digits_too(void **state)
{
    (void)state;
    check_instants(early_instants, ARRAY_LENGTH(early_instants));
}

static void times_beyond_the_years_stay_within_their_place(void **state)
{
    static const int64_t far[] = {253402300800000, -62167219200001,  INT64_MAX,
                                  INT64_MIN,       INT64_MAX / 1000, INT64_MIN / 1000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(far); i++) {
        char place[CLOCK_TEXT_SIZE + 8];
        memset(place, '#', sizeof(place));
        clock_format(far[i], place);
        assert_non_null(memchr(place, '\0', CLOCK_TEXT_SIZE));
        assert_memory_equal(place + CLOCK_TEXT_SIZE, "########", 8);
    }
}

static void texts_with_offsets_and_fractions_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } cases[] = {
        /* RFC 3339, 5.8 */
        {"1985-04-12T23:20:50.52Z", 482196050520},
        {"1996-12-19T16:39:57-08:00", 851013597000 + 8 * 3600000},
        {"1937-01-01T12:00:27.87+00:20", -1041335972130 - 20 * 60000},
        /* 5.6: in either case, and with a space for those who like it */
        {"2026-11-23t09:45:00z", 1795427100000},
        {"2026-11-23 09:45:00Z", 1795427100000},
        {"2026-11-23T09:45:00+00:00", 1795427100000},
        {"2026-11-23T09:45:00-00:00", 1795427100000},
        {"2026-11-23T15:30:00+05:45", 1795427100000},
        {"2026-11-22T21:45:00-12:00", 1795427100000},
        {"2026-11-24T09:44:00+23:59", 1795427100000},
        {"2026-11-22T09:46:00-23:59", 1795427100000},
        {"1970-01-01T00:00:00+23:59", -(23 * 60 + 59) * 60000LL},
        {"0000-01-01T00:00:00-00:01", -62167219200000 + 60000},
        /* Decimals are cut, not rounded. */
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.01Z", 10},
        {"1970-01-01T00:00:00.0019Z", 1},
        {"1970-01-01T00:00:00.9999Z", 999},
        {"1970-01-01T00:00:00.999999999Z", 999},
        {"1970-01-01T00:00:00.000000000Z", 0},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"1970-01-01T01:00:00.5+01:00", 500},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t wall_ms = 12345;
        if (!clock_parse(cases[i].text, &wall_ms) || wall_ms != cases[i].wall_ms)
            fail_msg("%s is read as %lld, not %lld", cases[i].text, (long long)wall_ms,
                     (long long)cases[i].wall_ms);
    }
}

/* RFC 3339, 5.8 has the first two; POSIX time has no leap second, so it is the next one. */
static void a_leap_second_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } cases[] = {
        {"1990-12-31T15:59:60-08:00", 662688000000},
        {"1990-12-31T23:59:60Z", 662688000000},
        {"2015-06-30T23:59:60Z", 1435708800000},
        {"2015-07-01T01:59:60+02:00", 1435708800000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t wall_ms = 12345;
        if (!clock_parse(cases[i].text, &wall_ms))
            fail_msg("%s is refused", cases[i].text);
        assert_int_equal(wall_ms, cases[i].wall_ms);
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "now",
        "2026",
        "2026-11-23",
        "09:45:00Z",
        "2026-11-23T09:45:00",
        "2026-11-23T09:45Z",
        "2026-11-23T09:45:00 Z",
        " 2026-11-23T09:45:00Z",
        "2026-11-23T09:45:00Z ",
        "2026-11-23T09:45:00Z\n",
        "2026-11-23T09:45:00ZZ",
        "2026-11-23T09:45:00Z+00:00",
        "2026-11-23_09:45:00Z",
        "2026-11-23  09:45:00Z",
        "2026/11/23T09:45:00Z",
        "20261123T094500Z",
        "2026-327T09:45:00Z",
        "26-11-23T09:45:00Z",
        "+2026-11-23T09:45:00Z",
        "-2026-11-23T09:45:00Z",
        "12026-11-23T09:45:00Z",
        "2026-1-23T09:45:00Z",
        "2026-11-3T09:45:00Z",
        "2026-11-23T9:45:00Z",
        "2026-11-23T09:5:00Z",
        "2026-11-23T09:45:0Z",
        "2026-00-23T09:45:00Z",
        "2026-13-23T09:45:00Z",
        "2026-11-00T09:45:00Z",
        "2026-11-32T09:45:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T09:60:00Z",
        "2026-11-23T09:45:61Z",
        "2026-11-23T09:45:-1Z",
        "2026-11-23T09:45:+1Z",
        "2026-11-23T09:45:00.Z",
        "2026-11-23T09:45:00.+01:00",
        "2026-11-23T09:45:00,5Z",
        "2026-11-23T09:45:00.5.5Z",
        "2026-11-23T09:45:00.-5Z",
        "2026-11-23T09:45:00.1234567890Z",
        "2026-11-23T09:45:00+01",
        "2026-11-23T09:45:00+0100",
        "2026-11-23T09:45:00+1:00",
        "2026-11-23T09:45:00+24:00",
        "2026-11-23T09:45:00+01:60",
        "2026-11-23T09:45:00+01:00:00",
        "2026-11-23T09:45:00+-1:00",
        "2026-11-23T09:45:00CET",
        "2026-11-23T09:45:0\xd9\xa0Z", /* an Arabic digit */
        "1795427100",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        int64_t wall_ms;
        if (clock_parse(bad[i], &wall_ms))
            fail_msg("\"%s\" is read as %lld", bad[i], (long long)wall_ms);
    }
}

static void every_shorter_text_is_refused(void **state)
{
    static const char whole[] = "2026-11-23T09:45:00.123+01:00";
    (void)state;
    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        char text[sizeof(whole)];
        int64_t wall_ms;
        memcpy(text, whole, sizeof(whole));
        text[length] = '\0';
        assert_false(clock_parse(text, &wall_ms));
    }
}

/* ---- The calendar, counted out ---- */

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static void check_day(int year, int month, int day, int64_t expected_ms)
{
    char text[64], back[CLOCK_TEXT_SIZE];
    int64_t wall_ms = 12345;
    snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
    bool exists = day <= days_in_month(year, month);
    if (clock_parse(text, &wall_ms) != exists)
        fail_msg("%s %s", text, exists ? "is refused" : "is taken");
    if (!exists)
        return;
    if (wall_ms != expected_ms)
        fail_msg("%s is read as %lld, not %lld", text, (long long)wall_ms, (long long)expected_ms);
    clock_format(wall_ms, back);
    assert_string_equal(back, text);
}

static void every_day_of_eight_hundred_years_is_one_after_the_day_before(void **state)
{
    int64_t wall_ms = -11676096000000; /* 1600 */
    (void)state;
    for (int year = 1600; year < 2400; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= 31; day++) {
                check_day(year, month, day, wall_ms);
                wall_ms += day <= days_in_month(year, month) ? DAY_MS : 0;
            }
        }
    }
}

static void the_29th_of_february_is_in_leap_years_only(void **state)
{
    (void)state;
    for (int year = 0; year < 10000; year++) {
        char text[32];
        int64_t wall_ms;
        snprintf(text, sizeof(text), "%04d-02-29T12:00:00Z", year);
        assert_int_equal(clock_parse(text, &wall_ms), is_leap_year(year));
        snprintf(text, sizeof(text), "%04d-02-30T12:00:00Z", year);
        assert_false(clock_parse(text, &wall_ms));
    }
}

static void every_time_since_1000_reads_back_from_its_text(void **state)
{
    const int64_t step = 3155692597; /* a prime, so that every field takes many values */
    (void)state;
    for (int64_t wall_ms = -30610224000000; wall_ms <= 253402300799999; wall_ms += step) {
        char text[CLOCK_TEXT_SIZE];
        int64_t back = 12345;
        clock_format(wall_ms, text);
        if (!clock_parse(text, &back) || back != wall_ms)
            fail_msg("%lld becomes %s becomes %lld", (long long)wall_ms, text, (long long)back);
    }
}

/* ---- The clocks ---- */

static void the_wall_clock_is_the_systems(void **state)
{
    (void)state;
    int64_t before_s = (int64_t)time(NULL);
    int64_t wall_ms = clock_wall_ms();
    int64_t after_s = (int64_t)time(NULL);
    assert_in_range(wall_ms, before_s * 1000, (after_s + 2) * 1000);
}

static void monotonic_time_never_goes_back(void **state)
{
    int64_t last_ms = clock_monotonic_ms();
    (void)state;
    assert_true(last_ms >= 0);
    for (int i = 0; i < 100000; i++) {
        int64_t now_ms = clock_monotonic_ms();
        assert_true(now_ms >= last_ms);
        last_ms = now_ms;
    }
}

/* The last one: what is followed is not left again. */
static void a_clock_that_is_followed_is_corrected_by_what_its_answers_prove(void **state)
{
    enum { SECOND = 1000000, DAY = 86400 };
    static const struct {
        int64_t ahead_us, asked_us, answered_us, expected_us;
    } cases[] = {
        {0, -400, 0, 200},     /* in the middle */
        {100, -150, 900, 200}, /* from 150 before to 900 after the same: it may be right */
        {5000, -100, 0, 5000},
        {5200, 0, 300, 5200},
        {-SECOND, 0, 0, -SECOND},           /* it was set back */
        {-SECOND, 0, 60 * SECOND, -SECOND}, /* an answer after a minute proves little */
    };
    (void)state;
    int64_t day_us = (int64_t)DAY * SECOND;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t now_us = clock_monotonic_us();
        clock_follow(now_us + day_us + cases[i].ahead_us, now_us + cases[i].asked_us,
                     now_us + cases[i].answered_us);
        int64_t before_us = clock_monotonic_us(), wall_ms = clock_wall_ms();
        int64_t later_ms = wall_ms - (before_us + day_us + cases[i].expected_us) / 1000;
        assert_in_range(later_ms + 1, 0, 101); /* both are rounded */
    }
}

UNIT_TESTS(cmocka_unit_test(instants_have_their_text),
           cmocka_unit_test(years_before_1000_have_four_digits_too),
           cmocka_unit_test(times_beyond_the_years_stay_within_their_place),
           cmocka_unit_test(texts_with_offsets_and_fractions_are_read),
           cmocka_unit_test(a_leap_second_is_read), cmocka_unit_test(anything_else_is_refused),
           cmocka_unit_test(every_shorter_text_is_refused),
           cmocka_unit_test(every_day_of_eight_hundred_years_is_one_after_the_day_before),
           cmocka_unit_test(the_29th_of_february_is_in_leap_years_only),
           cmocka_unit_test(every_time_since_1000_reads_back_from_its_text),
           cmocka_unit_test(the_wall_clock_is_the_systems),
           cmocka_unit_test(monotonic_time_never_goes_back),
           cmocka_unit_test(a_clock_that_is_followed_is_corrected_by_what_its_answers_prove))
