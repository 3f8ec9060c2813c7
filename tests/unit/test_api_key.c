/* API keys: what they allow. */
#include "common/access/api_key.h"
#include "tests/unit/unit.h"

#include <string.h>

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
    assert_string_equal(
        text, "send,read,text,devices,metrics,pair,resend,inbox,webhooks,opt_outs,keys,sending");
    assert_true(api_scopes_parse(text, &scopes, unknown));
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(api_scopes_parse(wrong[i], &scopes, unknown));
    assert_false(api_scopes_parse("send,everything", &scopes, unknown));
    assert_string_equal(unknown, "everything");
}

static void a_key_ends_when_it_says(void **state)
{
    struct api_key key = {.expires_at_ms = 1000};
    (void)state;
    assert_false(api_key_expired(&key, 999));
    assert_true(api_key_expired(&key, 1000));
    key.expires_at_ms = 0;
    assert_false(api_key_expired(&key, INT64_MAX));
}

UNIT_TESTS(cmocka_unit_test(scopes_are_a_list_of_words), cmocka_unit_test(a_key_ends_when_it_says))
