/* SMS segments: the alphabets of 3GPP TS 23.038, the lengths of 23.040, and what must not be split. */
#include "common/model/sms_segments.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define EURO  "\xe2\x82\xac"
#define ZHONG "\xe4\xb8\xad"     /* U+4E2D */
#define EMOJI "\xf0\x9f\x98\x80" /* U+1F600 */

/* Table 6.2.1, row by row from 0x00 to 0x7F, in the code points of Unicode's GSM0338.TXT. */
static const int32_t default_alphabet[128] = {
    '@',    0x00a3, '$',    0x00a5, 0x00e8, 0x00e9, 0x00f9, 0x00ec, /* 00 */
    0x00f2, 0x00c7, '\n',   0x00d8, 0x00f8, '\r',   0x00c5, 0x00e5, /* 08 */
    0x0394, '_',    0x03a6, 0x0393, 0x039b, 0x03a9, 0x03a0, 0x03a8, /* 10 */
    0x03a3, 0x0398, 0x039e, -1,     0x00c6, 0x00e6, 0x00df, 0x00c9, /* 18: 1B is the escape */
    ' ',    '!',    '"',    '#',    0x00a4, '%',    '&',    '\'',   /* 20 */
    '(',    ')',    '*',    '+',    ',',    '-',    '.',    '/',    /* 28 */
    '0',    '1',    '2',    '3',    '4',    '5',    '6',    '7',    /* 30 */
    '8',    '9',    ':',    ';',    '<',    '=',    '>',    '?',    /* 38 */
    0x00a1, 'A',    'B',    'C',    'D',    'E',    'F',    'G',    /* 40 */
    'H',    'I',    'J',    'K',    'L',    'M',    'N',    'O',    /* 48 */
    'P',    'Q',    'R',    'S',    'T',    'U',    'V',    'W',    /* 50 */
    'X',    'Y',    'Z',    0x00c4, 0x00d6, 0x00d1, 0x00dc, 0x00a7, /* 58 */
    0x00bf, 'a',    'b',    'c',    'd',    'e',    'f',    'g',    /* 60 */
    'h',    'i',    'j',    'k',    'l',    'm',    'n',    'o',    /* 68 */
    'p',    'q',    'r',    's',    't',    'u',    'v',    'w',    /* 70 */
    'x',    'y',    'z',    0x00e4, 0x00f6, 0x00f1, 0x00fc, 0x00e0, /* 78 */
};

/* Table 6.2.1.1: 0A 14 28 29 2F 3C 3D 3E 40 65 */
static const int32_t extension_table[] = {'\f', '^', '{', '}', '\\', '[', '~', ']', '|', 0x20ac};

static unsigned septets_by_table(int32_t point)
{
    for (size_t i = 0; i < ARRAY_LENGTH(default_alphabet); i++) {
        if (default_alphabet[i] == point)
            return 1;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(extension_table); i++) {
        if (extension_table[i] == point)
            return 2;
    }
    return 0;
}

static void encode(int32_t point, char text[5])
{
    char *p = text;
    if (point < 0x80) {
        *p++ = (char)point;
    } else if (point < 0x800) {
        *p++ = (char)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *p++ = (char)(0xe0 | point >> 12);
        } else {
            *p++ = (char)(0xf0 | point >> 18);
            *p++ = (char)(0x80 | (point >> 12 & 0x3f));
        }
        *p++ = (char)(0x80 | (point >> 6 & 0x3f));
    }
    if (point >= 0x80)
        *p++ = (char)(0x80 | (point & 0x3f));
    *p = '\0';
}

static void every_character_counts_as_the_tables_say(void **state)
{
    (void)state;
    for (int32_t point = 1; point <= 0x10ffff; point++) {
        char text[5];
        if (point >= 0xd800 && point <= 0xdfff)
            continue;
        encode(point, text);
        unsigned septets = septets_by_table(point);
        struct sms_segments count = sms_segments_count(text);
        enum sms_encoding encoding = septets ? SMS_ENCODING_GSM7 : SMS_ENCODING_UCS2;
        unsigned units = septets ? septets : point > 0xffff ? 2 : 1;
        if (count.encoding != encoding || count.units != units || count.segments != 1)
            fail_msg("U+%04X is %u units of %s", (unsigned)point, count.units,
                     sms_encoding_name(count.encoding));
    }
}

