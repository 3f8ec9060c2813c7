/* Device information: every member and rule of ws-broker/PROTOCOL.md. */
#include "common/base/json.h"
#include "tests/unit/unit.h"
#include "ws-broker/protocol/frames.h"

#include <stdlib.h>

/* Reads a first frame that must be good. The caller frees it. */
static struct frame read_first(const char *text, const struct device_info *known)
{
    struct frame frame;
    struct frame_problem problem;
    if (!frame_read(text, strlen(text), STAGE_BASIC_INFO, known, &frame, &problem))
        fail_msg("%.300s: %s", text, problem.detail);
    assert_int_equal(frame.type, FRAME_IS_DEVICE_INFO);
    return frame;
}

/* Reads it as a first frame and as an update, with the same result. The caller frees it. */
static struct frame read_both(const char *info)
{
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    size_t size = strlen(info) + 64;
    char *update = malloc(size);
    struct frame later;
    struct frame_problem problem;
    assert_non_null(update);
    snprintf(update, size, "{\"type\":\"device_update\",\"info\":%s}", info);
    struct frame first = read_first(info, &known);
    if (!frame_read(update, strlen(update), STAGE_BASIC, &known, &later, &problem))
        fail_msg("%.300s: %s", update, problem.detail);
    free(update);
    assert_int_equal(first.warning.error, later.warning.error);
    assert_string_equal(first.info.name, later.info.name);
    assert_string_equal(first.info.android_version, later.info.android_version);
    assert_true(first.info.battery_level == later.info.battery_level);
    assert_int_equal(first.info.charging, later.info.charging);
    assert_int_equal(first.info.signal_strength, later.info.signal_strength);
    assert_string_equal(first.info.extra ? first.info.extra : "",
                        later.info.extra ? later.info.extra : "");
    frame_fini(&later);
    return first;
}

static void assert_unknown(const struct device_info *info)
{
    assert_string_equal(info->name, "");
    assert_string_equal(info->android_version, "");
    assert_true(info->battery_level < 0);
    assert_true(info->charging < 0);
    assert_false(info->has_signal_strength);
    assert_null(info->extra);
}

static void every_member_is_read(void **state)
{
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    struct frame frame = read_first("{\"device_name\":\"Pixel 7\",\"battery_level\":87.5,"
                                    "\"charging\":true,\"signal_strength\":-71,"
                                    "\"android_version\":\"14\",\"network\":\"LTE\"}",
                                    &known);
    assert_string_equal(frame.info.name, "Pixel 7");
    assert_true(frame.info.battery_level == 87.5);
    assert_int_equal(frame.info.charging, 1);
    assert_true(frame.info.has_signal_strength);
    assert_int_equal(frame.info.signal_strength, -71);
    assert_string_equal(frame.info.android_version, "14");
    assert_string_equal(frame.info.extra, "{\"network\":\"LTE\"}");
    frame_fini(&frame);
}

static void a_phone_may_say_nothing(void **state)
{
    static const char *const nothing[] = {
        "{}",
        " { } ",
        "{\"device_name\":null,\"battery_level\":null,\"charging\":null,"
        "\"signal_strength\":null,\"android_version\":null}",
    };
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(nothing); i++) {
        struct frame frame = read_first(nothing[i], &known);
        assert_unknown(&frame.info);
        frame_fini(&frame);
    }
}

