/* Prefixes of phone numbers: how they are written, and which of two lists decides. */
#include "common/model/prefix_list.h"
#include "tests/unit/unit.h"

static struct prefix_list parse(const char *text)
{
    struct prefix_list list;
    char errmsg[ERRMSG_SIZE] = "";
    if (!prefix_list_parse(text, &list, errmsg))
        fail_msg("\"%s\": %s", text, errmsg);
    return list;
}

static void prefixes_stand_between_spaces_and_commas(void **state)
{
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
        {"", 0},
        {" , ,", 0},
        {"+49", 1},
        {"+49,+1", 2},
        {" +49\t+1 ,, +7 ", 3},
        {"+123456789012345", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(parse(cases[i].text).count, cases[i].count);
}

static void what_is_no_prefix_is_named(void **state)
{
    static const char *const texts[] = {
        "49",     "+",       "+0",    "+049",   "+4x",
        "+49;+1", "+49 +",   "++49",  "+49-1",  "+1234567890123456",
        "+49 \n", "+49 all", "'+49'", "+4\xff",
    };
    struct prefix_list list;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char errmsg[ERRMSG_SIZE] = "";
        assert_false(prefix_list_parse(texts[i], &list, errmsg));
        assert_non_null(strstr(errmsg, "must be prefixes such as"));
        assert_null(strchr(errmsg, '\n'));
    }
}

static void a_prefix_that_no_number_has_is_refused(void **state)
{
    static const char *const texts[] = {"+490900", "+1 +440", "+4909", "+35308", "+490 +1"};
    struct prefix_list list;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char errmsg[ERRMSG_SIZE] = "";
        assert_false(prefix_list_parse(texts[i], &list, errmsg));
        assert_non_null(strstr(errmsg, "no international number begins like this"));
    }
    assert_int_equal(parse("+3906 +22507 +1800 +80001").count, 4);
}

static void a_list_has_an_end(void **state)
{
    char text[4 * PREFIX_LIST_MOST + 8], errmsg[ERRMSG_SIZE] = "";
    struct prefix_list list;
    (void)state;
    for (int i = 0; i < PREFIX_LIST_MOST; i++)
        memcpy(text + 4 * i, "+49 ", 5);
    assert_int_equal(parse(text).count, PREFIX_LIST_MOST);
    strcat(text, "+1");
    assert_false(prefix_list_parse(text, &list, errmsg));
    assert_non_null(strstr(errmsg, "at most 256 prefixes"));
}

static void the_longest_match_counts(void **state)
{
    struct prefix_list list = parse("+4 +4366 +43");
    (void)state;
    assert_int_equal(prefix_list_match(&list, "+436641234567"), 4);
    assert_int_equal(prefix_list_match(&list, "+431234567"), 2);
    assert_int_equal(prefix_list_match(&list, "+491234567"), 1);
    assert_int_equal(prefix_list_match(&list, "+1436641234"), 0);
    assert_int_equal(prefix_list_match(&list, "436641234"), 0);
    assert_int_equal(prefix_list_match(&list, "+43"), 2);
}

static void the_longer_prefix_decides_and_of_equal_ones_the_one_that_denies(void **state)
{
    static const struct {
        const char *allowed, *denied, *number;
        enum prefix_verdict verdict;
    } cases[] = {
        {"", "", "+4912345678", PREFIX_ALLOWED},
        {"", "+49", "+4912345678", PREFIX_DENIED},
        {"", "+49", "+4312345678", PREFIX_ALLOWED},
        {"+49", "", "+4312345678", PREFIX_NOT_IN_ALLOWED},
        {"+49 +43", "", "+4312345678", PREFIX_ALLOWED},
        {"+49", "+49900", "+4990012345", PREFIX_DENIED},
        {"+49900", "+49", "+4990012345", PREFIX_ALLOWED},
        {"+49900", "+49", "+4915112345", PREFIX_DENIED},
        {"+49", "+49", "+4915112345", PREFIX_DENIED},
        {"+49", "+88", "+8815112345", PREFIX_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct prefix_list allowed = parse(cases[i].allowed), denied = parse(cases[i].denied);
        assert_int_equal(prefix_list_judge(&allowed, &denied, cases[i].number), cases[i].verdict);
    }
}

UNIT_TESTS(cmocka_unit_test(prefixes_stand_between_spaces_and_commas),
           cmocka_unit_test(what_is_no_prefix_is_named),
           cmocka_unit_test(a_prefix_that_no_number_has_is_refused),
           cmocka_unit_test(a_list_has_an_end), cmocka_unit_test(the_longest_match_counts),
           cmocka_unit_test(the_longer_prefix_decides_and_of_equal_ones_the_one_that_denies))