static void the_alphabet_has_127_characters_and_10_more(void **state)
{
    unsigned single = 0, twofold = 0;
    (void)state;
    for (int32_t point = 1; point < 0x10000; point++) {
        char text[5];
        if (point >= 0xd800 && point <= 0xdfff)
            continue;
        encode(point, text);
        struct sms_segments count = sms_segments_count(text);
        single += count.encoding == SMS_ENCODING_GSM7 && count.units == 1;
        twofold += count.encoding == SMS_ENCODING_GSM7 && count.units == 2;
    }
    assert_int_equal(single, 127);
    assert_int_equal(twofold, 10);
}

static void lookalikes_are_not_in_the_alphabet(void **state)
{
    static const char *const lookalikes[] = {
        "`",            /* no grave accent, though the rest of printable ASCII is there */
        "\xc3\xa7",     /* c with cedilla: only the capital is there */
        "\xc3\x80",     /* A with grave: only the small one is */
        "\xc3\xa1",     /* a with acute */
        "\xc3\x8a",     /* E with circumflex */
        "\xc2\xa0",     /* no-break space */
        "\xce\x91",     /* Alpha, which looks like A */
        "\xce\xb1",     /* alpha */
        "\xe2\x84\xa6", /* the ohm sign, which looks like Omega */
        "\xe2\x80\x99", /* typographic apostrophe */
        "\xe2\x80\x93", /* en dash */
        "\xe2\x80\xa6", /* ellipsis */
        "\t",
        "\x1b",
        "\x7f",
        "a\xcc\x88", /* a with a combining diaeresis */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lookalikes); i++) {
        if (sms_segments_count(lookalikes[i]).encoding != SMS_ENCODING_UCS2)
            fail_msg("\"%s\" counts as GSM-7", lookalikes[i]);
    }
}

static void encodings_have_names(void **state)
{
    (void)state;
    assert_string_equal(sms_encoding_name(SMS_ENCODING_GSM7), "GSM-7");
    assert_string_equal(sms_encoding_name(SMS_ENCODING_UCS2), "UCS-2");
}

/* ---- Lengths ---- */

struct run {
    const char *text;
    unsigned times;
};

static struct sms_segments count_runs(const struct run *runs, size_t length)
{
    char text[4096], *p = text;
    for (size_t i = 0; i < length; i++) {
        for (unsigned j = 0; runs[i].text && j < runs[i].times; j++)
            p = stpcpy(p, runs[i].text);
    }
    *p = '\0';
    return sms_segments_count(text);
}

