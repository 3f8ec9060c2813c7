/* Phone numbers: many spellings, one form. */
#include "../../common/phone_number.h"
#include "unit.h"

#include <stdlib.h>

/* Normalises into a place with guards; NULL when refused, with a reason. */
static const char *normalise(const char *text)
{
    static char place[PHONE_NUMBER_SIZE + 8];
    const char *reason = NULL;
    memset(place, '#', sizeof(place));
    bool good = phone_number_normalise(text, place, &reason);
    assert_memory_equal(place + PHONE_NUMBER_SIZE, "########", 8);
    if (!good) {
        assert_non_null(reason);
        assert_true(strlen(reason) > 10);
        return NULL;
    }
    assert_non_null(memchr(place, '\0', PHONE_NUMBER_SIZE));
    return place;
}

static void expect(const char *text, const char *expected)
{
    const char *found = normalise(text);
    if (!found || strcmp(found, expected) != 0)
        fail_msg("\"%s\" becomes %s, not %s", text, found ? found : "refused", expected);
}

static void spellings_of_a_number_become_e164(void **state)
{
    static const struct {
        const char *text, *number;
    } cases[] = {
        {"+4915112345678", "+4915112345678"},
        {"+1234567", "+1234567"},                 /* 7 digits */
        {"+123456789012345", "+123456789012345"}, /* 15 */
        {"+49 151 12345678", "+4915112345678"},
        {"+49  151   12345678", "+4915112345678"},
        {"+49-151-12345678", "+4915112345678"},
        {"+49.151.12345678", "+4915112345678"},
        {"+49/151/12345678", "+4915112345678"},
        {"+49(151)12345678", "+4915112345678"},
        {"+49 (151) 1234-56.78", "+4915112345678"},
        {"+1 (555) 010-9999", "+15550109999"},
        {"+1-555-010-9999", "+15550109999"},
        {"+99 99 99 9", "+9999999"},
        {"+1000000", "+1000000"}, /* a 0 further on is a digit like any */
        {"+1 2-3.4/5(6)7 8-9.0/1(2)3 4-5", "+123456789012345"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        expect(cases[i].text, cases[i].number);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "+",
        "++",
        "+ ",
        "+-./()",
        "+1",
        "+123456",           /* 6 digits */
        "+1-2-3-4-5-6",      /* still 6 */
        "+1234567890123456", /* 16 */
        "+12345678901234567890",
        "+1 2345678 90123456", /* 16 with spaces */
        "4915112345678",
        "015112345678",
        "004915112345678",
        "(+49)15112345678",
        "++4915112345678",
        "+49+15112345678",
        "+4915112345678+",
        "49+15112345678",
        "49151+12345678",
        "-4915112345678",
        "+04915112345678",
        "+0000000",
        "+ 0 49 151 1234567",
        "+(0)4915112345678",
        "+49a15112345678",
        "+49o15112345678",
        "+49151CALLNOW",
        "+4915112345678x12",
        "+4915112345678;ext=12",
        "+4915112345678,12",
        "tel:+4915112345678",
        "+49_151_12345678",
        "+49*15112345678",
        "+49#15112345678",
        "+49:15112345678",
        "+49\\15112345678",
        "+49[151]12345678",
        "+49\t15112345678",
        "+49\n15112345678",
        "+4915112345678\n",
        "+4915112345678\r\n",
        "+49\x7f"
        "15112345678",
        "+49\\u000015112345678", /* what is left of an escape */
        "+49%0015112345678",     /* likewise */
        "+49\xc0\x80"
        "15112345678", /* an overlong NUL */
        "\xef\xbc\x8b"
        "4915112345678",                 /* a full-width plus */
        "+\xd9\xa4\xd9\xa9 15112345678", /* Arabic 49 */
        "+49\xef\xbc\x91"
        "5112345678", /* a full-width 1 */
        "+49\xc2\xb2"
        "15112345678", /* superscript two */
        "+49\xc2\xa0"
        "15112345678", /* no-break space */
        "+49\xe2\x80\x93"
        "15112345678", /* en dash */
        "\xe2\x80\xaa"
        "+4915112345678", /* a direction mark */
        "+4915112345678\xff",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        const char *found = normalise(bad[i]);
        if (found)
            fail_msg("\"%s\" becomes %s", bad[i], found);
    }
}

static void digits_are_counted_from_7_to_15(void **state)
{
    (void)state;
    for (size_t digits = 0; digits <= 40; digits++) {
        char text[64] = "+";
        memset(text + 1, '5', digits);
        const char *found = normalise(text);
        if (!found != (digits < 7 || digits > 15))
            fail_msg("%zu digits are %s", digits, found ? "taken" : "refused");
        if (found)
            assert_string_equal(found, text);
    }
}

static void every_byte_within_a_number_is_a_digit_a_separator_or_wrong(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char text[] = "+49151?12345678";
        text[6] = (char)byte;
        bool digit = byte >= '0' && byte <= '9';
        const char *found = normalise(text);
        if (digit)
            expect(text, text);
        else if (strchr(" -./()", byte))
            expect(text, "+4915112345678");
        else if (found)
            fail_msg("byte %02x is taken", (unsigned)byte);
    }
}

static void every_first_digit_but_0_is_taken(void **state)
{
    (void)state;
    for (char first = '0'; first <= '9'; first++) {
        char text[] = "+?9151123456";
        text[1] = first;
        if (first == '0')
            assert_null(normalise(text));
        else
            expect(text, text);
    }
}

static void reasons_say_what_to_change(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"4915112345678", "must start with +"},  {"+49abc", "digits"}, {"+12", "7 to 15 digits"},
        {"+1234567890123456", "7 to 15 digits"}, {"+0123456789", "0"}, {"", "+"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char number[PHONE_NUMBER_SIZE];
        const char *reason = NULL;
        assert_false(phone_number_normalise(cases[i].text, number, &reason));
        if (!strstr(reason, cases[i].word))
            fail_msg("\"%s\": %s", cases[i].text, reason);
    }
}

static void very_long_texts_do_no_harm(void **state)
{
    enum { LENGTH = 1000000 };
    char *text = malloc(LENGTH + 1);
    (void)state;
    assert_non_null(text);
    for (const char *fill = "5 -+x\xff"; *fill; fill++) {
        memset(text, *fill, LENGTH);
        text[0] = '+';
        text[LENGTH] = '\0';
        assert_null(normalise(text));
    }
    memset(text, ' ', LENGTH);
    memcpy(text, "+491511234567", 13);
    text[LENGTH - 1] = '8';
    expect(text, "+4915112345678");
    free(text);
}

UNIT_TESTS(cmocka_unit_test(spellings_of_a_number_become_e164),
           cmocka_unit_test(what_is_no_number_is_refused),
           cmocka_unit_test(digits_are_counted_from_7_to_15),
           cmocka_unit_test(every_byte_within_a_number_is_a_digit_a_separator_or_wrong),
           cmocka_unit_test(every_first_digit_but_0_is_taken),
           cmocka_unit_test(reasons_say_what_to_change),
           cmocka_unit_test(very_long_texts_do_no_harm))
