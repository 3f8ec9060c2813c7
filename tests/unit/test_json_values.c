/* Reading JSON: its limits, and the values inside a document. */
#include "common/base/json.h"
#include "common/base/json_write.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct json *parse(const char *text)
{
    struct json_problem problem = {0};
    struct json *document = json_parse(text, strlen(text), &problem);
    if (!document)
        fail_msg("%s: %s (byte %zu)", text, problem.reason, problem.offset);
    return document;
}

static void expect(const char *text, bool accepted)
{
    struct json_problem problem;
    struct json *document = json_parse(text, strlen(text), &problem);
    bool found = document;
    json_free(document);
    if (found != accepted)
        fail_msg("%.200s is %s", text, accepted ? "refused" : "accepted");
}

/* ---- Limits ---- */

/* `levels` of nesting, of the openings in turn. */
static void nest(char *text, int levels, const char *const openings[2], const char *middle)
{
    char *p = text;
    for (int i = 0; i < levels; i++)
        p = stpcpy(p, openings[i % 2]);
    p = stpcpy(p, middle);
    for (int i = levels; i-- > 0;)
        *p++ = openings[i % 2][0] == '[' ? ']' : '}';
    *p = '\0';
}

static void sixteen_levels_are_accepted_and_seventeen_refused(void **state)
{
    static const char *const kinds[][2] = {
        {"[", "["}, {"{\"a\":", "{\"a\":"}, {"[", "{\"a\":"}, {"{\"a\":", "["}};
    (void)state;
    for (size_t kind = 0; kind < ARRAY_LENGTH(kinds); kind++) {
        for (int levels = 1; levels <= 40; levels++) {
            char text[512];
            nest(text, levels, kinds[kind], "1");
            expect(text, levels <= JSON_MAX_DEPTH);
            nest(text, levels - 1, kinds[kind], "[]"); /* an empty one is a level too */
            expect(text, levels <= JSON_MAX_DEPTH);
            nest(text, levels - 1, kinds[kind], "{}");
            expect(text, levels <= JSON_MAX_DEPTH);
        }
    }
    assert_int_equal(JSON_MAX_DEPTH, 16);
    expect("[[[[[[[[[[[[[[[[],[],[]],[[]]]]]]]]]]]]]]]]", true); /* side by side is not deeper */
}

static void a_million_levels_do_no_harm(void **state)
{
    enum { LEVELS = 1000000 };
    char *text = malloc(LEVELS);
    (void)state;
    assert_non_null(text);
    memset(text, '[', LEVELS);
    text[LEVELS - 1] = '\0';
    expect(text, false);
    free(text);
}

/* An object of `count` different names; the caller frees it. */
static char *object_of(int count)
{
    char *text = malloc((size_t)count * 16 + 3), *p = text;
    assert_non_null(text);
    *p++ = '{';
    for (int i = 0; i < count; i++)
        p += sprintf(p, "%s\"n%d\":%d", i ? "," : "", i, i);
    strcpy(p, "}");
    return text;
}

static void an_object_has_at_most_256_members(void **state)
{
    (void)state;
    for (int count = 255; count <= 258; count++) {
        char *object = object_of(count);
        size_t size = strlen(object) * 2 + 32;
        char *nested = malloc(size);
        assert_non_null(nested);
        expect(object, count <= JSON_MAX_MEMBERS);
        snprintf(nested, size, "[{\"a\":%s},%s]", object, object);
        expect(nested, count <= JSON_MAX_MEMBERS);
        free(nested);
        free(object);
    }
    assert_int_equal(JSON_MAX_MEMBERS, 256);
}

static void an_array_has_as_many_elements_as_it_likes(void **state)
{
    enum { ELEMENTS = 5000 };
    char text[2 * ELEMENTS + 2];
    (void)state;
    for (size_t i = 0; i < ELEMENTS; i++)
        memcpy(text + 2 * i, ",1", 2);
    text[0] = '[';
    strcpy(text + sizeof(text) - 2, "]");
    expect(text, true);
}

