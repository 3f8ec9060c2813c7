/* Reading JSON: what is a document and what is not, in the spirit of RFC 8259's JSONTestSuite. */
#include "common/base/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* Parses a copy that ends where the text ends, so that a sanitizer sees one read too many. The scan
   alone must say the same: names that stand twice, which it does not see, are in
   test_json_values.c. */
static struct json *parse_bytes(const char *text, size_t length, struct json_problem *problem)
{
    struct json_problem of_scan = {.no_memory = true}; /* whatever was there before */
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    copy[length] = '\0';
    *problem = (struct json_problem){.offset = SIZE_MAX, .no_memory = true};
    struct json *document = json_parse(copy, length, problem);
    bool scanned = json_scan(copy, length, &of_scan);
    free(copy);
    if (scanned != (document != NULL))
        fail_msg("%.*s: the scan alone says %d", (int)length, text, scanned);
    if (!document) {
        assert_true(problem->reason && *problem->reason);
        assert_in_range(problem->offset, 0, length);
        assert_string_equal(of_scan.reason, problem->reason);
        assert_int_equal(of_scan.offset, problem->offset);
        assert_false(problem->no_memory || of_scan.no_memory);
    }
    return document;
}

static bool is_accepted(const char *text, size_t length)
{
    struct json_problem problem;
    struct json *document = parse_bytes(text, length, &problem);
    json_free(document);
    return document;
}

static void expect(const char *text, bool accepted)
{
    if (is_accepted(text, strlen(text)) != accepted)
        fail_msg("%s is %s", text, accepted ? "refused" : "accepted");
}

/* Each of the texts, which bars separate, between the parts of each place. */
static void expect_all(const char *texts, const char *const (*places)[2], bool accepted)
{
    char *copy = strdup(texts), *rest = copy;
    assert_non_null(copy);
    for (const char *part; (part = strsep(&rest, "|"));) {
        for (size_t i = 0; places[i][0]; i++) {
            char text[128];
            snprintf(text, sizeof(text), "%s%s%s", places[i][0], part, places[i][1]);
            expect(text, accepted);
        }
    }
    free(copy);
}

static const char *const as_document[][2] = {{"", ""}, {NULL, NULL}};
static const char *const as_value[][2] = {{"", ""}, {"[", "]"}, {"{\"a\":", "}"}, {NULL, NULL}};
static const char *const as_string[][2] = {
    {"\"", "\""}, {"[\"", "\"]"}, {"{\"", "\":1}"}, {"{\"a\":\"x", "y\"}"}, {NULL, NULL}};

static void values_of_every_kind_are_documents(void **state)
{
    (void)state;
    expect_all("null|true|false|0|-0|42|-0.1|\"\"|\"asd\"|[]|{}", as_document, true);
}

static void white_space_may_stand_around_every_token(void **state)
{
    (void)state;
    expect_all(" null |\t\r\n []\n\r\t |[ \t\r\n]|{ \t\r\n}|[ 1 , 2\n]|"
               "{ \"a\" : 1 ,\t\"b\"\n:\r2 }",
               as_document, true);
}

static void good_numbers_are_accepted(void **state)
{
    (void)state;
    expect_all("-0|-1|-123|0|1E22|1E-2|1E+2|0e1|0e+1|20e1|123e45|123.456e78|1e-2|1e+2|"
               "123.456789|0.5|-0.0|1e00|0.10|10|1e999|-1e999|1e-999|123e-10000000|"
               "12345678901234567890",
               as_value, true);
}

static void values_nest_in_any_order(void **state)
{
    (void)state;
    expect_all("[[]   ]|[\"\"]|[[[]],{}]|[null, 1, \"1\", {}]|[1,null,null,null,2]|{\"\":0}|"
               "{\"a\":{\"a\":{\"a\":1}}}|[{\"a\":1},{\"a\":1}]|{\"a\":1,\"A\":1}|"
               "{\"a\":[{\"b\":1},{\"b\":1}],\"b\":1}|{\"a\":1,\"a \":2,\"\\u0061b\":3}",
               as_document, true);
}

static void good_strings_are_accepted(void **state)
{
    (void)state;
    expect_all("\\\"\\\\\\/\\b\\f\\n\\r\\t|\\u0060\\u012a\\u12AB|\\u0001\\u001f\\u007f|"
               "\\\\u0000|\\\\a|a/*b*/c//d| ||\\u0022|\x7f|'|\\uD801\\udc37|"
               "\\ud83d\\ude39\\uD83D\\uDC8D|\\uDBFF\\uDFFF|\\uD7FF\\uE000|\xc2\x80|\xdf\xbf|"
               "\xe0\xa0\x80|\xe2\x82\xac|\xed\x9f\xbf|\xee\x80\x80|\xf0\x90\x80\x80|"
               "\xf4\x8f\xbf\xbd|\xe2\x80\xa8\xe2\x80\xa9",
               as_string, true);
}

