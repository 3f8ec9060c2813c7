/* Readings of battery and signal: one for some minutes, for a day. */
#include "tests/store/store_fixture.h"

static const int64_t start_ms = 1777550400000; /* a whole STORE_READING_EVERY_MS */

static int64_t given_connect(struct store_fixture *fixture, const char *device_id,
                             const struct device_info *info)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.broker = message_id_new();
    write.connect.info = *info;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

static void given_update(struct store_fixture *fixture, const char *device_id, int64_t epoch,
                         const struct device_info *info)
{
    struct store_write write = {.verb = STORE_DEVICE_UPDATE};
    strcpy(write.update.device_id, device_id);
    write.update.connection_epoch = epoch;
    write.update.info = *info;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static struct device_info battery(double level)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    info.battery_level = level;
    return info;
}

static struct device_info signal_of(int strength)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    info.has_signal_strength = true;
    info.signal_strength = strength;
    return info;
}

/* As "+MINUTES:BATTERY/SIGNAL", each; the minutes since the start, `-` for what is not known, `*` where it is charged. */
static void assert_readings(struct store_fixture *fixture, const char *device_id, int64_t from_ms,
                            const char *expected)
{
    static struct store_reading readings[STORE_MAX_READINGS];
    char text[512] = "", *end = text;
    size_t count;
    assert_int_equal(store_list_readings(fixture->reader, device_id, from_ms, readings, &count),
                     ERROR_NONE);
    for (size_t i = 0; i < count && i < 8; i++) {
        const struct store_reading *reading = &readings[i];
        end += sprintf(end, "%s+%d:", i > 0 ? " " : "", (int)((reading->at_ms - start_ms) / 60000));
        end += reading->battery_level < 0 ? sprintf(end, "-")
                                          : sprintf(end, "%g", reading->battery_level);
        end += sprintf(end, "%s/", reading->charging == 1 ? "*" : "");
        end += reading->has_signal_strength ? sprintf(end, "%d", reading->signal_strength)
                                            : sprintf(end, "-");
    }
    assert_string_equal(text, expected);
}

static void a_device_has_one_reading_in_five_minutes(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(start_ms + 60000);
    struct device_info info = battery(90);
    info.charging = 1;
    int64_t epoch = given_connect(fixture, "phone", &info);
    given_connect(fixture, "phone-2", &(struct device_info){.battery_level = 7, .charging = -1});
    given_update(fixture, "phone", epoch, &(struct device_info){.battery_level = 89});
    assert_readings(fixture, "phone", 0, "+1:90*/-");
    struct device_info late = signal_of(-71);
    late.battery_level = 50;
    given_update(fixture, "phone", epoch, &late); /* it says what was not known */
    assert_readings(fixture, "phone", 0, "+1:90*/-71");
    store_fixture_pass_ms(STORE_READING_EVERY_MS - 60001);
    given_update(fixture, "phone", epoch, &late);
    store_fixture_pass_ms(1);
    given_update(fixture, "phone", epoch, &late);
    given_update(fixture, "phone", epoch - 1, &info); /* of an older connection */
    assert_readings(fixture, "phone", 0, "+1:90*/-71 +5:50/-71");
    assert_readings(fixture, "phone", start_ms + 60001, "+5:50/-71");
    assert_readings(fixture, "phone-2", 0, "+1:7/-");
    assert_readings(fixture, "phone-3", 0, "");
}

static void a_device_that_says_nothing_of_it_has_none(void **state)
{
    struct store_fixture *fixture = *state;
    struct device_info info = DEVICE_INFO_UNKNOWN;
    store_fixture_stop_clock_at(start_ms);
    int64_t epoch = given_connect(fixture, "phone", &info);
    info.charging = 1;
    given_update(fixture, "phone", epoch, &info);
    assert_readings(fixture, "phone", 0, "");
    info = signal_of(3);
    given_update(fixture, "phone", epoch, &info);
    assert_readings(fixture, "phone", 0, "+0:-/3");
}

/* The clock was set back: the next readings replace none and stay as few. */
static void readings_of_a_wrong_clock_do_not_add_up(void **state)
{
    struct store_fixture *fixture = *state;
    struct device_info info = battery(50);
    store_fixture_stop_clock_at(start_ms + 60 * 60000);
    int64_t epoch = given_connect(fixture, "phone", &info);
    store_fixture_pass_ms(-60 * 60000);
    for (int i = 0; i < 3; i++)
        given_update(fixture, "phone", epoch, &info);
    assert_readings(fixture, "phone", 0, "+0:50/- +60:50/-");
}

static void old_readings_are_purged_a_few_at_a_time(void **state)
{
    enum { BEFORE = 3 };
    struct store_fixture *fixture = *state;
    struct device_info info = battery(50);
    store_fixture_stop_clock_at(start_ms);
    int64_t epoch = given_connect(fixture, "phone", &info);
    given_connect(fixture, "gone", &info);
    for (int i = 1; i < BEFORE; i++) {
        store_fixture_pass_ms(STORE_READING_EVERY_MS);
        given_update(fixture, "phone", epoch, &info);
    }
    store_fixture_pass_ms(STORE_READINGS_KEPT_MS);
    given_update(fixture, "phone", epoch, &info);
    assert_true(given_purge(fixture, 0, 0, 2).purge.more);
    assert_false(given_purge(fixture, 0, 0, 2).purge.more);
    assert_readings(fixture, "gone", 0, "");
    assert_readings(fixture, "phone", 0, "+10:50/- +1510:50/-");
    assert_in_file(fixture, "SELECT count(*) FROM device_reading", 2);
}

static void a_reading_fails_with_its_write(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, "phone");
    strcpy(write.connect.token_id, "unknown");
    write.connect.broker = message_id_new();
    write.connect.info = battery(50);
    assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_TOKEN_INVALID);
    assert_readings(fixture, "phone", 0, "");
}

UNIT_TESTS(STORE_TEST(a_device_has_one_reading_in_five_minutes),
           STORE_TEST(a_device_that_says_nothing_of_it_has_none),
           STORE_TEST(readings_of_a_wrong_clock_do_not_add_up),
           STORE_TEST(old_readings_are_purged_a_few_at_a_time),
           STORE_TEST(a_reading_fails_with_its_write))
