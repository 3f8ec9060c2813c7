#include "common/model/opt_out_keywords.h"
#include "tests/unit/unit.h"

static const char list[] = "STOP, Stop all,ARRÊT , Стоп, TÉRMINO";

static void a_whole_text_is_a_keyword_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *text, *keyword;
    } found[] = {
        {"STOP", "STOP"},
        {"stop", "STOP"},
        {"  Stop\n", "STOP"},
        {"STOP ALL", "Stop all"},
        {"stop \t\xc2\xa0 All", "Stop all"},
        {"arrêt", "ARRÊT"},
        {"СТОП", "Стоп"},
        {"término", "TÉRMINO"},
        {"\xe2\x80\x8f"
         "stop \xe2\x80\x8e",
         "STOP"},                     /* direction marks */
        {"Stop\xef\xbf\xbd", "STOP"}, /* the NUL of a C string */
        {"\xef\xbb\xbfStop\xe2\x80\x8b\n", "STOP"},
    };
    static const char *const others[] = {"",
                                         " ",
                                         "STOP!",
                                         "stop it",
                                         "s top",
                                         "STO",
                                         "STOPALL",
                                         "arret",
                                         "STOP,",
                                         "don't stop",
                                         "СТО",
                                         "STOP\x01",
                                         "\xff",
                                         "ST\xe2\x80\x8bOP",
                                         "\xe2\x80\x8b"};
    char keyword[OPT_OUT_KEYWORD_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(found); i++) {
        if (!opt_out_keywords_find(list, found[i].text, keyword))
            fail_msg("%s", found[i].text);
        assert_string_equal(keyword, found[i].keyword);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        if (opt_out_keywords_find(list, others[i], keyword))
            fail_msg("%s", others[i]);
    }
    assert_false(opt_out_keywords_find("", "STOP", keyword));
    assert_false(opt_out_keywords_find("", "", keyword));
}

static void a_list_is_checked(void **state)
{
    (void)state;
    char errmsg[ERRMSG_SIZE], longest[OPT_OUT_KEYWORD_SIZE + 1];
    memset(longest, 'x', sizeof(longest));
    longest[OPT_OUT_KEYWORD_SIZE] = '\0';
    static const char *const bad[] = {"STOP,", ",", "STOP,,END", "a\tb", "a\x01", "\xff"};
    assert_true(opt_out_keywords_check("", errmsg));
    assert_true(opt_out_keywords_check(list, errmsg));
    assert_false(opt_out_keywords_check(longest, errmsg));
    assert_true(opt_out_keywords_check(longest + 1, errmsg));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(opt_out_keywords_check(bad[i], errmsg));
}

UNIT_TESTS(cmocka_unit_test(a_whole_text_is_a_keyword_in_any_case),
           cmocka_unit_test(a_list_is_checked))
