/* Limits that do not fit together are named, by the names of both; the defaults, and one that is off, fit. */
#include "common/process/settings_check.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct settings defaults(void)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE];
    if (!settings_load(&settings, "/nonexistent", false, errmsg))
        fail_msg("%s", errmsg);
    return settings;
}

struct heard {
    int count;
    const char *last;
};

static void hear(void *context, const char *sentence)
{
    struct heard *heard = context;
    heard->count++;
    heard->last = sentence;
}

static struct heard check(const struct settings *settings)
{
    struct heard heard = {0};
    settings_check_limits(settings, hear, &heard);
    return heard;
}

static void the_defaults_fit_together(void **state)
{
    (void)state;
    struct settings settings = defaults();
    assert_int_equal(check(&settings).count, 0);
}

static void limits_that_are_off_fit_everything(void **state)
{
    (void)state;
    struct settings settings = defaults();
    settings.device_daily_segments = settings.message_retention_days = 0;
    settings.pause_after_messages = settings.daily_messages = 0;
    settings.text_retention_days = 36500;
    assert_int_equal(check(&settings).count, 0);
}

#define AT(field) offsetof(struct settings, field)

static void two_that_do_not_fit_are_named(void **state)
{
    static const struct {
        size_t first, second;
        int64_t one, fits, does_not;
        const char *names[2];
    } cases[] = {
        {AT(max_message_segments),
         AT(max_body_bytes),
         10,
         1594,
         1593,
         {"MAX_BODY_BYTES", "MAX_MESSAGE_SEGMENTS"}},
        {AT(max_message_segments),
         AT(device_daily_segments),
         10,
         10,
         9,
         {"DEVICE_DAILY_SEGMENTS", "MAX_MESSAGE_SEGMENTS"}},
        {AT(max_frame_bytes),
         AT(max_frame_bytes),
         131072,
         10000,
         9999,
         {"MAX_FRAME_BYTES", "journal"}},
        {AT(device_window),
         AT(max_frames_per_second),
         8,
         5,
         4,
         {"MAX_FRAMES_PER_SECOND", "DEVICE_WINDOW"}},
        {AT(report_horizon_hours),
         AT(report_timeout_s),
         1,
         3599,
         3600,
         {"REPORT_HORIZON_HOURS", "REPORT_TIMEOUT_SECONDS"}},
        {AT(report_horizon_hours),
         AT(ack_timeout_s),
         1,
         1799,
         1800,
         {"REPORT_HORIZON_HOURS", "ACK_TIMEOUT_SECONDS"}},
        {AT(message_retention_days),
         AT(text_retention_days),
         31,
         31,
         32,
         {"TEXT_RETENTION_DAYS", "MESSAGE_RETENTION_DAYS"}},
        {AT(message_retention_days),
         AT(report_horizon_hours),
         31,
         744,
         745,
         {"MESSAGE_RETENTION_DAYS", "REPORT_HORIZON_HOURS"}},
        {AT(daily_messages),
         AT(pause_after_messages),
         500,
         499,
         500,
         {"PAUSE_AFTER_MESSAGES", "DAILY_MESSAGES"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings = defaults();
        *(int64_t *)((char *)&settings + cases[i].first) = cases[i].one;
        *(int64_t *)((char *)&settings + cases[i].second) = cases[i].fits;
        if (check(&settings).count != 0)
            fail_msg("%s and %s fit", cases[i].names[0], cases[i].names[1]);
        *(int64_t *)((char *)&settings + cases[i].second) = cases[i].does_not;
        struct heard heard = check(&settings);
        assert_int_equal(heard.count, 1);
        assert_non_null(strstr(heard.last, cases[i].names[0]));
        assert_non_null(strstr(heard.last, cases[i].names[1]));
    }
}

UNIT_TESTS(cmocka_unit_test(the_defaults_fit_together),
           cmocka_unit_test(limits_that_are_off_fit_everything),
           cmocka_unit_test(two_that_do_not_fit_are_named))
