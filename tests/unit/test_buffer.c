/* Buffers: they grow up to their ceiling, and past it they say so once. */
#include "common/base/buffer.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static void assert_holds(const struct buffer *buffer, const char *text)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->length, strlen(text));
    assert_string_equal(buffer->data, text);
}

static void a_new_buffer_has_nothing(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 10);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    assert_false(buffer.failed);
    buffer_fini(&buffer);
    buffer_fini(&buffer);
}

static void appends_follow_one_another(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 100);
    buffer_append_text(&buffer, "one");
    buffer_append_char(&buffer, ' ');
    buffer_append(&buffer, "two and more", 3);
    buffer_append_format(&buffer, " %d%s", 3, "!");
    buffer_append_text(&buffer, "");
    buffer_append(&buffer, "x", 0);
    assert_holds(&buffer, "one two 3!");
    buffer_fini(&buffer);
}

static void integers_are_written_as_printf_would(void **state)
{
    static const int64_t integers[] = {0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(integers); i++) {
        struct buffer buffer;
        char expected[32];
        snprintf(expected, sizeof(expected), "%lld", (long long)integers[i]);
        buffer_init(&buffer, 100);
        buffer_append_integer(&buffer, integers[i]);
        assert_holds(&buffer, expected);
        buffer_fini(&buffer);
    }
}

static void it_ends_in_a_nul_at_every_length(void **state)
{
    struct buffer buffer;
    char expected[1001] = "";
    (void)state;
    buffer_init(&buffer, 1000);
    for (size_t i = 0; i < 1000; i++) {
        expected[i] = (char)('a' + i % 26);
        buffer_append_char(&buffer, expected[i]);
        assert_true(buffer.length < buffer.capacity);
        assert_holds(&buffer, expected);
    }
    buffer_fini(&buffer);
}

static void bytes_may_be_nul(void **state)
{
    static const char bytes[] = {'a', 0, 'b', 0};
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 100);
    buffer_append(&buffer, bytes, sizeof(bytes));
    buffer_append_char(&buffer, '\0');
    assert_int_equal(buffer.length, 5);
    assert_memory_equal(buffer.data, "a\0b\0\0", 6);
    buffer_fini(&buffer);
}

/* ---- The ceiling, which each way to append keeps ---- */

static void by_bytes(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static void by_chars(struct buffer *buffer, const char *text)
{
    for (; *text; text++)
        buffer_append_char(buffer, *text);
}

static void by_format(struct buffer *buffer, const char *text)
{
    buffer_append_format(buffer, "%s", text);
}

PRINTF_FORMAT(2, 3)
static void format_list(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(buffer, format, arguments);
    va_end(arguments);
}

static void by_format_list(struct buffer *buffer, const char *text)
{
    format_list(buffer, "%.2s%s", text, strlen(text) > 2 ? text + 2 : "");
}

static void (*const ways[])(struct buffer *buffer, const char *text) = {
    by_bytes, buffer_append_text, by_chars, by_format, by_format_list,
};

static void the_ceiling_itself_fits(void **state)
{
    (void)state;
    for (size_t way = 0; way < ARRAY_LENGTH(ways); way++) {
        struct buffer buffer;
        buffer_init(&buffer, 8);
        ways[way](&buffer, "12345");
        ways[way](&buffer, "678");
        assert_holds(&buffer, "12345678");
        buffer_fini(&buffer);
    }
}

static void one_byte_more_marks_it_as_failed_for_good(void **state)
{
    (void)state;
    for (size_t way = 0; way < ARRAY_LENGTH(ways); way++) {
        struct buffer buffer;
        buffer_init(&buffer, 8);
        ways[way](&buffer, "12345678");
        ways[way](&buffer, "9");
        assert_true(buffer.failed);
        for (size_t later = 0; later < ARRAY_LENGTH(ways); later++)
            ways[later](&buffer, "z");
        assert_true(buffer.failed);
        assert_int_equal(buffer.length, 8);
        assert_string_equal(buffer.data, "12345678");
        buffer_fini(&buffer);
    }
}

static void after_a_failure_what_would_fit_is_not_appended_either(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 8);
    buffer_append_text(&buffer, "12345");
    buffer_append_text(&buffer, "6789");
    buffer_append_text(&buffer, "6");
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "12345");
    buffer_fini(&buffer);
}

static void ceilings_of_nothing_and_of_everything(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 0);
    buffer_append_text(&buffer, "");
    assert_false(buffer.failed);
    buffer_append_char(&buffer, 'a');
    assert_true(buffer.failed);
    buffer_fini(&buffer);

    buffer_init(&buffer, SIZE_MAX);
    for (int i = 0; i < 10000; i++)
        buffer_append_text(&buffer, "0123456789");
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 100000);
    assert_int_equal(strlen(buffer.data), 100000);
    buffer_fini(&buffer);
}

/* ---- */

static void clearing_empties_forgives_and_keeps_the_memory(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 100);
    buffer_clear(&buffer);
    assert_null(buffer.data);
    buffer_append_format(&buffer, "%90d", 1);
    char *memory = buffer.data;
    size_t capacity = buffer.capacity;
    buffer_append_format(&buffer, "%90d", 2);
    assert_true(buffer.failed);
    buffer_clear(&buffer);
    assert_holds(&buffer, "");
    buffer_append_format(&buffer, "%90d", 3);
    assert_false(buffer.failed);
    assert_ptr_equal(buffer.data, memory);
    assert_int_equal(buffer.capacity, capacity);
    buffer_fini(&buffer);
}

static void taking_moves_the_bytes_and_leaves_a_buffer_to_use(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 5);
    for (int round = 0; round < 2; round++) {
        buffer_append_text(&buffer, "12345");
        char *text = buffer_take(&buffer);
        assert_string_equal(text, "12345");
        free(text);
        assert_int_equal(buffer.length, 0);
        assert_null(buffer.data);
    }
    buffer_append_text(&buffer, "123456"); /* the ceiling is still there */
    assert_true(buffer.failed);
    buffer_fini(&buffer);
}

static void taking_nothing_or_a_failure_gives_null(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 5);
    assert_null(buffer_take(&buffer));
    buffer_append_text(&buffer, "123");
    buffer_append_text(&buffer, "456");
    assert_null(buffer_take(&buffer));
    assert_int_equal(buffer.length, 0);
    buffer_append_text(&buffer, "again");
    assert_holds(&buffer, "again");
    buffer_fini(&buffer);
}

UNIT_TESTS(cmocka_unit_test(a_new_buffer_has_nothing), cmocka_unit_test(appends_follow_one_another),
           cmocka_unit_test(integers_are_written_as_printf_would),
           cmocka_unit_test(it_ends_in_a_nul_at_every_length), cmocka_unit_test(bytes_may_be_nul),
           cmocka_unit_test(the_ceiling_itself_fits),
           cmocka_unit_test(one_byte_more_marks_it_as_failed_for_good),
           cmocka_unit_test(after_a_failure_what_would_fit_is_not_appended_either),
           cmocka_unit_test(ceilings_of_nothing_and_of_everything),
           cmocka_unit_test(clearing_empties_forgives_and_keeps_the_memory),
           cmocka_unit_test(taking_moves_the_bytes_and_leaves_a_buffer_to_use),
           cmocka_unit_test(taking_nothing_or_a_failure_gives_null))