static void names_stand_once_in_an_object(void **state)
{
    static const char *const twice[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"\":1,\"\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0061\":1,\"\\u0061\":2}",
        "{\"\\/\":1,\"/\":2}",
        "{\"\\n\":1,\"\\u000A\":2}",
        "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
        "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}",
        "{\"\\u00E9\":1,\"\\u00e9\":2}",
        "[{\"a\":1,\"a\":1}]",
        "{\"x\":{\"a\":1,\"a\":1}}",
        "{\"x\":[[{\"b\":{\"a\":1,\"a\":1}}]]}",
        "[{\"a\":1},{\"b\":{},\"b\":{}}]",
        "{\"a\":{\"a\":1},\"a\":2}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(twice); i++) {
        struct json_problem problem;
        expect(twice[i], false);
        assert_true(json_scan(twice[i], strlen(twice[i]), &problem));
    }
}

/* ---- Values ---- */

static void numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        bool is_number, is_integer;
        double number;
        int64_t integer;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"42", true, true, 42, 42},
        {"-42", true, true, -42, -42},
        {"1.0", true, true, 1, 1},
        {"1e2", true, true, 100, 100},
        {"1500e-2", true, true, 15, 15},
        {"1.5", true, false, 1.5, 0},
        {"-0.5", true, false, -0.5, 0},
        {"0.1", true, false, 0.1, 0},
        {"1e-2", true, false, 0.01, 0},
        {"2147483648", true, true, 2147483648, 2147483648},
        {"-2147483649", true, true, -2147483649, -2147483649},
        {"9007199254740991", true, true, 9007199254740991, 9007199254740991},
        {"9007199254740991", true, true, 9007199254740991, 9007199254740991},
        {"-9007199254740991", true, true, -9007199254740991, -9007199254740991},
        {"9007199254740994", true, false, 9007199254740994, 0},
        {"-9007199254740994", true, false, -9007199254740994, 0},
        {"9223372036854775807", true, false, 9223372036854775807.0, 0},
        {"18446744073709551616", true, false, 18446744073709551616.0, 0},
        {"1e20", true, false, 1e20, 0},
        {"1e308", true, false, 1e308, 0},
        {"1e999", false, false, 0, 0},
        {"-1e999", false, false, 0, 0},
        {"\"1\"", false, false, 0, 0},
        {"\"\"", false, false, 0, 0},
        {"true", false, false, 0, 0},
        {"null", false, false, 0, 0},
        {"[1]", false, false, 0, 0},
        {"{}", false, false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json *document = parse(cases[i].text);
        double number = 0;
        int64_t integer = 0;
        bool is_number = json_number(document, &number);
        bool is_integer = json_integer(document, &integer);
        json_free(document);
        if (is_number != cases[i].is_number || number != cases[i].number)
            fail_msg("%s: number %d, %g", cases[i].text, is_number, number);
        if (is_integer != cases[i].is_integer || integer != cases[i].integer)
            fail_msg("%s: integer %d, %lld", cases[i].text, is_integer, (long long)integer);
    }
}

static void a_whole_number_just_beyond_2_to_the_53_is_not_taken_for_another(void **state)
{
    static const char *const beyond[] = {"9007199254740993", "-9007199254740993"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(beyond); i++) {
        struct json *document = parse(beyond[i]);
        int64_t integer;
        bool taken = json_integer(document, &integer);
        json_free(document);
        if (taken)
            fail_msg("%s is read as %lld", beyond[i], (long long)integer);
    }
}

