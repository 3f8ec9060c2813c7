/* Phones: what they may be called, and how good their signal is. */
#include "common/model/device.h"
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdlib.h>

static void ids_are_words_of_1_to_64_characters(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 200; length++) {
        char id[256] = "";
        memset(id, 'a', length);
        if (device_id_valid(id) != (length >= 1 && length <= 64))
            fail_msg("%zu characters", length);
    }
}

static void ids_have_letters_digits_underscores_and_dashes(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        bool allowed = byte < 0x80 && (isalnum(byte) || byte == '_' || byte == '-');
        for (size_t i = 0; i < 3; i++) {
            char id[] = "p-7";
            id[i] = (char)byte;
            if (device_id_valid(id) != allowed)
                fail_msg("byte %02x at %zu", (unsigned)byte, i);
        }
        const char alone[] = {(char)byte, '\0'};
        assert_int_equal(device_id_valid(alone), allowed);
    }
}

static void ids_are_judged_as_a_whole(void **state)
{
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {
        {"pixel-7", true},
        {"Pixel_7", true},
        {"0", true},
        {"-", true},
        {"_", true},
        {"--help", true},
        {"", false},
        {".", false},
        {"..", false},
        {"a/b", false},
        {"../etc", false},
        {"a b", false},
        {" a", false},
        {"a\n", false},
        {"a%20b", false},
        {"t\xc3\xa9l\xc3\xa9phone", false},
        {"\xef\xbc\xa1", false},
        {"a\x7f", false},
        {"caf\xe9", false},
        {"a\"b", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (device_id_valid(cases[i].id) != cases[i].valid)
            fail_msg("\"%s\"", cases[i].id);
    }
}

static int level_of(int signal_strength)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    info.has_signal_strength = true;
    info.signal_strength = signal_strength;
    return device_signal_level(&info);
}

static void signal_levels_are_androids(void **state)
{
    static const struct {
        int signal_strength, level;
    } cases[] = {
        /* dBm: CellSignalStrengthLte, RSRP */
        {-200, 0},
        {-140, 0},
        {-129, 0},
        {-128, 1},
        {-119, 1},
        {-118, 2},
        {-109, 2},
        {-108, 3},
        {-99, 3},
        {-98, 4},
        {-71, 4},
        {-44, 4},
        {-1, 4},
        /* bars */
        {0, 0},
        {1, 1},
        {2, 2},
        {3, 3},
        {4, 4},
        /* percent */
        {5, 0},
        {100, 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int level = level_of(cases[i].signal_strength);
        if (level != cases[i].level)
            fail_msg("%d is level %d, not %d", cases[i].signal_strength, level, cases[i].level);
    }
}

static void more_of_a_signal_is_never_a_lower_level(void **state)
{
    static const struct {
        int first, last;
    } scales[] = {{-200, -1}, {0, 4}, {5, 100}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(scales); i++) {
        bool seen[5] = {false};
        for (int strength = scales[i].first; strength <= scales[i].last; strength++) {
            int level = level_of(strength);
            assert_in_range(level, 0, 4);
            if (strength > scales[i].first && level < level_of(strength - 1))
                fail_msg("%d is less than %d", strength, strength - 1);
            seen[level] = true;
        }
        for (int level = 0; level <= 4; level++)
            assert_true(seen[level]);
    }
}

static void no_signal_is_level_0_and_so_is_an_unknown_one(void **state)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    (void)state;
    assert_int_equal(device_signal_level(&info), 0);
    info.signal_strength = 4; /* left over: not known all the same */
    assert_int_equal(device_signal_level(&info), 0);
}

static void nothing_is_known_of_an_unknown_phone(void **state)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    (void)state;
    assert_string_equal(info.name, "");
    assert_string_equal(info.android_version, "");
    assert_true(info.battery_level < 0);
    assert_true(info.charging < 0);
    assert_false(info.has_signal_strength);
    assert_null(info.extra);
}

static void what_it_owns_is_freed_once(void **state)
{
    struct device_info info = DEVICE_INFO_UNKNOWN;
    (void)state;
    info.extra = strdup("{\"a\":1}");
    device_info_fini(&info);
    assert_null(info.extra);
    device_info_fini(&info);
}

UNIT_TESTS(cmocka_unit_test(ids_are_words_of_1_to_64_characters),
           cmocka_unit_test(ids_have_letters_digits_underscores_and_dashes),
           cmocka_unit_test(ids_are_judged_as_a_whole),
           cmocka_unit_test(signal_levels_are_androids),
           cmocka_unit_test(more_of_a_signal_is_never_a_lower_level),
           cmocka_unit_test(no_signal_is_level_0_and_so_is_an_unknown_one),
           cmocka_unit_test(nothing_is_known_of_an_unknown_phone),
           cmocka_unit_test(what_it_owns_is_freed_once))