static void what_is_no_value_is_refused(void **state)
{
    (void)state;
    expect_all("| |\n| \t\r\n|a|abc|*|<.>|'a'|//|/**/|undefined|NaN|Infinity|nul|nulL|Null|TRUE|"
               "True|tru|fals|[tru]|[<null>]|['a']|[ false, nul|truefalse|nullx",
               as_document, false);
}

static void nothing_may_follow_the_value(void **state)
{
    (void)state;
    expect_all("1 1|{} {}|[][]|[1]x|[1]]|1]|{}}|]|}|{}#|\"a\"\"b\"|null,|{}/**/|{}//|{}/|2@|"
               "[1],|\"x\" \"y\"|{}\x01",
               as_document, false);
}

static void other_spaces_and_byte_order_marks_are_refused(void **state)
{
    (void)state;
    expect_all("\xef\xbb\xbf|\xef\xbb\xbf{}|{}\xef\xbb\xbf|\v[]|[\f]|[]\f|\xc2\xa0[]|"
               "[\xe2\x81\xa0]|[\xe2\x80\x83]|\\u0020[]|[\\n]|\xff\xfe[\x01]",
               as_document, false);
}

static void broken_arrays_are_refused(void **state)
{
    (void)state;
    expect_all("[|[1|[1,|[\"\"|[{}|[,]|[,1]|[1,]|[1,,2]|[1,,]|[1 2]|[1:2]|[3[4]]|[\"\": 1]|"
               "[\"x\", truth]|[\"x\"}|[1}|[   , \"\"]|[1;2]|[(1)]|[*]|[x|[/**/]",
               as_document, false);
}

static void broken_objects_are_refused(void **state)
{
    (void)state;
    expect_all("{|{]|{,|{,}|{[|{\"a|{'a'|{'a':0}|{a:1}|{1:1}|{null:1}|{[]:1}|{\"a\"|{\"a\":|"
               "{\"a\":1|{\"a\":1,|{\"a\":1,}|{\"a\":1,,}|{\"a\":1,,\"b\":2}|{\"a\"::1}|{\"a\"}|"
               "{\"a\",1}|{\"a\" 1}|{:1}|{\"a\" \"b\"}|{\"a\":1 \"b\":2}|{\"a\":1 2}|{\"a\"=1}|"
               "{\"a\":/*x*/1}|{\"a\":1]|{\"a\":1;}|{\"a\":a}|{\"id\":0,\"b\"}",
               as_document, false);
}

static void bad_numbers_are_refused(void **state)
{
    (void)state;
    expect_all("007|00|-01|-00|012|01.5|0123|1.|1.e1|0.|-2.|-.1|.5|.|.-1|1e|1E|1e+|1e-|1.0e|"
               "1.0e+|1eE2|1e1.5|1e+-1|0e+-1|e1|+1|++1|--1|-|- 1|-a|1-|1+2|1 000|1;5|1_000|0x1|"
               "0xg|0b1|0o7|1a|1ea|1.a|1.2.3|1f|1L|inf|-inf|-Infinity|nan|-NaN|1e 2|"
               "\xef\xbc\x91|\xd9\xa1|1\xd9\xa1|- |-\n1|1. 0|1 .0",
               as_value, false);
}

static void unknown_escapes_are_refused(void **state)
{
    (void)state;
    expect_all("\\a|\\v|\\0|\\'|\\x41|\\U0041|\\ |\\\t|\\\n|\\\xc3\xa9|\\u|\\u1|\\u12|\\u123|"
               "\\u123g|\\uqqqq|\\u 123|\\u+123|\\u-123|\\u0x41|\\u{41}|\\u004\xd9\xa1",
               as_string, false);
}

static void the_character_nul_is_refused(void **state)
{
    (void)state;
    expect_all("\\u0000|a\\u0000b|\\\\\\u0000|\\n\\u0000", as_string, false);
}

static void lone_surrogates_are_refused(void **state)
{
    (void)state;
    expect_all("\\uD800|\\udbff|\\uDC00|\\udfff|\\uD800a|\\uD800 \\uDC00|\\uD800\\n|"
               "\\uD800\\uD800|\\uD800\\u0041|\\uD800\\uE000|\\uD800\\uDBFF|\\uDC00\\uD800|"
               "\\uD800\\uD800\\uDC00|\\uD800\\u|\\uD800\\u1|\\uD800\\uDC0|\\uD800\\udcgg|"
               "\\uD834\\\\uDD1E",
               as_string, false);
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    expect_all("\x80|\xbf|\xc3|\xe2\x82|\xf0\x9f\x98|\xc3(|\xe2(\x82|\xf0\x9f(\x98|\xc0\xaf|"
               "\xc1\xbf|\xe0\x80\xaf|\xe0\x9f\xbf|\xf0\x80\x80\xaf|\xf0\x8f\xbf\xbf|"
               "\xed\xa0\x80|\xed\xbf\xbf|\xed\xa0\xbd\xed\xb8\x80|\xf4\x90\x80\x80|"
               "\xf8\x88\x80\x80\x80|\xfe|\xff|\xc0\x80|Gr\xfc\xdf",
               as_string, false);
}

