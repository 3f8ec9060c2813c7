/* Query strings: decoding parameters, and appending them to a URL. */
#include "api-fcgi/server/query.h"
#include "common/base/url.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* ---- Reading a query string ---- */

struct parameter {
    const char *name, *value;
    bool good;
};

/* Decodes a query into buffers of 16 and 24 bytes with guards after them. */
static void check_query(const char *query, const struct parameter *expected)
{
    char name[16 + 4], value[24 + 4];
    const char *rest = query;
    for (;; expected++) {
        bool good = false;
        memset(name, '#', sizeof(name));
        memset(value, '#', sizeof(value));
        bool more = query_next_parameter(&rest, name, 16, value, 24, &good);
        assert_memory_equal(name + 16, "####", 4);
        assert_memory_equal(value + 24, "####", 4);
        assert_in_range(rest - query, 0, strlen(query));
        if (more != (expected->name != NULL))
            fail_msg("?%s has %s parameters", query, more ? "more" : "fewer");
        if (!more)
            return;
        if (good != expected->good)
            fail_msg("?%s: %s is %s", query, name, good ? "good" : "not good");
        assert_non_null(memchr(name, '\0', 16));
        assert_non_null(memchr(value, '\0', 24));
        if (good) {
            assert_string_equal(name, expected->name);
            assert_string_equal(value, expected->value);
        } else if (*expected->name) {
            assert_string_equal(name, expected->name);
        }
    }
}