static void numbers_may_have_many_digits(void **state)
{
    (void)state;
    for (int digits = 1; digits <= 300; digits++) {
        char text[1024];
        double number;
        snprintf(text, sizeof(text), "[0.5%0*d,1%0*de-%d]", digits, 0, digits, 0, digits);
        struct json *document = parse(text);
        const struct json *first = json_first(document);
        assert_true(json_number(first, &number) && number == 0.5);
        assert_true(json_number(json_next(first), &number) && number == 1);
        json_free(document);
    }
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool is_object, is_boolean, is_null, is_true, is_text;
    } cases[] = {
        {"{}", true, false, false, false, false},
        {"[]", false, false, false, false, false},
        {"true", false, true, false, true, false},
        {"false", false, true, false, false, false},
        {"null", false, false, true, false, false},
        {"1", false, false, false, false, false},
        {"\"\"", false, false, false, false, true},
        {"\"true\"", false, false, false, false, true},
        {"{\"a\":1}", true, false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json *document = parse(cases[i].text);
        assert_int_equal(json_is_object(document), cases[i].is_object);
        assert_int_equal(json_is_boolean(document), cases[i].is_boolean);
        assert_int_equal(json_is_null(document), cases[i].is_null);
        assert_int_equal(json_true(document), cases[i].is_true);
        assert_int_equal(json_text(document) != NULL, cases[i].is_text);
        json_free(document);
    }
}

static void texts_are_read_with_their_escapes_resolved(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\"\"", ""},
        {"\"abc\"", "abc"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\\u0001\\u007f\\\\u0041\"", "\x01\x7f\\u0041"},
        {"\"\\uD800\\uDC00\\uDBFF\\uDFFD\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbd"},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json *document = parse(cases[i].text);
        assert_string_equal(json_text(document), cases[i].expected);
        json_free(document);
    }
}

static void members_are_found_by_their_exact_name(void **state)
{
    static const char *const missing[] = {"", "A", "a ", "ab", "c", "x"};
    struct json *document = parse("{\"a\":1,\"\\u0062\":{\"x\":2},\"\xc3\xa9\":3}");
    int64_t integer = 0;
    (void)state;
    assert_true(json_integer(json_member(document, "a"), &integer) && integer == 1);
    assert_true(json_is_object(json_member(document, "b")));
    assert_true(json_integer(json_member(document, "\xc3\xa9"), &integer) && integer == 3);
    for (size_t i = 0; i < ARRAY_LENGTH(missing); i++)
        assert_null(json_member(document, missing[i]));
    assert_null(json_text(json_member(document, "a")));
    json_free(document);
}

static void members_come_in_their_order(void **state)
{
    static const char *const names[] = {"z", "a", "", "\n", "M"};
    struct json *document = parse("{\"z\":0,\"a\":1,\"\":2,\"\\n\":3,\"M\":4}");
    int64_t count = 0, integer = -1;
    (void)state;
    json_for_each (member, document) {
        assert_string_equal(json_name(member), names[count]);
        assert_true(json_integer(member, &integer));
        assert_int_equal(integer, count++);
    }
    assert_int_equal(count, 5);
    json_free(document);

    document = parse("{}");
    assert_null(json_first(document));
    json_free(document);
}

/* The caller frees it. */
static char *copied(const struct json *value)
{
    struct buffer text;
    struct json_writer json = {.out = &text};
    buffer_init(&text, 1024);
    json_copy(&json, NULL, value);
    return buffer_take(&text);
}