static void texts_have_so_many_segments(void **state)
{
    static const struct {
        const char *what;
        struct run runs[4];
        enum sms_encoding encoding;
        unsigned units, segments;
    } cases[] = {
        {"nothing", {{"a", 0}}, SMS_ENCODING_GSM7, 0, 0},
        {"1 a", {{"a", 1}}, SMS_ENCODING_GSM7, 1, 1},
        {"160 a", {{"a", 160}}, SMS_ENCODING_GSM7, 160, 1},
        {"161 a", {{"a", 161}}, SMS_ENCODING_GSM7, 161, 2},
        {"306 a", {{"a", 306}}, SMS_ENCODING_GSM7, 306, 2},
        {"307 a", {{"a", 307}}, SMS_ENCODING_GSM7, 307, 3},
        {"459 a", {{"a", 459}}, SMS_ENCODING_GSM7, 459, 3},
        {"460 a", {{"a", 460}}, SMS_ENCODING_GSM7, 460, 4},
        {"1530 a", {{"a", 1530}}, SMS_ENCODING_GSM7, 1530, 10},
        {"1531 a", {{"a", 1531}}, SMS_ENCODING_GSM7, 1531, 11},
        {"80 euros", {{EURO, 80}}, SMS_ENCODING_GSM7, 160, 1},
        {"81 euros", {{EURO, 81}}, SMS_ENCODING_GSM7, 162, 2},
        {"152 euros, 76 in each", {{EURO, 152}}, SMS_ENCODING_GSM7, 304, 2},
        {"153 euros", {{EURO, 153}}, SMS_ENCODING_GSM7, 306, 3},
        {"70 U+4E2D", {{ZHONG, 70}}, SMS_ENCODING_UCS2, 70, 1},
        {"71 U+4E2D", {{ZHONG, 71}}, SMS_ENCODING_UCS2, 71, 2},
        {"134 U+4E2D", {{ZHONG, 134}}, SMS_ENCODING_UCS2, 134, 2},
        {"135 U+4E2D", {{ZHONG, 135}}, SMS_ENCODING_UCS2, 135, 3},
        {"35 emoji", {{EMOJI, 35}}, SMS_ENCODING_UCS2, 70, 1},
        {"36 emoji", {{EMOJI, 36}}, SMS_ENCODING_UCS2, 72, 2},
        {"66 emoji, 33 in each", {{EMOJI, 66}}, SMS_ENCODING_UCS2, 132, 2},
        {"67 emoji", {{EMOJI, 67}}, SMS_ENCODING_UCS2, 134, 3},
        {"one character turns all", {{"a", 69}, {"`", 1}}, SMS_ENCODING_UCS2, 70, 1},
        {"also the last of many", {{"a", 160}, {ZHONG, 1}}, SMS_ENCODING_UCS2, 161, 3},
        {"a euro is one unit there", {{EURO, 69}, {ZHONG, 1}}, SMS_ENCODING_UCS2, 70, 1},
        /* One segment is not split, so nothing is lost at 153 and 67. */
        {"a pair at 153 of 160", {{"a", 152}, {EURO, 1}, {"a", 6}}, SMS_ENCODING_GSM7, 160, 1},
        {"a pair at 67 of 70", {{ZHONG, 66}, {EMOJI, 1}, {ZHONG, 2}}, SMS_ENCODING_UCS2, 70, 1},
        {"a pair at 160", {{"a", 159}, {EURO, 1}}, SMS_ENCODING_GSM7, 161, 2},
        {"a pair at 70", {{ZHONG, 69}, {EMOJI, 1}}, SMS_ENCODING_UCS2, 71, 2},
        /* A pair that ends at the boundary, and one that lies on it. */
        {"to 153", {{"a", 151}, {EURO, 1}, {"a", 153}}, SMS_ENCODING_GSM7, 306, 2},
        {"over 153", {{"a", 152}, {EURO, 1}, {"a", 152}}, SMS_ENCODING_GSM7, 306, 3},
        {"over 306", {{"a", 305}, {EURO, 1}}, SMS_ENCODING_GSM7, 307, 3},
        {"to 306", {{"a", 304}, {EURO, 1}}, SMS_ENCODING_GSM7, 306, 2},
        {"to 67", {{ZHONG, 65}, {EMOJI, 1}, {ZHONG, 67}}, SMS_ENCODING_UCS2, 134, 2},
        {"over 67", {{ZHONG, 66}, {EMOJI, 1}, {ZHONG, 66}}, SMS_ENCODING_UCS2, 134, 3},
        {"to 134", {{ZHONG, 132}, {EMOJI, 1}}, SMS_ENCODING_UCS2, 134, 2},
        {"over 134", {{ZHONG, 133}, {EMOJI, 1}}, SMS_ENCODING_UCS2, 135, 3},
        /* A unit lost at one boundary moves the next. */
        {"lost twice", {{"a", 152}, {EURO, 1}, {"a", 150}, {EURO, 77}}, SMS_ENCODING_GSM7, 458, 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct sms_segments count = count_runs(cases[i].runs, ARRAY_LENGTH(cases[i].runs));
        if (count.encoding != cases[i].encoding || count.units != cases[i].units ||
            count.segments != cases[i].segments)
            fail_msg("%s: %u units of %s in %u segments", cases[i].what, count.units,
                     sms_encoding_name(count.encoding), count.segments);
    }
}

/* `before` single characters, one pair, `after` single ones: a pair over the boundary leaves one
   unit empty and shifts the rest. */
static void check_pair(const char *single, const char *pair, unsigned one, unsigned each,
                       unsigned before, unsigned after)
{
    const struct run runs[] = {{single, before}, {pair, 1}, {single, after}};
    unsigned units = before + 2 + after;
    unsigned lost = before % each == each - 1;
    unsigned expected = units <= one ? 1 : (units + lost + each - 1) / each;
    struct sms_segments count = count_runs(runs, ARRAY_LENGTH(runs));
    if (count.units != units || count.segments != expected)
        fail_msg("%u before and %u after: %u units in %u segments, not %u", before, after,
                 count.units, count.segments, expected);
}

static void a_pair_at_any_place_stays_whole(void **state)
{
    (void)state;
    for (unsigned before = 0; before <= 320; before++) {
        for (unsigned after = 0; after <= 320;
             after += before % 10 == 2 || before % 67 > 64 ? 1 : 7) {
            check_pair("a", EURO, 160, 153, before, after);
            check_pair(ZHONG, EMOJI, 70, 67, before, after);
        }
    }
}

UNIT_TESTS(cmocka_unit_test(every_character_counts_as_the_tables_say),
           cmocka_unit_test(the_alphabet_has_127_characters_and_10_more),
           cmocka_unit_test(lookalikes_are_not_in_the_alphabet),
           cmocka_unit_test(encodings_have_names), cmocka_unit_test(texts_have_so_many_segments),
           cmocka_unit_test(a_pair_at_any_place_stays_whole))
