/* Writing JSON: commas, escapes, and what json_parse reads back. */
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/json_write.h"
#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct output {
    struct buffer text;
    struct json_writer json;
};

static void begin(struct output *output)
{
    buffer_init(&output->text, 100000);
    output->json = (struct json_writer){.out = &output->text};
}

static struct json *parse(const struct buffer *text)
{
    struct json_problem problem = {0};
    struct json *document = json_parse(text->data, text->length, &problem);
    if (!document)
        fail_msg("%s: %s (byte %zu)", text->data, problem.reason, problem.offset);
    return document;
}

static void end(struct output *output, const char *expected)
{
    assert_false(output->text.failed);
    assert_string_equal(output->text.data, expected);
    json_free(parse(&output->text));
    buffer_fini(&output->text);
}

static void commas_stand_between_members_and_elements(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_begin_object(&o.json, NULL);
    json_put_text(&o.json, "a", "x");
    json_put_integer(&o.json, "b", -7);
    json_put_bool(&o.json, "c", true);
    json_put_bool(&o.json, "d", false);
    json_put_null(&o.json, "e");
    json_put_number(&o.json, "f", 87.5);
    json_put_raw(&o.json, "g", "{\"raw\":[1,2]}");
    json_put_time(&o.json, "h", 1795427100000);
    json_put_name(&o.json, "\"i\n");
    json_begin_array(&o.json, NULL);
    json_end_array(&o.json);
    json_put_name(&o.json, "j");
    json_put_null(&o.json, NULL);
    json_put_null(&o.json, "k");
    json_end_object(&o.json);
    end(&o, "{\"a\":\"x\",\"b\":-7,\"c\":true,\"d\":false,\"e\":null,\"f\":87.5,"
            "\"g\":{\"raw\":[1,2]},\"h\":\"2026-11-23T09:45:00.000Z\",\"\\\"i\\n\":[],\"j\":null,"
            "\"k\":null}");
}

static void objects_and_arrays_nest(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_begin_array(&o.json, NULL);
    json_begin_object(&o.json, NULL);
    json_end_object(&o.json);
    json_begin_object(&o.json, NULL);
    json_begin_array(&o.json, "empty");
    json_end_array(&o.json);
    json_begin_array(&o.json, "items");
    json_put_integer(&o.json, NULL, 1);
    json_begin_array(&o.json, NULL);
    json_put_text(&o.json, NULL, "two");
    json_end_array(&o.json);
    json_put_null(&o.json, NULL);
    json_end_array(&o.json);
    json_begin_object(&o.json, "inner");
    json_put_bool(&o.json, "x", true);
    json_end_object(&o.json);
    json_put_integer(&o.json, "last", 3);
    json_end_object(&o.json);
    json_begin_array(&o.json, NULL);
    json_end_array(&o.json);
    json_put_integer(&o.json, NULL, 4);
    json_end_array(&o.json);
    end(&o,
        "[{},{\"empty\":[],\"items\":[1,[\"two\"],null],\"inner\":{\"x\":true},\"last\":3},[],4]");
}

static void a_value_alone_is_a_document(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_put_text(&o.json, NULL, "alone");
    end(&o, "\"alone\"");
}

static void no_text_and_no_time_are_null(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_begin_array(&o.json, NULL);
    json_put_text(&o.json, NULL, NULL);
    json_put_text(&o.json, NULL, "");
    json_put_time(&o.json, NULL, 0);
    json_put_time(&o.json, NULL, 1);
    json_end_array(&o.json);
    end(&o, "[null,\"\",null,\"1970-01-01T00:00:00.001Z\"]");
}

static void what_json_has_no_number_for_is_null(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_begin_array(&o.json, NULL);
    json_put_number(&o.json, NULL, (double)INFINITY);
    json_put_number(&o.json, NULL, (double)-INFINITY);
    json_put_number(&o.json, NULL, (double)NAN);
    json_end_array(&o.json);
    end(&o, "[null,null,null]");
}

/* ---- Escapes ---- */

/* Writes the text as a name and as a value, reads both back. */
static void check_text(const char *text)
{
    struct output o;
    begin(&o);
    json_begin_object(&o.json, NULL);
    json_put_name(&o.json, text);
    json_put_text(&o.json, NULL, text);
    json_end_object(&o.json);
    struct json *document = parse(&o.text);
    const struct json *member = json_first(document);
    assert_string_equal(json_name(member), text);
    assert_string_equal(json_text(member), text);
    assert_null(json_next(member));
    json_free(document);
    buffer_fini(&o.text);
}

static void every_text_reads_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "plain",
        "\"",
        "\\",
        "/",
        "\"quoted\"",
        "C:\\new\\table",
        "\\u0041",
        "\\\"",
        "line\nline\r\n",
        "tab\tbell\bfeed\f\v\x1b",
        "ends in a quote\"",
        "\nstarts with one",
        "{\"a\":[1,2]}",
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
        "\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x7f",
        "\"\xc3\xa9\"\\\xf0\x9f\x98\x80\n",
        "</script>",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        check_text(texts[i]);
}

