/* UTF-8: every character there is, and every way to be wrong (RFC 3629, section 4). */
#include "common/base/utf8.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static size_t encode(int32_t point, unsigned char bytes[4])
{
    static const unsigned char leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; point >>= 6)
        bytes[i] = (unsigned char)(0x80 | (point & 0x3f));
    bytes[0] = (unsigned char)(leads[length] | point);
    return length;
}

/* Bytes of the character that starts `p`, by the grammar of RFC 3629; 0 when there is none. */
static size_t length_by_grammar(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t length;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (p[0] < rows[i].first || p[0] > rows[i].last)
            continue;
        if (rows[i].length > left)
            return 0;
        if (rows[i].length > 1 && (p[1] < rows[i].second_first || p[1] > rows[i].second_last))
            return 0;
        for (size_t j = 2; j < rows[i].length; j++) {
            if (p[j] < 0x80 || p[j] > 0xbf)
                return 0;
        }
        return rows[i].length;
    }
    return 0;
}

/* Decodes from memory that ends where the bytes end, so that a sanitizer sees one read too many. */
static int32_t decode_exact(const unsigned char *bytes, size_t length, size_t *moved)
{
    char *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    const char *p = copy;
    int32_t point = utf8_next(&p, copy + length);
    *moved = (size_t)(p - copy);
    assert_int_equal(utf8_valid(copy, length), point >= 0 && *moved == length);
    free(copy);
    return point;
}

static void every_character_decodes_to_itself(void **state)
{
    (void)state;
    for (int32_t point = 0; point <= 0x10ffff; point++) {
        unsigned char bytes[4];
        size_t length = encode(point, bytes);
        bool surrogate = point >= 0xd800 && point <= 0xdfff;
        const char *p = (const char *)bytes;
        int32_t found = utf8_next(&p, (const char *)bytes + length);
        size_t moved = (size_t)(p - (const char *)bytes);
        if (found != (surrogate ? -1 : point) || moved != (surrogate ? 0 : length))
            fail_msg("U+%04X gives %d, %zu bytes", (unsigned)point, (int)found, moved);
    }
}

static void every_start_is_judged_as_the_grammar_does(void **state)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    (void)state;
    for (unsigned start = 0; start < 0x10000; start++) {
        for (size_t i = 0; i < ARRAY_LENGTH(edges) * ARRAY_LENGTH(edges); i++) {
            const unsigned char bytes[] = {(unsigned char)(start >> 8), (unsigned char)start,
                                           edges[i / ARRAY_LENGTH(edges)],
                                           edges[i % ARRAY_LENGTH(edges)]};
            const char *p = (const char *)bytes;
            bool good = utf8_next(&p, (const char *)bytes + 4) >= 0;
            size_t moved = (size_t)(p - (const char *)bytes);
            size_t expected = length_by_grammar(bytes, 4);
            if (good != (expected > 0) || moved != expected)
                fail_msg("%02x %02x %02x %02x: %zu bytes, not %zu", bytes[0], bytes[1], bytes[2],
                         bytes[3], moved, expected);
        }
    }
}

static void a_character_that_is_cut_is_refused(void **state)
{
    static const int32_t points[] = {0x80, 0x7ff, 0x800, 0x20ac, 0xffff, 0x10000, 0x10ffff};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(points); i++) {
        unsigned char bytes[4];
        size_t moved, length = encode(points[i], bytes);
        for (size_t cut = 1; cut < length; cut++) {
            assert_int_equal(decode_exact(bytes, cut, &moved), -1);
            assert_int_equal(moved, 0);
            const char *p = (const char *)bytes; /* the rest is there, but beyond the end */
            assert_int_equal(utf8_next(&p, p + cut), -1);
            assert_ptr_equal(p, bytes);
        }
        assert_int_equal(decode_exact(bytes, length, &moved), points[i]);
        assert_int_equal(moved, length);
    }
}

static void each_kind_of_bad_bytes_is_refused(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
    } bad[] = {
        {"a tail alone", "\x80"},
        {"a tail alone, the last", "\xbf"},
        {"overlong /, two bytes", "\xc0\xaf"},
        {"overlong U+007F", "\xc1\xbf"},
        {"overlong /, three bytes", "\xe0\x80\xaf"},
        {"overlong U+07FF", "\xe0\x9f\xbf"},
        {"overlong /, four bytes", "\xf0\x80\x80\xaf"},
        {"overlong U+FFFF", "\xf0\x8f\xbf\xbf"},
        {"first high surrogate", "\xed\xa0\x80"},
        {"last low surrogate", "\xed\xbf\xbf"},
        {"a pair of surrogates (CESU-8)", "\xed\xa0\xbd\xed\xb8\x80"},
        {"U+110000", "\xf4\x90\x80\x80"},
        {"U+1FFFFF", "\xf7\xbf\xbf\xbf"},
        {"five bytes", "\xf8\x88\x80\x80\x80"},
        {"six bytes", "\xfc\x84\x80\x80\x80\x80"},
        {"0xFE", "\xfe"},
        {"0xFF", "\xff"},
        {"a lead without its tail", "\xc3("},
        {"a lead after a lead", "\xc3\xc3\xa9"},
        {"Latin-1", "Gr\xfc\xdf"},
        {"cut before a letter", "\xe2\x82z"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        if (utf8_valid(bad[i].bytes, strlen(bad[i].bytes)))
            fail_msg("%s counts as valid", bad[i].what);
    }
}

static void one_bad_byte_anywhere_spoils_a_text(void **state)
{
    static const char good[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    const size_t length = sizeof(good) - 1;
    (void)state;
    assert_true(utf8_valid(good, length));
    for (size_t i = 0; i < length; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        text[i] = (char)0xff;
        assert_false(utf8_valid(text, length));
    }
}

static void a_text_is_read_to_its_end_and_no_further(void **state)
{
    static const int32_t expected[] = {'a', 0, 0xe9, 0x20ac, 0x1f600};
    static const char text[] = "a\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff";
    const char *p = text, *end = text + sizeof(text) - 2;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
        assert_int_equal(utf8_next(&p, end), expected[i]);
    assert_ptr_equal(p, end);
    assert_true(utf8_valid(text, sizeof(text) - 2)); /* with its U+0000 */
    assert_false(utf8_valid(text, sizeof(text) - 1));
    assert_true(utf8_valid("\xff", 0));
}

UNIT_TESTS(cmocka_unit_test(every_character_decodes_to_itself),
           cmocka_unit_test(every_start_is_judged_as_the_grammar_does),
           cmocka_unit_test(a_character_that_is_cut_is_refused),
           cmocka_unit_test(each_kind_of_bad_bytes_is_refused),
           cmocka_unit_test(one_bad_byte_anywhere_spoils_a_text),
           cmocka_unit_test(a_text_is_read_to_its_end_and_no_further))
