/* What comes to a terminal: nothing that it would obey, nor what turns a line's direction. */
#include "common/base/json.h"
#include "common/base/json_write.h"
#include "common/base/terminal.h"
#include "common/base/utf8.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* UTF-8 of a character; its length. */
static size_t encode(int32_t point, char bytes[5])
{
    size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(leads[length] | point);
    bytes[length] = '\0';
    return length;
}

static bool must_be_escaped(int32_t point)
{
    static const int32_t ranges[][2] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                                        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
                                        {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        if (point >= ranges[i][0] && point <= ranges[i][1])
            return true;
    }
    return (point & 0xffff) >= 0xfffe;
}

static bool is_character(int32_t point)
{
    return point > 0 && (point < 0xd800 || point > 0xdfff);
}

static void what_a_terminal_would_obey_is_escaped_and_nothing_else(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    for (int32_t point = 1; point <= 0x10ffff; point++) {
        char text[5];
        if (!is_character(point))
            continue;
        encode(point, text);
        buffer_clear(&out);
        terminal_append(&out, text);
        if ((strcmp(out.data, text) == 0) == must_be_escaped(point))
            fail_msg("U+%04X becomes \"%s\"", (unsigned)point, out.data);
        for (const char *p = out.data, *end = p + out.length; p < end;)
            assert_false(utf8_is_control(utf8_next(&p, end)));
    }
    buffer_fini(&out);
}

static void escapes_are_readable(void **state)
{
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"", ""},
        {"plain, h\u00e4\u00dflich, \U0001f600, C:\\path",
         "plain, h\u00e4\u00dflich, \U0001f600, C:\\path"},
        {"a\nb\r\tc", "a\\nb\\r\\tc"},
        {"\x1b[31mred\x07", "\\u001b[31mred\\u0007"},
        {"\302\2332J", "\\u009b2J"},
        {"\u202eback\u202c", "\\u202eback\\u202c"},
        {"\x9b"
         "2J",
         "\\x9b2J"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\U0001fffe", "\\U0001fffe"},
        {"\u200d\u200c\u2060", "\u200d\u200c\u2060"}, /* joiners */
    };
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        buffer_clear(&out);
        terminal_append(&out, cases[i].text);
        assert_string_equal(out.data ? out.data : "", cases[i].seen);
    }
    buffer_fini(&out);
}

static void json_stays_the_same_document(void **state)
{
    struct buffer plain, out;
    struct json_writer json = {.out = &plain};
    struct json_problem problem;
    char *text = calloc(1, 5 * 0x11000), *end = text;
    (void)state;
    assert_non_null(text);
    for (int32_t point = 1; point <= 0x10ffff; point += point < 0x10000 ? 1 : 0xfffd) {
        if (is_character(point))
            end += encode(point, end);
    }
    buffer_init(&plain, 4 << 20);
    buffer_init(&out, 4 << 20);
    json_begin_object(&json, NULL);
    json_put_text(&json, "text", text);
    json_put_text(&json, "na\302\233me", "\u202e");
    json_end_object(&json);
    terminal_append_json(&out, plain.data, plain.length);
    for (const char *p = out.data; p < out.data + out.length;)
        assert_false(utf8_is_control(utf8_next(&p, out.data + out.length)));
    struct json *document = json_parse(out.data, out.length, &problem);
    assert_non_null(document);
    assert_string_equal(json_text(json_member(document, "text")), text);
    assert_string_equal(json_text(json_member(document, "na\302\233me")), "\u202e");
    json_free(document);
    buffer_clear(&out);
    terminal_append_json(&out, "{\"a\":\"\x9b\"}\n", 10);
    assert_string_equal(out.data, "{\"a\":\"\\ufffd\"}\n");
    buffer_fini(&plain);
    buffer_fini(&out);
    free(text);
}

/* What was written to the file since it was opened. */
static char *written(FILE *file, size_t *length)
{
    fflush(file);
    *length = (size_t)ftell(file);
    char *text = calloc(1, *length + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, *length, file), *length);
    return text;
}

static void a_long_text_is_written_whole(void **state)
{
    enum { COUNT = 100000 };
    struct buffer long_text, expected;
    size_t length;
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    buffer_init(&long_text, 4 << 20);
    buffer_init(&expected, 4 << 20);
    for (int i = 0; i < COUNT; i++) {
        buffer_append_text(&long_text, i % 7 ? "\u20ac" : "\302\233x");
        buffer_append_text(&expected, i % 7 ? "\u20ac" : "\\u009bx");
    }
    terminal_put(file, long_text.data);
    char *found = written(file, &length);
    assert_int_equal(length, expected.length);
    assert_string_equal(found, expected.data);
    free(found);
    fclose(file);
    buffer_fini(&long_text);
    buffer_fini(&expected);
}

static void a_printed_line_is_one_line(void **state)
{
    size_t length;
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    terminal_print(file, "%s: %d\n", "a\nb\x1b", 5);
    terminal_print(file, "%s", "c\n");
    char *found = written(file, &length);
    assert_string_equal(found, "a\\nb\\u001b: 5\nc\\n");
    free(found);
    fclose(file);
}

UNIT_TESTS(cmocka_unit_test(what_a_terminal_would_obey_is_escaped_and_nothing_else),
           cmocka_unit_test(escapes_are_readable), cmocka_unit_test(json_stays_the_same_document),
           cmocka_unit_test(a_long_text_is_written_whole),
           cmocka_unit_test(a_printed_line_is_one_line))