static void values_at_the_ends_of_their_ranges_are_read(void **state)
{
    static const struct {
        const char *text;
        double battery_level;
        int charging, signal_strength; /* 999: unknown */
        const char *android_version;
    } cases[] = {
        {"{\"battery_level\":0}", 0, -1, 999, ""},
        {"{\"battery_level\":100}", 100, -1, 999, ""},
        {"{\"battery_level\":0.5e1}", 5, -1, 999, ""},
        {"{\"charging\":false}", -1, 0, 999, ""},
        {"{\"signal_strength\":-200}", -1, -1, -200, ""},
        {"{\"signal_strength\":0}", -1, -1, 0, ""},
        {"{\"signal_strength\":4}", -1, -1, 4, ""},
        {"{\"signal_strength\":100}", -1, -1, 100, ""},
        {"{\"signal_strength\":-71.0}", -1, -1, -71, ""},
        {"{\"android_version\":14}", -1, -1, 999, "14"},
        {"{\"android_version\":0}", -1, -1, 999, "0"},
        {"{\"android_version\":\"\"}", -1, -1, 999, ""},
        {"{\"android_version\":\"8.1.0\"}", -1, -1, 999, "8.1.0"},
        {"{\"android_version\":\"12345678901234567890123456789012\"}", -1, -1, 999,
         "12345678901234567890123456789012"},
    };
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct frame frame = read_first(cases[i].text, &known);
        bool has_signal = cases[i].signal_strength != 999;
        assert_true(frame.info.battery_level == cases[i].battery_level);
        assert_int_equal(frame.info.charging, cases[i].charging);
        assert_int_equal(frame.info.has_signal_strength, has_signal);
        if (has_signal)
            assert_int_equal(frame.info.signal_strength, cases[i].signal_strength);
        assert_string_equal(frame.info.android_version, cases[i].android_version);
        assert_null(frame.info.extra);
        frame_fini(&frame);
    }
}

