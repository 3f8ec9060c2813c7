/* Device information: every member and rule of ws-broker/PROTOCOL.md. */
#include "../../common/json.h"
#include "../../ws-broker/frames.h"
#include "unit.h"

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

/* What is wrong with device information, which is tried as a first frame and as an update. */
static struct frame_problem refusal(const char *info)
{
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    size_t size = strlen(info) + 64;
    char *update = malloc(size);
    struct frame frame;
    struct frame_problem first = {0}, later = {0};
    assert_non_null(update);
    snprintf(update, size, "{\"type\":\"device_update\",\"info\":%s}", info);
    bool good = frame_read(info, strlen(info), STAGE_BASIC_INFO, &known, &frame, &first);
    if (good)
        fail_msg("%.300s is accepted", info);
    assert_false(frame_read(update, strlen(update), STAGE_BASIC, &known, &frame, &later));
    free(update);
    assert_int_equal(first.error, later.error);
    assert_string_equal(first.detail, later.detail);
    assert_false(first.has_message_id);
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
        int charging, signal_strength; /* 999: not known */
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

static void wrong_values_are_refused_by_their_name(void **state)
{
    static const struct {
        const char *name;
        const char *values[12];
    } cases[] = {
        {"device_name", {"1", "true", "[]", "{}", "[\"a\"]"}},
        {"battery_level", {"-1", "-0.1", "100.1", "101", "1e999", "\"87\"", "true", "[87]", "{}"}},
        {"charging", {"0", "1", "\"true\"", "\"\"", "[]", "{}"}},
        {"signal_strength",
         {"-201", "101", "-71.5", "1e9", "-1e999", "\"-71\"", "true", "[]", "{}",
          "9007199254740994"}},
        {"android_version", {"14.5", "-1", "true", "[]", "{}", "[\"14\"]", "1e999"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (const char *const *value = cases[i].values; *value; value++) {
            char text[128];
            snprintf(text, sizeof(text), "{\"%s\":%s}", cases[i].name, *value);
            struct frame_problem problem = refusal(text);
            assert_int_equal(problem.error, ERROR_INVALID_VALUE);
            if (strncmp(problem.detail, cases[i].name, strlen(cases[i].name)) != 0)
                fail_msg("%s: %s", text, problem.detail);
        }
    }
}

static void texts_have_their_most_bytes(void **state)
{
    static const struct {
        const char *name;
        size_t most;
    } texts[] = {{"device_name", 100}, {"android_version", 32}};
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "{\"%s\":\"%0*d\"}", texts[i].name, (int)texts[i].most, 0);
        struct frame frame = read_first(text, &known);
        assert_int_equal(strlen(frame.info.name) + strlen(frame.info.android_version),
                         texts[i].most);
        frame_fini(&frame);
        snprintf(text, sizeof(text), "{\"%s\":\"%0*d\"}", texts[i].name, (int)texts[i].most + 1, 0);
        assert_int_equal(refusal(text).error, ERROR_INVALID_VALUE);
        /* Bytes, not characters, and of the text, not of its escapes. */
        snprintf(text, sizeof(text), "{\"%s\":\"%0*d\xc3\xa9\"}", texts[i].name,
                 (int)texts[i].most - 1, 0);
        assert_int_equal(refusal(text).error, ERROR_INVALID_VALUE);
        snprintf(text, sizeof(text), "{\"%s\":\"%0*d\\u0041\"}", texts[i].name,
                 (int)texts[i].most - 1, 0);
        frame = read_first(text, &known);
        frame_fini(&frame);
    }
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
    const struct device_info known = DEVICE_INFO_UNKNOWN;
    (void)state;
    assert_int_equal(DEVICE_EXTRA_MAX_BYTES, 4096);
    for (int length = 4000; length <= 4200; length += length > 4080 && length < 4100 ? 1 : 10) {
        char text[8192];
        int size = snprintf(text, sizeof(text), "{\"a\":\"%0*d\"}", length - 8, 0);
        assert_int_equal(size, length);
        if (length > DEVICE_EXTRA_MAX_BYTES) {
            assert_int_equal(refusal(text).error, ERROR_INVALID_VALUE);
            continue;
        }
        struct frame frame = read_first(text, &known);
        assert_string_equal(frame.info.extra, text);
        frame_fini(&frame);
    }
}

static void old_and_new_members_count_together(void **state)
{
    char text[8192], extra[4096];
    struct device_info known = DEVICE_INFO_UNKNOWN;
    struct frame frame;
    struct frame_problem problem;
    (void)state;
    snprintf(extra, sizeof(extra), "{\"a\":\"%03000d\"}", 0);
    known.extra = extra;
    snprintf(text, sizeof(text), "{\"b\":\"%02000d\"}", 0);
    assert_false(frame_read(text, strlen(text), STAGE_BASIC_INFO, &known, &frame, &problem));
    assert_int_equal(problem.error, ERROR_INVALID_VALUE);
    snprintf(text, sizeof(text), "{\"b\":\"%02000d\",\"a\":1}", 0); /* the old one gives way */
    frame = read_first(text, &known);
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
        if (!frame_read(text, strlen(text), STAGE_BASIC_INFO, &before.info, &frame, &problem)) {
            assert_int_equal(problem.error, ERROR_INVALID_VALUE);
            continue; /* a limit of the number is as good as one of the bytes */
        }
        frame_fini(&before);
        before = frame;
    }
    bool kept = strstr(before.info.extra, "\"a0\"") && strstr(before.info.extra, "\"c0\"");
    frame_fini(&before);
    assert_true(kept);
}

UNIT_TESTS(cmocka_unit_test(every_member_is_read), cmocka_unit_test(a_phone_may_say_nothing),
           cmocka_unit_test(values_at_the_ends_of_their_ranges_are_read),
           cmocka_unit_test(wrong_values_are_refused_by_their_name),
           cmocka_unit_test(texts_have_their_most_bytes),
           cmocka_unit_test(updates_change_what_they_name_and_nothing_else),
           cmocka_unit_test(what_was_known_is_left_alone),
           cmocka_unit_test(further_members_are_kept_as_they_are),
           cmocka_unit_test(a_member_named_type_is_kept_in_an_update),
           cmocka_unit_test(further_members_have_4096_bytes_in_all),
           cmocka_unit_test(old_and_new_members_count_together),
           cmocka_unit_test(many_further_members_stay_known))
