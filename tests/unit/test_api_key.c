/* API keys: their text, and what is kept of it. */
#include "../../common/api_key.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static void a_key_is_known_by_its_text(void **state)
{
    struct api_key key = {0};
    char text[API_KEY_TEXT_SIZE], id[API_KEY_ID_SIZE];
    (void)state;
    assert_true(api_key_make(&key, text));
    assert_int_equal(strlen(text), API_KEY_TEXT_SIZE - 1);
    assert_int_equal(
        strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"),
        strlen(text));
    assert_memory_equal(text, "sgw_", 4);
    assert_true(api_key_parse(text, id));
    assert_string_equal(id, key.id);
    assert_true(api_key_fits(&key, text));
}

static void no_two_keys_are_the_same(void **state)
{
    struct api_key one = {0}, two = {0};
    char one_text[API_KEY_TEXT_SIZE], two_text[API_KEY_TEXT_SIZE];
    (void)state;
    assert_true(api_key_make(&one, one_text) && api_key_make(&two, two_text));
    assert_string_not_equal(one.id, two.id);
    assert_string_not_equal(one_text, two_text);
    assert_false(api_key_fits(&one, two_text));
    assert_false(api_key_fits(&two, one_text));
}

static void a_key_with_one_character_changed_is_none(void **state)
{
    struct api_key key = {0};
    char text[API_KEY_TEXT_SIZE], id[API_KEY_ID_SIZE];
    (void)state;
    assert_true(api_key_make(&key, text));
    for (size_t i = 0; i < strlen(text); i++) {
        char right = text[i];
        for (const char *wrong = "aZ0_ -\n"; *wrong; wrong++) {
            text[i] = *wrong;
            if (*wrong == right)
                continue;
            assert_false(api_key_parse(text, id));
            assert_false(api_key_fits(&key, text));
        }
        text[i] = right;
    }
    assert_true(api_key_parse(text, id));
}

static void a_key_that_is_cut_or_longer_is_none(void **state)
{
    struct api_key key = {0};
    char text[API_KEY_TEXT_SIZE + 1], id[API_KEY_ID_SIZE];
    (void)state;
    assert_true(api_key_make(&key, text));
    strcat(text, "0");
    assert_false(api_key_parse(text, id));
    for (size_t length = API_KEY_TEXT_SIZE - 1; length-- > 0;) {
        text[length] = '\0';
        assert_false(api_key_parse(text, id));
    }
}

static void scopes_are_a_list_of_words(void **state)
{
    static const char *const wrong[] = {"",           ",",   "send,", ",send",     "Send",
                                        "send, read", "all", "sen",   "send,,read"};
    char text[API_SCOPES_TEXT_SIZE], unknown[32];
    unsigned scopes;
    (void)state;
    assert_true(api_scopes_parse("text,send", &scopes, unknown));
    assert_int_equal(scopes, API_SCOPE_TEXT | API_SCOPE_SEND);
    api_scopes_format(scopes, text);
    assert_string_equal(text, "send,text");
    api_scopes_format(~0u, text);
    assert_string_equal(text, "send,read,text,devices,metrics");
    assert_true(api_scopes_parse(text, &scopes, unknown));
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(api_scopes_parse(wrong[i], &scopes, unknown));
    assert_false(api_scopes_parse("send,everything", &scopes, unknown));
    assert_string_equal(unknown, "everything");
}

UNIT_TESTS(cmocka_unit_test(a_key_is_known_by_its_text), cmocka_unit_test(no_two_keys_are_the_same),
           cmocka_unit_test(a_key_with_one_character_changed_is_none),
           cmocka_unit_test(a_key_that_is_cut_or_longer_is_none),
           cmocka_unit_test(scopes_are_a_list_of_words))