static void every_ascii_character_reads_back_at_every_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"abc", "abcdefgh", "abcdefghijk",
                                        "\u00e9\u00e9\u00e9\u00e9abcdefghi"};
    for (size_t t = 0; t < ARRAY_LENGTH(texts); t++) {
        for (int c = 1; c < 0x80; c++) {
            for (size_t i = 0; texts[t][i]; i++) {
                char text[32];
                strcpy(text, texts[t]);
                if ((unsigned char)text[i] >= 0x80) /* half of a character */
                    continue;
                text[i] = (char)c;
                check_text(text);
            }
        }
    }
}

static void control_characters_are_never_written_raw(void **state)
{
    (void)state;
    for (int c = 1; c < 0x20; c++) {
        const char text[] = {(char)c, '\0'};
        struct output o;
        begin(&o);
        json_put_text(&o.json, NULL, text);
        assert_null(strchr(o.text.data, c));
        assert_int_equal(o.text.data[1], '\\');
        buffer_fini(&o.text);
    }
}

/* ---- Numbers ---- */

static void integers_read_back(void **state)
{
    static const int64_t integers[] = {
        0, 1, -1, 42, 2147483648, -2147483649, 1795427100000, 9007199254740991, -9007199254740991};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(integers); i++) {
        struct output o;
        int64_t back = 12345;
        begin(&o);
        json_put_integer(&o.json, NULL, integers[i]);
        struct json *document = parse(&o.text);
        assert_true(json_integer(document, &back));
        assert_int_equal(back, integers[i]);
        json_free(document);
        buffer_fini(&o.text);
    }
}

static void integers_have_all_their_digits(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    json_begin_array(&o.json, NULL);
    json_put_integer(&o.json, NULL, INT64_MAX);
    json_put_integer(&o.json, NULL, INT64_MIN);
    json_end_array(&o.json);
    end(&o, "[9223372036854775807,-9223372036854775808]");
}

static void numbers_read_back_to_fifteen_digits(void **state)
{
    static const double numbers[] = {0,       -0.0, 1,    -1,    0.5,  87.5,    99.9,    0.1,
                                     1.0 / 3, 1e15, 1e21, -1e-7, 1e99, DBL_MAX, DBL_MIN, 100};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        struct output o;
        double back = 12345;
        begin(&o);
        json_put_number(&o.json, NULL, numbers[i]);
        assert_true(strlen(o.text.data) < 30);
        if (fabs(numbers[i]) < 1e308) { /* the largest, rounded up, is no double */
            struct json *document = parse(&o.text);
            assert_true(json_number(document, &back));
            assert_true(fabs(back - numbers[i]) <= fabs(numbers[i]) * 1e-14);
            json_free(document);
        }
        buffer_fini(&o.text);
    }
}

static void times_read_back(void **state)
{
    static const int64_t times_ms[] = {1, 1795427100123, -1, 253402300799999};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(times_ms); i++) {
        struct output o;
        int64_t back = 12345;
        begin(&o);
        json_put_time(&o.json, NULL, times_ms[i]);
        struct json *document = parse(&o.text);
        assert_true(clock_parse(json_text(document), &back));
        assert_int_equal(back, times_ms[i]);
        json_free(document);
        buffer_fini(&o.text);
    }
}

/* ---- */

static void a_buffer_that_is_too_small_says_so(void **state)
{
    static const char whole[] = "{\"name\":\"a\\nb\",\"number\":[12,null]}";
    (void)state;
    for (size_t ceiling = 0; ceiling < sizeof(whole) + 2; ceiling++) {
        struct buffer text;
        struct json_writer json = {.out = &text};
        buffer_init(&text, ceiling);
        json_begin_object(&json, NULL);
        json_put_text(&json, "name", "a\nb");
        json_begin_array(&json, "number");
        json_put_integer(&json, NULL, 12);
        json_put_null(&json, NULL);
        json_end_array(&json);
        json_end_object(&json);
        assert_int_equal(text.failed, ceiling < sizeof(whole) - 1);
        if (!text.failed)
            assert_string_equal(text.data, whole);
        buffer_fini(&text);
    }
}

static void a_writer_may_go_on_after_what_is_there(void **state)
{
    struct output o;
    (void)state;
    begin(&o);
    buffer_append_text(&o.text, "[1");
    o.json.needs_comma = true;
    json_put_integer(&o.json, NULL, 2);
    json_end_array(&o.json);
    end(&o, "[1,2]");
}

UNIT_TESTS(cmocka_unit_test(commas_stand_between_members_and_elements),
           cmocka_unit_test(objects_and_arrays_nest), cmocka_unit_test(a_value_alone_is_a_document),
           cmocka_unit_test(no_text_and_no_time_are_null),
           cmocka_unit_test(what_json_has_no_number_for_is_null),
           cmocka_unit_test(every_text_reads_back_as_it_was),
           cmocka_unit_test(every_ascii_character_reads_back_at_every_place),
           cmocka_unit_test(control_characters_are_never_written_raw),
           cmocka_unit_test(integers_read_back), cmocka_unit_test(integers_have_all_their_digits),
           cmocka_unit_test(numbers_read_back_to_fifteen_digits), cmocka_unit_test(times_read_back),
           cmocka_unit_test(a_buffer_that_is_too_small_says_so),
           cmocka_unit_test(a_writer_may_go_on_after_what_is_there))