static void queries_are_split_and_decoded(void **state)
{
    static const struct {
        const char *query;
        struct parameter parameters[4];
    } cases[] = {
        {"", {{0}}},
        {"&", {{0}}},
        {"&&&", {{0}}},
        {"a=1", {{"a", "1", true}}},
        {"a=1&b=2", {{"a", "1", true}, {"b", "2", true}}},
        {"&a=1&&&b=2&", {{"a", "1", true}, {"b", "2", true}}},
        {"a=1&a=1", {{"a", "1", true}, {"a", "1", true}}},
        {"a", {{"a", "", true}}},
        {"a&b", {{"a", "", true}, {"b", "", true}}},
        {"a=", {{"a", "", true}}},
        {"a=&b=", {{"a", "", true}, {"b", "", true}}},
        {"=", {{"", "", true}}},
        {"=1", {{"", "1", true}}},
        {"=&=", {{"", "", true}, {"", "", true}}},
        {"a=1=2", {{"a", "1=2", true}}},
        {"a==", {{"a", "=", true}}},
        {"a=b;c=d", {{"a", "b;c=d", true}}},
        {"a=?", {{"a", "?", true}}},
        /* + is a space, %2B a plus */
        {"a+b=c+d", {{"a b", "c d", true}}},
        {"a=+49", {{"a", " 49", true}}},
        {"a=%2B49+%2b", {{"a", "+49 +", true}}},
        {"a=%20%09%0A", {{"a", " \t\n", true}}},
        /* escaped separators do not separate */
        {"a%3Db=c%26d%3de", {{"a=b", "c&d=e", true}}},
        {"%61%62=%63", {{"ab", "c", true}}},
        {"a=%25", {{"a", "%", true}}},
        {"a=%2541", {{"a", "%41", true}}},
        {"a=%c3%a9%E2%82%AC%f0%9F%98%80", {{"a", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true}}},
        {"%c3%a9=1", {{"\xc3\xa9", "1", true}}},
        {"a=\xc3\xa9", {{"a", "\xc3\xa9", true}}},
        {"a=%01%7F", {{"a", "\x01\x7f", true}}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check_query(cases[i].query, cases[i].parameters);
}

static void undecodable_parameters_are_not_good(void **state)
{
    static const struct {
        const char *query;
        struct parameter parameters[4]; /* if not good, the expected name; "": any */
    } cases[] = {
        /* bad escapes */
        {"a=%", {{"a", "", false}}},
        {"a=%2", {{"a", "", false}}},
        {"a=%&b=1", {{"a", "", false}, {"b", "1", true}}},
        {"a=%4&b=1", {{"a", "", false}, {"b", "1", true}}},
        {"a=%4g", {{"a", "", false}}},
        {"a=%g4", {{"a", "", false}}},
        {"a=%%41", {{"a", "", false}}},
        {"a=% 1", {{"a", "", false}}},
        {"a=%+1", {{"a", "", false}}},
        {"a=%-1", {{"a", "", false}}},
        {"a=%0x41", {{"a", "", false}}},
        {"a=%u0041", {{"a", "", false}}},
        {"%=1", {{"", "", false}}},
        {"a%=1&b=2", {{"", "", false}, {"b", "2", true}}},
        /* U+0000 */
        {"a=%00", {{"a", "", false}}},
        {"a=b%00c", {{"a", "", false}}},
        {"a%00b=1", {{"", "", false}}},
        {"a=%0&b=%000", {{"a", "", false}, {"b", "", false}}},
        /* invalid UTF-8, also a character split between parameters */
        {"a=%ff", {{"a", "", false}}},
        {"a=%c3", {{"a", "", false}}},
        {"a=%c3&b=%a9", {{"a", "", false}, {"b", "", false}}},
        {"a=%c0%80", {{"a", "", false}}},
        {"a=%ed%a0%80", {{"a", "", false}}},
        {"a=%f4%90%80%80", {{"a", "", false}}},
        {"a=%e2%82+", {{"a", "", false}}},
        {"a=\xff", {{"a", "", false}}},
        {"%ff=1&b=2", {{"", "", false}, {"b", "2", true}}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check_query(cases[i].query, cases[i].parameters);
}

static void too_long_parameters_are_not_good(void **state)
{
    static const struct {
        const char *query;
        struct parameter parameters[4];
    } cases[] = {
        {"123456789012345=1", {{"123456789012345", "1", true}}},
        {"1234567890123456=1&b=2", {{"123456789012345", "", false}, {"b", "2", true}}},
        {"a=12345678901234567890123", {{"a", "12345678901234567890123", true}}},
        {"a=123456789012345678901234&b=2", {{"a", "", false}, {"b", "2", true}}},
        {"%31%32%33456789012345=%41", {{"123456789012345", "A", true}}},
        {"a=%31234567890123456789012345678901234567890", {{"a", "", false}}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check_query(cases[i].query, cases[i].parameters);
}

/* ---- Appending parameters ---- */

static void parameters_are_appended_to_a_url(void **state)
{
    static const struct {
        const char *url, *name, *value, *expected;
    } cases[] = {
        {"/api", "a", "1", "/api?a=1"},
        {"/api?a=1", "b", "2", "/api?a=1&b=2"},
        {"/api?", "b", "2", "/api?&b=2"},
        {"", "a", "", "?a="},
        {"/", "status", "sent", "/?status=sent"},
        {"/", "x", "AZaz09-._~", "/?x=AZaz09-._~"},
        {"/", "phone_number", "+49151", "/?phone_number=%2B49151"},
        {"/", "x", "a b&c=d#e?f/g%h;i", "/?x=a%20b%26c%3Dd%23e%3Ff%2Fg%25h%3Bi"},
        {"/", "x", "\"<>\\^`{|}", "/?x=%22%3C%3E%5C%5E%60%7B%7C%7D"},
        {"/", "x", "\xc3\xa9\n\x7f", "/?x=%C3%A9%0A%7F"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct buffer url;
        buffer_init(&url, 1000);
        if (*cases[i].url)
            buffer_append_text(&url, cases[i].url);
        url_append_parameter(&url, cases[i].name, cases[i].value);
        assert_string_equal(url.data, cases[i].expected);
        buffer_fini(&url);
    }
}

static void appended_parameters_read_back(void **state)
{
    char all[128];
    (void)state;
    for (int c = 1; c < 0x80; c++)
        all[c - 1] = (char)c;
    all[127] = '\0';
    const char *const values[] = {"",
                                  " ",
                                  "+",
                                  "%",
                                  "&=&",
                                  all,
                                  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                                  "2026-11-23T09:45:00+01:00"};
    struct buffer url;
    buffer_init(&url, 10000);
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
        url_append_parameter(&url, "name", values[i]);
    const char *query = strchr(url.data, '?') + 1;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        char name[16], value[256];
        bool good;
        assert_true(query_next_parameter(&query, name, sizeof(name), value, sizeof(value), &good));
        assert_true(good);
        assert_string_equal(name, "name");
        assert_string_equal(value, values[i]);
    }
    assert_string_equal(query, "");
    buffer_fini(&url);
}

UNIT_TESTS(cmocka_unit_test(queries_are_split_and_decoded),
           cmocka_unit_test(undecodable_parameters_are_not_good),
           cmocka_unit_test(too_long_parameters_are_not_good),
           cmocka_unit_test(parameters_are_appended_to_a_url),
           cmocka_unit_test(appended_parameters_read_back))