static void odd_values_are_not_known_and_the_others_count(void **state)
{
    static const struct {
        const char *name;
        const char *values[12];
    } cases[] = {
        {"device_name", {"true", "[]", "{}", "[\"a\"]"}},
        {"battery_level",
         {"-2", "-0.1", "100.1", "101", "1e999", "\"full\"", "true", "[87]", "{}", "NaN"}},
        {"charging", {"2", "\"\"", "\"yes\"", "[]", "{}", "0.5"}},
        {"signal_strength",
         {"-201", "101", "1e9", "-1e999", "\"weak\"", "true", "[]", "{}", "9007199254740994",
          "\"-71 asu\"", "\"0x10\""}},
        {"android_version", {"-1", "true", "[]", "{}", "[\"14\"]", "1e999", "1e300"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (const char *const *value = cases[i].values; *value; value++) {
            char text[256];
            snprintf(text, sizeof(text), "{\"before\":1,\"%s\":%s,\"after\":2}", cases[i].name,
                     *value);
            struct frame frame = read_both(text);
            if (frame.warning.error != ERROR_MEMBER_IGNORED)
                fail_msg("%s: no warning", text);
            if (strcmp(*value, "NaN") != 0) /* there it is of the text */
                assert_string_equal(frame.warning.member, cases[i].name);
            assert_non_null(strstr(frame.warning.detail, cases[i].name));
            assert_string_equal(frame.info.extra, "{\"before\":1,\"after\":2}");
            free(frame.info.extra);
            frame.info.extra = NULL;
            assert_unknown(&frame.info);
            frame_fini(&frame);
        }
    }
}

static void values_are_understood_as_others_write_them(void **state)
{
    static const struct {
        const char *text;
        double battery_level;
        int charging, signal_strength; /* 999: unknown */
        const char *name, *android_version;
        bool warned;
    } cases[] = {
        {"{\"battery_level\":-1}", -1, -1, 999, "", "", false}, /* Android's value for unknown */
        {"{\"battery_level\":\"85\"}", 85, -1, 999, "", "", false},
        {"{\"battery_level\":\"85%\"}", 85, -1, 999, "", "", false},
        {"{\"battery_level\":\" 85.5 % \"}", 85.5, -1, 999, "", "", false},
        {"{\"battery_level\":1}", -1, -1, 999, "", "", false}, /* full, or nearly empty */
        {"{\"battery_level\":0.87}", 87, -1, 999, "", "", true},
        {"{\"battery_level\":0.29}", 29, -1, 999, "", "", true},
        {"{\"battery_level\":0.01}", 1, -1, 999, "", "", true},
        {"{\"charging\":1}", -1, 1, 999, "", "", false},
        {"{\"charging\":0}", -1, 0, 999, "", "", false},
        {"{\"charging\":\"true\"}", -1, 1, 999, "", "", false},
        {"{\"charging\":\"FALSE\"}", -1, 0, 999, "", "", false},
        {"{\"signal_strength\":2147483647}", -1, -1, 999, "", "", false}, /* unknown too */
        {"{\"signal_strength\":-1}", -1, -1, 999, "", "", false},
        {"{\"signal_strength\":\"-1 dBm\"}", -1, -1, 999, "", "", false},
        {"{\"signal_strength\":-2}", -1, -1, -2, "", "", false},
        {"{\"signal_strength\":-71.5}", -1, -1, -72, "", "", false},
        {"{\"signal_strength\":\"-71\"}", -1, -1, -71, "", "", false},
        {"{\"signal_strength\":\"-71 dBm\"}", -1, -1, -71, "", "", false},
        {"{\"signal_strength\":\"80%\"}", -1, -1, 80, "", "", false},
        {"{\"android_version\":14.0}", -1, -1, 999, "", "14", false},
        {"{\"android_version\":8.1}", -1, -1, 999, "", "8.1", false},
        {"{\"device_name\":17}", -1, -1, 999, "17", "", false},
        {"{\"device_name\":\"a\\u0000b\"}", -1, -1, 999,
         "a\xef\xbf\xbd"
         "b",
         "", true},
        {"{\"device_name\":\"a\",\"device_name\":\"b\"}", -1, -1, 999, "b", "", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct frame frame = read_both(cases[i].text);
        bool has_signal = cases[i].signal_strength != 999;
        if (frame.info.battery_level != cases[i].battery_level ||
            frame.info.charging != cases[i].charging ||
            frame.info.has_signal_strength != has_signal ||
            (has_signal && frame.info.signal_strength != cases[i].signal_strength) ||
            strcmp(frame.info.name, cases[i].name) != 0 ||
            strcmp(frame.info.android_version, cases[i].android_version) != 0 ||
            (frame.warning.error != ERROR_NONE) != cases[i].warned)
            fail_msg("%s: %s", cases[i].text, frame.warning.detail);
        frame_fini(&frame);
    }
}

/* Limits count the bytes of the text, not characters or escapes; texts are cut between characters. */
static void texts_are_cut_at_their_most_bytes(void **state)
{
    static const struct {
        const char *name;
        size_t most;
    } texts[] = {{"device_name", 100}, {"android_version", 32}};
    static const struct {
        const char *end; /* after one byte less than the most */
        size_t cut_to;   /* less than the most */
    } cases[] = {
        {"", 1},          {"0", 0},        {"00", 0},
        {"\\u0041", 0},   {"\xc3\xa9", 1}, {"\xf0\x9f\x98\x80", 1},
        {"e\xcc\x81", 1}, /* a combining accent */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts) * ARRAY_LENGTH(cases); i++) {
        size_t most = texts[i / ARRAY_LENGTH(cases)].most, row = i % ARRAY_LENGTH(cases);
        char text[1024];
        snprintf(text, sizeof(text), "{\"%s\":\"%0*d%s\"}", texts[i / ARRAY_LENGTH(cases)].name,
                 (int)most - 1, 0, cases[row].end);
        struct frame frame = read_both(text);
        assert_int_equal(strlen(frame.info.name) + strlen(frame.info.android_version),
                         most - cases[row].cut_to);
        bool whole = row == 0 || row == 1 || row == 3;
        assert_int_equal(frame.warning.error, whole ? ERROR_NONE : ERROR_MEMBER_IGNORED);
        frame_fini(&frame);
    }
}

static void a_battery_that_is_no_longer_known_is_forgotten(void **state)
{
    struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    known.battery_level = 87;
    struct frame frame = read_first("{\"battery_level\":-1}", &known);
    assert_true(frame.info.battery_level < 0);
    frame_fini(&frame);
}

/* ---- What was known before ---- */

static void updates_change_what_they_name_and_nothing_else(void **state)
{
    static const struct {
        const char *info, *name, *version, *extra;
        double battery_level;
        int charging, signal_strength;
    } steps[] = {
        /* each after the one before */
        {"{}", "", "", NULL, -1, -1, 0},
        {"{\"device_name\":\"A\",\"x\":1}", "A", "", "{\"x\":1}", -1, -1, 0},
        {"{\"battery_level\":50}", "A", "", "{\"x\":1}", 50, -1, 0},
        {"{\"charging\":true,\"signal_strength\":3}", "A", "", "{\"x\":1}", 50, 1, 3},
        {"{}", "A", "", "{\"x\":1}", 50, 1, 3},
        {"{\"device_name\":null,\"battery_level\":null,\"charging\":null,\"signal_strength\":null}",
         "A", "", "{\"x\":1}", 50, 1, 3},
        {"{\"y\":[1,{\"z\":null}]}", "A", "", "{\"x\":1,\"y\":[1,{\"z\":null}]}", 50, 1, 3},
        {"{\"x\":\"new\",\"charging\":false}", "A", "", "{\"y\":[1,{\"z\":null}],\"x\":\"new\"}",
         50, 0, 3},
        {"{\"android_version\":14,\"device_name\":\"B\"}", "B", "14",
         "{\"y\":[1,{\"z\":null}],\"x\":\"new\"}", 50, 0, 3},
        {"{\"y\":2,\"x\":3,\"battery_level\":49}", "B", "14", "{\"y\":2,\"x\":3}", 49, 0, 3},
        {"{\"device_name\":\"\"}", "", "14", "{\"y\":2,\"x\":3}", 49, 0, 3},
    };
    struct frame before = {.info = DEVICE_INFO_UNKNOWN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        char text[256];
        struct frame frame;
        struct frame_problem problem;
        snprintf(text, sizeof(text), "{\"type\":\"device_update\",\"info\":%s}", steps[i].info);
        if (!frame_read(text, strlen(text), STAGE_BASIC, &before.info, &frame, &problem))
            fail_msg("%s: %s", text, problem.detail);
        assert_int_equal(frame.type, FRAME_IS_DEVICE_UPDATE);
        assert_string_equal(frame.info.name, steps[i].name);
        assert_string_equal(frame.info.android_version, steps[i].version);
        assert_true(frame.info.battery_level == steps[i].battery_level);
        assert_int_equal(frame.info.charging, steps[i].charging);
        assert_int_equal(frame.info.signal_strength, steps[i].signal_strength);
        assert_int_equal(frame.info.extra == NULL, steps[i].extra == NULL);
        if (steps[i].extra)
            assert_string_equal(frame.info.extra, steps[i].extra);
        frame_fini(&before);
        before = frame;
    }
    frame_fini(&before);
}

static void what_was_known_is_left_alone(void **state)
{
    char extra[] = "{\"a\":1}";
    struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    known.extra = extra;
    strcpy(known.name, "known");
    struct frame frame = read_first("{\"device_name\":\"new\",\"a\":2}", &known);
    assert_string_equal(known.name, "known");
    assert_string_equal(known.extra, "{\"a\":1}");
    assert_string_equal(frame.info.name, "new");
    assert_string_equal(frame.info.extra, "{\"a\":2}");
    frame_fini(&frame);
}

/* ---- Further members ---- */

static void further_members_are_kept_as_they_are(void **state)
{
    static const char *const extras[] = {
        "{\"a\":1}",
        "{\"\":\"\"}",
        "{\"b\":2,\"a\":1}",
        "{\"Device_Name\":\"x\"}",
        "{\"sim\":[{\"slot\":0,\"operator\":\"T\xc3\xa9l\xc3\xa9\"}],\"roaming\":false}",
        "{\"imei\":356938035643809}",
        "{\"a\\\"b\\n\":\"\\\\\\u0001\"}",
        "{\"\xf0\x9f\x98\x80\":\"\xf0\x9f\x98\x80\"}",
        "{\"info\":{\"battery_level\":1}}",
    };
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(extras); i++) {
        struct frame frame = read_first(extras[i], &known);
        assert_string_equal(frame.info.extra, extras[i]);
        frame_fini(&frame);
    }
}

/* Only the first frame must not have a `type`; inside `info` it is a name like any other. */
static void a_member_named_type_is_kept_in_an_update(void **state)
{
    static const char text[] = "{\"type\":\"device_update\",\"info\":{\"type\":\"phone\",\"a\":1}}";
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    struct frame frame;
    struct frame_problem problem;
    (void)state;
    assert_true(frame_read(text, sizeof(text) - 1, STAGE_BASIC, &known, &frame, &problem));
    bool kept = strcmp(frame.info.extra, "{\"type\":\"phone\",\"a\":1}") == 0;
    frame_fini(&frame);
    assert_true(kept);
}

static void further_members_have_4096_bytes_in_all(void **state)
{
    (void)state;
    assert_int_equal(DEVICE_EXTRA_MAX_BYTES, 4096);
    for (int length = 4000; length <= 4200; length += length > 4080 && length < 4100 ? 1 : 10) {
        char text[8192];
        int size = snprintf(text, sizeof(text), "{\"a\":\"%0*d\"}", length - 8, 0);
        assert_int_equal(size, length);
        struct frame frame = read_both(text);
        bool fits = length <= DEVICE_EXTRA_MAX_BYTES;
        assert_int_equal(frame.warning.error, fits ? ERROR_NONE : ERROR_MEMBER_IGNORED);
        if (fits)
            assert_string_equal(frame.info.extra, text);
        else
            assert_null(frame.info.extra);
        frame_fini(&frame);
    }
}

static void further_members_that_cannot_be_kept_do_no_harm(void **state)
{
    static const struct {
        const char *info, *extra; /* NULL: none */
    } cases[] = {
        {"{\"a\":1,\"b\":{\"x\":1,\"x\":2},\"c\":3}", "{\"a\":1,\"c\":3}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}"},
        {"{\"a\":[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]],\"b\":1}", NULL}, /* cut, wherever */
        {"{\"a\":NaN,\"b\":1}", "{\"a\":\"\",\"b\":1}"},
        {"{\"a\":\"\\ud800\"}", "{\"a\":\"\xef\xbf\xbd\"}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct device_info known = DEVICE_INFO_UNKNOWN;
        struct frame frame = read_first(cases[i].info, &known);
        assert_int_equal(frame.warning.error, ERROR_MEMBER_IGNORED);
        if (cases[i].extra)
            assert_string_equal(frame.info.extra, cases[i].extra);
        else
            assert_non_null(strstr(frame.info.extra, "\"b\":1"));
        frame_fini(&frame);
    }
}

static void new_members_take_the_room_of_old_ones(void **state)
{
    char text[8192], extra[4096];
    struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    snprintf(extra, sizeof(extra), "{\"a\":\"%03000d\",\"z\":1}", 0);
    known.extra = extra;
    snprintf(text, sizeof(text), "{\"b\":\"%02000d\",\"c\":1}", 0);
    struct frame frame = read_first(text, &known);
    assert_int_equal(frame.warning.error, ERROR_MEMBER_IGNORED);
    assert_string_equal(frame.warning.member, "extra");
    assert_non_null(strstr(frame.info.extra, "\"z\":1,\"b\":\"000"));
    assert_null(strstr(frame.info.extra, "\"a\""));
    frame_fini(&frame);
    snprintf(text, sizeof(text), "{\"b\":\"%02000d\",\"a\":1}", 0); /* the old member makes room */
    frame = read_first(text, &known);
    assert_int_equal(frame.warning.error, ERROR_NONE);
    frame_fini(&frame);
}

/* Two objects of 200 names fit into 4 KiB; what is accepted must still be there afterwards. */
static void many_further_members_stay_known(void **state)
{
    enum { EACH = 200 };
    struct frame before = {.info = DEVICE_INFO_UNKNOWN};
    char text[8192];
    (void)state;
    for (int round = 0; round < 3; round++) {
        char *p = text;
        for (int i = 0; i < (round < 2 ? EACH : 1); i++)
            p += sprintf(p, "%c\"%c%d\":1", i ? ',' : '{', 'a' + round, i);
        strcpy(p, "}");
        struct frame frame;
        struct frame_problem problem;
        assert_true(
            frame_read(text, strlen(text), STAGE_BASIC_INFO, &before.info, &frame, &problem));
        frame_fini(&before);
        before = frame;
    }
    bool kept = strstr(before.info.extra, "\"a0\"") && strstr(before.info.extra, "\"c0\"");
    frame_fini(&before);
    assert_true(kept);
}

/* `sims` NULL: unknown. */
static void assert_sims(const struct device_info *info, const char *sims, unsigned slots)
{
    assert_string_equal(info->sims ? info->sims : "unknown", sims ? sims : "unknown");
    assert_int_equal(info->sim_slots, slots);
}

static void sims_are_taken_as_far_as_they_can_be_read(void **state)
{
    static const struct {
        const char *given, *sims;
        unsigned slots;
        bool warned;
    } cases[] = {
        {"[]", "[]", 0, false},
        {"[{\"slot\":1}]", "[{\"slot\":1}]", 2, false},
        {"[{\"slot\":4,\"number\":\"+49\"},{\"slot\":\"2\",\"carrier\":\"x\",\"more\":1}]",
         "[{\"slot\":2,\"carrier\":\"x\"},{\"slot\":4,\"number\":\"+49\"}]", 20, false},
        {"[{\"slot\":1,\"carrier\":[],\"number\":4915}]", "[{\"slot\":1,\"number\":\"4915\"}]", 2,
         false},
        {"[{\"slot\":0},{\"slot\":5},{\"slot\":-1},{\"slot\":1.5},{},[],7,null]", "[]", 0, true},
        {"[{\"slot\":1,\"carrier\":\"a\"},{\"slot\":1,\"carrier\":\"b\"}]",
         "[{\"slot\":1,\"carrier\":\"a\"}]", 2, true},
        {"2", NULL, 0, true},
        {"\"1\"", NULL, 0, true},
        {"{\"slot\":1}", NULL, 0, true},
        {"null", NULL, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), "{\"sims\":%s}", cases[i].given);
        struct frame frame = read_both(text);
        assert_sims(&frame.info, cases[i].sims, cases[i].slots);
        assert_int_equal(frame.warning.error, cases[i].warned ? ERROR_MEMBER_IGNORED : ERROR_NONE);
        assert_null(frame.info.extra);
        frame_fini(&frame);
    }
}

static void sims_replace_those_before_and_stay_without(void **state)
{
    struct device_info known = DEVICE_INFO_UNKNOWN;
    struct frame frame = read_first("{\"sims\":[{\"slot\":1},{\"slot\":2}],\"app_version\":2.5}",
                                    &known);
    (void)state;
    known = frame.info;
    struct frame next = read_first("{\"battery_level\":50}", &known);
    assert_sims(&next.info, "[{\"slot\":1},{\"slot\":2}]", 6);
    assert_string_equal(next.info.app_version, "2.5");
    frame_fini(&next);
    next = read_first("{\"sims\":[{\"slot\":2}]}", &known);
    assert_sims(&next.info, "[{\"slot\":2}]", 4);
    frame_fini(&next);
    frame_fini(&frame);
}

UNIT_TESTS(cmocka_unit_test(sims_are_taken_as_far_as_they_can_be_read),
           cmocka_unit_test(sims_replace_those_before_and_stay_without),
           cmocka_unit_test(every_member_is_read), cmocka_unit_test(a_phone_may_say_nothing),
           cmocka_unit_test(values_at_the_ends_of_their_ranges_are_read),
           cmocka_unit_test(odd_values_are_not_known_and_the_others_count),
           cmocka_unit_test(values_are_understood_as_others_write_them),
           cmocka_unit_test(texts_are_cut_at_their_most_bytes),
           cmocka_unit_test(a_battery_that_is_no_longer_known_is_forgotten),
           cmocka_unit_test(updates_change_what_they_name_and_nothing_else),
           cmocka_unit_test(what_was_known_is_left_alone),
           cmocka_unit_test(further_members_are_kept_as_they_are),
           cmocka_unit_test(a_member_named_type_is_kept_in_an_update),
           cmocka_unit_test(further_members_have_4096_bytes_in_all),
           cmocka_unit_test(further_members_that_cannot_be_kept_do_no_harm),
           cmocka_unit_test(new_members_take_the_room_of_old_ones),
           cmocka_unit_test(many_further_members_stay_known))