static void values_are_copied_compactly_and_read_back(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {" { \"a\" : [ 1 , 2.5 , \"x\" ] , \"b\" : { } } ", "{\"a\":[1,2.5,\"x\"],\"b\":{}}"},
        {"[true,false,null,-7,0.1,[]]", "[true,false,null,-7,0.1,[]]"},
        {"\"\\u0041\\n\\\"\\\\\\/\"", "\"A\\n\\\"\\\\/\""},
        {"\"\\u0001\\u001f\"", "\"\\u0001\\u001f\""},
        {"\"\xc3\xa9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"123456789012345", "123456789012345"}, /* an IMEI */
        {"{\"\\n\":1}", "{\"\\n\":1}"},
        {"{\"a\\\"b\":{\"\\u0001\":[]},\"c\":null}", "{\"a\\\"b\":{\"\\u0001\":[]},\"c\":null}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json *document = parse(cases[i].text);
        char *printed = copied(document);
        assert_string_equal(printed, cases[i].printed);
        expect(printed, true);
        free(printed);
        json_free(document);
    }
}

static void whole_numbers_are_copied_to_the_last_digit(void **state)
{
    static const char *const numbers[] = {"999999999999999", "1234567890123457", "1795427100123456",
                                          "-9007199254740991", "9007199254740991"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        struct json *document = parse(numbers[i]);
        char *printed = copied(document);
        json_free(document);
        document = parse(printed);
        free(printed);
        int64_t integer = 0;
        bool good = json_integer(document, &integer) && integer == atoll(numbers[i]);
        json_free(document);
        if (!good)
            fail_msg("%s becomes %lld", numbers[i], (long long)integer);
    }
}

/* The tolerant parser alone: what a phone says must not become another number. */
static void longer_whole_numbers_become_texts(void **state)
{
    static const struct {
        const char *text, *copied;
    } cases[] = {
        {"[9007199254740991,-9007199254740991,0,-0.5,1e2]",
         "[9007199254740991,-9007199254740991,0,-0.5,100]"},
        {"[9007199254740992,-9007199254740993 , 12345678901234567890]",
         "[\"9007199254740992\",\"-9007199254740993\",\"12345678901234567890\"]"},
        {"{\"\\\"9007199254740993\":\"9007199254740993\\\\\",\"a\":{\"b\":9007199254740993}}",
         "{\"\\\"9007199254740993\":\"9007199254740993\\\\\",\"a\":{\"b\":\"9007199254740993\"}}"},
        {"[9007199254740993.0,9007199254740993e0]", "[9007199254740992,9007199254740992]"},
        {"9007199254740993", "\"9007199254740993\""},
        {"[9007199254740993,NaN,\"a\\u0000\"]", "[\"9007199254740993\",\"\",\"a\xef\xbf\xbd\"]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json_problem problem;
        bool mended;
        struct json *document = json_parse_mended(cases[i].text, strlen(cases[i].text), &problem,
                                                  &mended);
        assert_non_null(document);
        assert_int_equal(mended, i + 1 == ARRAY_LENGTH(cases));
        char *printed = copied(document);
        assert_string_equal(printed, cases[i].copied);
        free(printed);
        json_free(document);
    }
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    json_free(NULL);
}

static void values_have_a_limit(void **state)
{
    char *text = malloc(2 * JSON_MAX_VALUES + 8);
    struct json_problem problem;
    size_t length = 2 * (JSON_MAX_VALUES - 1); /* "[0,0...", and the array is a value too */
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = i % 2 ? '0' : ',';
    text[0] = '[';
    memcpy(text + length, "]", 2);
    assert_true(json_scan(text, length + 1, &problem));
    memcpy(text + length, ",0]", 4);
    assert_false(json_scan(text, length + 3, &problem));
    assert_string_equal(problem.reason, "the document has too many values");
    free(text);
}

UNIT_TESTS(cmocka_unit_test(values_have_a_limit),
           cmocka_unit_test(sixteen_levels_are_accepted_and_seventeen_refused),
           cmocka_unit_test(a_million_levels_do_no_harm),
           cmocka_unit_test(an_object_has_at_most_256_members),
           cmocka_unit_test(an_array_has_as_many_elements_as_it_likes),
           cmocka_unit_test(names_stand_once_in_an_object), cmocka_unit_test(numbers_are_read),
           cmocka_unit_test(a_whole_number_just_beyond_2_to_the_53_is_not_taken_for_another),
           cmocka_unit_test(numbers_may_have_many_digits), cmocka_unit_test(kinds_are_told_apart),
           cmocka_unit_test(texts_are_read_with_their_escapes_resolved),
           cmocka_unit_test(members_are_found_by_their_exact_name),
           cmocka_unit_test(members_come_in_their_order),
           cmocka_unit_test(values_are_copied_compactly_and_read_back),
           cmocka_unit_test(whole_numbers_are_copied_to_the_last_digit),
           cmocka_unit_test(longer_whole_numbers_become_texts),
           cmocka_unit_test(freeing_nothing_is_allowed))