static void raw_control_characters_are_refused_in_strings(void **state)
{
    (void)state;
    for (int c = 1; c < 0x20; c++) {
        const char text[] = {'a', (char)c, 'b', '\0'};
        expect_all(text, as_string, false);
        expect_all(text + 1, as_string, false);
    }
}

static void strings_that_do_not_end_are_refused(void **state)
{
    (void)state;
    expect_all("\"|\"a|\"\\|\"\\\"|\"\\u|\"\\u00|\"\\u0041|[\"a]|{\"a:1}|{\"a\":\"}", as_document,
               false);
}

static void bytes_beside_the_text_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"\0", 1},
        {"1\0", 2},
        {"[1]\0", 4},
        {"[1]\0]", 5},
        {"\"a\0b\"", 5},
        {"[\0]", 3},
        {"\0[]", 3},
        {"{\"a\0\":1}", 8},
        {"{\"a\":1\0}", 8},
        {"\"\\\0\"", 4},
        {"tru\0", 4},
        {"nul\0l", 5},
        {"\"\\u00\0"
         "0\"",
         8},
        {"[1\0,2]", 6},
        {"1.\0", 3},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        if (is_accepted(bad[i].bytes, bad[i].length))
            fail_msg("case %zu is accepted", i);
    }
}

/* ---- One document, damaged everywhere ---- */

static const char sample[] =
    "{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\xf0\x9f\x98\x80\\n\"],"
    "\"b\":{\"c\":{},\"d\":[]},\"e\":0}";

static void every_beginning_of_a_document_is_refused(void **state)
{
    (void)state;
    expect(sample, true);
    for (size_t length = 0; length < sizeof(sample) - 1; length++) {
        if (is_accepted(sample, length))
            fail_msg("the first %zu bytes are accepted", length);
    }
}

static void a_foreign_byte_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sample) - 1; i++) {
        for (const char *byte = "\x01\x1f\x80\xc0\xff"; *byte; byte++) {
            char text[sizeof(sample)];
            memcpy(text, sample, sizeof(sample));
            text[i] = *byte;
            bool valid_by_chance = (text[i] & 0xc0) == 0x80 && (sample[i] & 0xc0) == 0x80;
            if (!valid_by_chance)
                expect(text, false);
        }
    }
}

static void problems_say_where(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"", 0},           {"  ", 2},
        {"x", 0},          {"[1] x", 4},
        {"{\"a\" 1}", 5},  {"{\"a\":1,}", 7},
        {"[1,]", 3},       {"[1 2]", 3},
        {"[tru]", 1},      {"\"a\x01\"", 2},
        {"\"a\xff\"", 2},  {"[\"abc", 5},
        {"[\n\n  +1]", 5}, {"\xef\xbb\xbf{}", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json_problem problem;
        assert_null(parse_bytes(cases[i].text, strlen(cases[i].text), &problem));
        if (problem.offset != cases[i].offset)
            fail_msg("%s: byte %zu (%s)", cases[i].text, problem.offset, problem.reason);
    }
}

UNIT_TESTS(cmocka_unit_test(values_of_every_kind_are_documents),
           cmocka_unit_test(white_space_may_stand_around_every_token),
           cmocka_unit_test(good_numbers_are_accepted), cmocka_unit_test(values_nest_in_any_order),
           cmocka_unit_test(good_strings_are_accepted),
           cmocka_unit_test(what_is_no_value_is_refused),
           cmocka_unit_test(nothing_may_follow_the_value),
           cmocka_unit_test(other_spaces_and_byte_order_marks_are_refused),
           cmocka_unit_test(broken_arrays_are_refused),
           cmocka_unit_test(broken_objects_are_refused), cmocka_unit_test(bad_numbers_are_refused),
           cmocka_unit_test(unknown_escapes_are_refused),
           cmocka_unit_test(the_character_nul_is_refused),
           cmocka_unit_test(lone_surrogates_are_refused), cmocka_unit_test(invalid_utf8_is_refused),
           cmocka_unit_test(raw_control_characters_are_refused_in_strings),
           cmocka_unit_test(strings_that_do_not_end_are_refused),
           cmocka_unit_test(bytes_beside_the_text_are_refused),
           cmocka_unit_test(every_beginning_of_a_document_is_refused),
           cmocka_unit_test(a_foreign_byte_anywhere_is_refused),
           cmocka_unit_test(problems_say_where))
