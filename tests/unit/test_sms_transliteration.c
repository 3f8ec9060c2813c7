/* Typography in GSM-7: each row of the table, and when it is used. */
#include "common/base/utf8.h"
#include "common/model/sms_segments.h"
#include "common/model/sms_transliteration.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define EMOJI "\xf0\x9f\x98\x80"
#define TEN   "aaaaaaaaaa"
#define FORTY TEN TEN TEN TEN
/* With one character that GSM-7 lacks, 81 and more need two segments. */
#define LONG FORTY FORTY

static const struct row {
    const char *text, *by;
} rows[] = {
#define REPLACE(text, by) {text, by},
#define REPLACE_RANGE(first, last, by)
#include "common/model/sms_transliteration.def"
#undef REPLACE
#undef REPLACE_RANGE
};

static void expect(const char *text, const char *expected)
{
    char *replaced;
    assert_true(sms_transliterate(text, &replaced));
    if (expected && !replaced)
        fail_msg("\"%s\" stays as it is", text);
    if (!expected && replaced)
        fail_msg("\"%s\" becomes \"%s\"", text, replaced);
    if (expected)
        assert_string_equal(replaced, expected);
    free(replaced);
}

static bool is_gsm7(const char *text)
{
    const char *end = text + strlen(text);
    while (text < end) {
        if (!sms_segments_has_gsm7(utf8_next(&text, end)))
            return false;
    }
    return true;
}

static void each_row_replaces_what_gsm7_lacks_by_what_it_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char text[200], expected[200];
        assert_true(utf8_valid(rows[i].text, strlen(rows[i].text)) && *rows[i].text);
        assert_false(is_gsm7(rows[i].text));
        assert_true(is_gsm7(rows[i].by));
        assert_in_range(strlen(rows[i].by), 0, 2 * strlen(rows[i].text));
        snprintf(text, sizeof(text), "a%sb" LONG "%s%s", rows[i].text, rows[i].text, rows[i].text);
        snprintf(expected, sizeof(expected), "a%sb" LONG "%s%s", rows[i].by, rows[i].by,
                 rows[i].by);
        expect(text, expected);
    }
}

static void no_row_is_the_start_of_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(rows); j++) {
            if (i != j && strncmp(rows[i].text, rows[j].text, strlen(rows[i].text)) == 0)
                fail_msg("rows %zu and %zu", i, j);
        }
    }
}

static void wide_ascii_becomes_ascii(void **state)
{
    (void)state;
    for (int c = '!'; c <= '~'; c++) {
        char text[200], expected[200];
        unsigned point = 0xff00u + (unsigned)c - 0x20;
        snprintf(text, sizeof(text), "%c%c%c" LONG, (char)(0xe0 | point >> 12),
                 (char)(0x80 | (point >> 6 & 0x3f)), (char)(0x80 | (point & 0x3f)));
        snprintf(expected, sizeof(expected), "%c" LONG, c == '`' ? '\'' : c);
        expect(text, expected);
    }
    expect(LONG "\xef\xbd\x9f", NULL); /* one after the last */
}

static void it_is_done_only_where_it_saves_segments(void **state)
{
    (void)state;
    expect("", NULL);
    expect("plain", NULL);
    expect(LONG LONG LONG, NULL);
    expect("Don\u2019t", NULL); /* one segment either way */
    expect(LONG "\u2019", LONG "'");
    expect("It\u2019s \u201cready\u201d \u2014 see you\u2026 " LONG,
           "It's \"ready\" - see you... " LONG);
    /* 70 in UCS-2, and 71. */
    expect(TEN TEN TEN TEN TEN TEN "aaaaaaaaa\u2019", NULL);
    expect(TEN TEN TEN TEN TEN TEN TEN "\u2019", TEN TEN TEN TEN TEN TEN TEN "'");
    /* Replacements may be longer than the text: 70 in one segment, 210 in two. */
    char dots[70 * 3 + 1], *p = dots;
    for (int i = 0; i < 70; i++)
        p = stpcpy(p, "\u2026");
    expect(dots, NULL);
    /* Nothing is left of it. */
    char unseen[80 * 3 + 1];
    p = unseen;
    for (int i = 0; i < 80; i++)
        p = stpcpy(p, "\u200b");
    expect(unseen, NULL);
}

static void all_or_nothing(void **state)
{
    static const char *const letters[] = {
        EMOJI,    "\u0219", "\u0142",  "\u00e1",  "\u00e7", "\u00ea",       "\u0436", "\u03b1",
        "\u4e2d", "\u20b9", "e\u0302", "q\u0301", "\u0301", "\u00e4\u0301", "\x01",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(letters); i++) {
        char text[400];
        snprintf(text, sizeof(text), LONG "\u2019%s\u2026" LONG, letters[i]);
        expect(text, NULL);
    }
}

static void marks_join_the_letters_of_the_alphabet(void **state)
{
    (void)state;
    expect(LONG "Gru\u0308\u00dfe, Mu\u0308ller \u00e0 e\u0301t\u00e9",
           LONG "Gr\u00fc\u00dfe, M\u00fcller \u00e0 \u00e9t\u00e9");
    expect(LONG "\u0152uvre \ufb01ne \u212b", LONG "OEuvre fine \u00c5");
}

UNIT_TESTS(cmocka_unit_test(each_row_replaces_what_gsm7_lacks_by_what_it_has),
           cmocka_unit_test(no_row_is_the_start_of_another),
           cmocka_unit_test(wide_ascii_becomes_ascii),
           cmocka_unit_test(it_is_done_only_where_it_saves_segments),
           cmocka_unit_test(all_or_nothing),
           cmocka_unit_test(marks_join_the_letters_of_the_alphabet))
