/* Phone numbers: many spellings, one form. */
#include "common/model/phone_number.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* Normalises into a place with guards; NULL when refused, with a reason. */
static const char *normalise(const char *text)
{
    static char place[PHONE_NUMBER_SIZE + 8];
    char reason[PHONE_NUMBER_REASON_SIZE] = "";
    memset(place, '#', sizeof(place));
    bool good = phone_number_normalise(text, place, reason);
    assert_memory_equal(place + PHONE_NUMBER_SIZE, "########", 8);
    if (!good) {
        assert_true(strlen(reason) > 10);
        assert_true(strlen(reason) < PHONE_NUMBER_REASON_SIZE - 1); /* whole */
        for (const char *p = reason; *p; p++)
            assert_true(*p >= ' ' && *p < 0x7f);
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
        {"+223456789012345", "+223456789012345"}, /* 15 */
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
        {"+2 2-3.4/5(6)7 8-9.0/1(2)3 4-5", "+223456789012345"},
        {"+33 6.12.34.56.00", "+33612345600"}, /* no decimals */
        {"+33.6.12.34.56.78", "+33612345678"},
        {"+1 212.555.0000", "+12125550000"},
        {"+49 30 123456.70", "+493012345670"},
        {"+4.915.112.345.678", "+4915112345678"},
        {" +4915112345678", "+4915112345678"},
        {"   +49 151 12345678   ", "+4915112345678"},
        {"(+49)15112345678", "+4915112345678"},
        {"( +49 ) 151 12345678", "+4915112345678"},
        {"+ 49 151 12345678", "+4915112345678"},
        {"+(49) 151 12345678", "+4915112345678"},
        {"+1 (555) - 010 - 9999", "+15550109999"},
        {"+1 (555)-010-9999", "+15550109999"},
        /* The trunk prefix in its notation, where it is never a part of the number. */
        {"+49 (0) 151 12345678", "+4915112345678"},
        {"+49(0)151 12345678", "+4915112345678"},
        {"+49 ( 0 ) 151 12345678", "+4915112345678"},
        {"(+49) (0) 151 12345678", "+4915112345678"},
        {"+44 (0)20 7946 0958", "+442079460958"},
        {"+44 (0) 7700 900123", "+447700900123"},
        {"+41 (0)79 123 45 67", "+41791234567"},
        {"+353 (0)85 123 4567", "+353851234567"},
        {"+61 (0)412 345 678", "+61412345678"},
        {"+380 (0) 50 123 4567", "+380501234567"},
        /* A 0 behind the country code that belongs there. */
        {"+39 06 1234 5678", "+390612345678"},
        {"+39 (06) 12345678", "+390612345678"},
        {"+378 0549 123456", "+3780549123456"},
        {"+225 07 12 34 56 78", "+2250712345678"},
        {"+229 01 97 12 34 56", "+2290197123456"},
        {"+43 4352 1234567", "+4343521234567"}, /* Wolfsberg */
        {"+880 1812 345678", "+8801812345678"},
        {"+358 50 1234567", "+358501234567"},
        {"+241 06 12 34 56", "+24106123456"},
        {"+242 06 612 3456", "+242066123456"},
        {"+800 0123 4567", "+80001234567"},
        /* Digits that look like a habit, and are the number. */
        {"+7 800 555 35 35", "+78005553535"},
        {"+7 812 123 45 67", "+78121234567"},
        {"+1 800 555 0100", "+18005550100"},
        {"+52 55 1234 5678", "+525512345678"},
        {"+54 9 11 1234 5678", "+5491112345678"},
        {"+54 11 1512 3456", "+541115123456"},
        {"+55 11 91234 5678", "+5511912345678"},
        {"+370 612 34567", "+37061234567"},
        {"+375 29 123 45 67", "+375291234567"},
        {"+998 88 123 45 67", "+998881234567"},
        {"+49 491 12345678", "+4949112345678"}, /* Leer */
        {"+49 40 1234567-8901", "+494012345678901"},
        {"+39 39 1234 5678", "+393912345678"},
        {"+7 777 123 45 67", "+77771234567"},
        {"+44 4444 123456", "+444444123456"},
        {"+91 91234 56789", "+919123456789"},
        {"+421 421 123 456", "+421421123456"},
        {"+86 (0)10 1234 5678", "+861012345678"},
        {"+88 01712 345678", "+8801712345678"}, /* the code of Bangladesh ends in 0 */
        {"+84 95 123 4567", "+84951234567"},
        {"+38 (050) 123-45-67", "+380501234567"}, /* so do those of Ukraine, Malaysia and Turkey */
        {"+6 012 345 6789", "+60123456789"},
        {"+9 0532 123 45 67", "+905321234567"},
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
        memset(text + 1, '9', digits); /* no country has the code 999 */
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
        else if (strchr(" -./", byte))
            expect(text, "+4915112345678");
        else if (found)
            fail_msg("byte %02x is taken", (unsigned)byte);
    }
}

static void every_first_digit_but_0_is_taken(void **state)
{
    (void)state;
    for (char first = '0'; first <= '9'; first++) {
        char text[] = "+?3151123456";
        text[1] = first;
        if (first == '0')
            assert_null(normalise(text));
        else
            expect(text, text);
    }
}

static void what_may_mean_another_number_is_refused_and_said(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "is empty"},
        {"   ", "is empty"},
        {"4915112345678", "must start with +"},
        {"015112345678", "must start with +"},
        {"(0151) 12345678", "must start with +"},
        {"004915112345678", "instead of the 00"},
        {"00 49 151 12345678", "instead of the 00"},
        {"0 0 49 151 12345678", "instead of the 00"},
        {"01149 151 12345678", "instead of the 011"},
        {"12345", "short codes are not supported"},
        {" 911 ", "short codes are not supported"},
        {"tel:+4915112345678", "is a URI"},
        {"TEL:+4915112345678", "is a URI"},
        {"sms:+4915112345678", "is a URI"},
        {"smsto:+4915112345678", "is a URI"},
        {"sip:+4915112345678@x", "is a URI"},
        {"mobile: +4915112345678", "starts with the letter \"m\""},
        {"\xe2\x80\xaa+4915112345678\xe2\x80\xac", "an invisible direction mark (U+202A)"},
        {"\xef\xbb\xbf+4915112345678", "a byte order mark (U+FEFF)"},
        {"\xef\xbc\x8b"
         "4915112345678",
         "a full-width plus (U+FF0B)"},
        {"\xff", "a byte that is not UTF-8"},
        /* Characters, by name and place. */
        {"+49\xc2\xa0"
         "15112345678",
         "a no-break space (U+00A0) at character 4"},
        {"+49\xe2\x80\xaf"
         "15112345678",
         "a narrow no-break space (U+202F)"},
        {"+49\xe2\x80\x91"
         "15112345678",
         "a non-breaking hyphen (U+2011)"},
        {"+49\xe2\x80\x93"
         "15112345678",
         "a dash other than \"-\" (U+2013)"},
        {"+49\xe2\x88\x92"
         "15112345678",
         "a minus sign"},
        {"+4915112345678\xe2\x80\xac", "an invisible direction mark (U+202C) at character 15"},
        {"+\xd9\xa4\xd9\xa9 15112345678", "an Arabic-Indic digit (U+0664) at character 2"},
        {"+\xdb\xb4\xdb\xb9 15112345678", "an extended Arabic-Indic digit (U+06F4)"},
        {"+49\xef\xbc\x91"
         "5112345678",
         "a full-width digit (U+FF11)"},
        {"+49 \xe0\xa5\xa7"
         "5112345678",
         "a Devanagari digit (U+0967)"},
        {"+49\xc2\xb2"
         "15112345678",
         "a superscript digit (U+00B2)"},
        {"+49\xf0\x9f\x98\x80"
         "15112345678",
         "the character U+1F600"},
        {"+4915112345678\xff", "a byte that is not UTF-8 at character 15"},
        {"+4915112345678\r\n", "a carriage return (U+000D)"},
        {"+4915112345678\n", "a line feed (U+000A)"},
        {"+49\t15112345678", "a tab (U+0009)"},
        {"+49 1\x9b", "a byte that is not UTF-8"},
        {"+1-800-FLOWERS", "the letter \"F\" at character 8"},
        {"+49151CALLNOW", "the letter \"C\""},
        {"+49_151_12345678", "the character \"_\""},
        /* Two numbers, and extensions. */
        {"++4915112345678", "a second +"},
        {"+49+15112345678", "a second +"},
        {"+4915112345678/+4916012345678", "a second + at character 16"},
        {"+4915112345678 +4916012345678", "a second +"},
        {"+4915112345678,+4916012345678", "a second number needs its own message"},
        {"+4915112345678; +4916012345678", "a second number needs its own message"},
        {"+4915112345678\n+4916012345678", "a second number needs its own message"},
        {"+4915112345678;ext=12", "extensions are not supported"},
        {"+4915112345678,12", "extensions are not supported"},
        {"+4915112345678x12", "extensions and tones"},
        {"+4915112345678 ext. 12", "extensions and tones"},
        {"+4915112345678#12", "extensions and tones"},
        {"+4915112345678p12", "extensions and tones"},
        {"+4915112345678w12", "extensions and tones"},
        {"+49 30 123456/7", "may mean a second number"},
        {"+1 212 555 1234/35", "may mean a second number"},
        {"+49 30 123456/78 ", "may mean a second number"},
        {"+49 30 123456/ 7 8", "may mean a second number"},
        {"+49 (30) 123456 / (78)", "may mean a second number"},
        /* Of spreadsheets and of floating point. */
        {"+4915112345678.0", "a dot and one digit"},
        {"+4915112345678.0 ", "a dot and one digit"},
        {"+4915112345678.5", "a dot and one digit"},
        {"+49 151 12345678.00", "a dot and zeros"},
        {"+354123456.000000", "a dot and zeros"},
        {"+4.91511E+12", "its last digits are lost"},
        {"4.91511E+12", "its last digits are lost"},
        {"4,91511E+12", "its last digits are lost"},
        {" +4,91511e12 ", "its last digits are lost"},
        {"5E+12", "its last digits are lost"},
        {"+4.91511e+0012", "its last digits are lost"},
        {"+4915112345E12", "the letter \"E\""},
        {"+4.91511E", "the letter \"E\""},
        {"+4.91511E+12x", "the letter \"E\""},
        /* Trunk prefixes and other habits. */
        {"+490151 12345678", "a 0 after the country code +49"},
        {"+49 0151 12345678", "a 0 after the country code +49"},
        {"+49 (0151) 12345678", "a 0 after the country code +49"},
        {"+49-0-151-12345678", "a 0 after the country code +49"},
        {"+49 0049 151 1234567", "a 0 after the country code +49"},
        {"+49 (00) 151 1234567", "a 0 after the country code +49"},
        {"+44 020 7946 0958", "a 0 after the country code +44"},
        {"+44 (020) 7946 0958", "a 0 after the country code +44"},
        {"+82 010 1234 5678", "a 0 after the country code +82"},
        {"+36 06 30 123 4567", "a 0 after the country code +36"},
        {"+353 085 123 4567", "a 0 after the country code +353"},
        {"+972 050 123 4567", "a 0 after the country code +972"},
        {"+52 01 55 1234 5678", "a 0 after the country code +52"},
        {"+55 0 15 11 912345678", "a 0 after the country code +55"},
        {"+375 029 123 45 67", "a 0 after the country code +375"},
        {"+49 151 (0) 123456", "\"(0)\""},
        {"+49 (0) (0) 151 1234567", "\"(0)\""},
        {"+39 (0)6 1234 5678", "\"(0)\""},
        {"+39 (0) 347 1234567", "\"(0)\""},
        {"+1 (0) 212 555 0123", "\"(0)\""},
        {"+7 (0) 912 345 67 89", "\"(0)\""},
        {"+34 (0) 612 345 678", "\"(0)\""},
        {"+(0)4915112345678", "\"(0)\""},
        {"+1 1 212 555 0123", "after +1"},
        {"+1 0 212 555 0123", "after +1"},
        {"+1 011 49 151 123456", "after +1"},
        {"+7 8 912 345 67 89", "the 8 that is dialled"},
        {"+7 (8912) 345 67 89", "the 8 that is dialled"},
        {"+370 8 612 34567", "the 8 that is dialled"},
        {"+375 8 029 123 45 67", "the 8 that is dialled"},
        {"+52 1 55 1234 5678", "until 2019"},
        {"+55 15 11 91234 5678", "a carrier"},
        {"+55 (0)15 11 91234 5678", "a carrier"},
        {"+54 11 15 1234 5678", "only inside Argentina"},
        {"+54 (0)11 15 1234 5678", "only inside Argentina"},
        {"+54 9 11 15 1234 5678", "only inside Argentina"},
        {"+54 15 1234 5678", "only inside Argentina"},
        {"+244 0923 123 456", "+244, where no number begins with 0"},
        {"+258 (0) 84 123 4567", "\"(0)\""},
        {"+258 084 123 4567", "+258, where no number begins with 0"},
        {"+502 0 5123 4567", "+502, where no number begins with 0"},
        {"+960 0771 2345", "+960, where no number begins with 0"},
        {"+508 055 12 34", "a 0 after the country code +508"},
        {"+850 0192 123 4567", "a 0 after the country code +850"},
        {"+34 0612 34 56 78", "+34, where no number begins with 0"},
        {"+45 0 12 34 56 78", "+45, where no number begins with 0"},
        {"+420 0601 123 456", "+420, where no number begins with 0"},
        {"+974 0 3312 3456", "+974, where no number begins with 0"},
        {"+49 49 151 12345678", "duplicate"},
        {"+494915112345678", "duplicate"},
        {"+44 44 20 7946 0958", "duplicate"},
        {"+91 91 98765 43210", "duplicate"},
        {"+39 39 347 1234567", "duplicate"},
        {"+33 33 6 12 34 56 78", "duplicate"},
        {"+7 7 912 345 67 89", "duplicate"},
        {"+380 380 67 123 4567", "duplicate"},
        {"+421 421 905 123 456", "duplicate"},
        {"+371371 2123 4567", "duplicate"},
        {"+47 0 912 34 567", "+47, where no number begins with 0"},
        {"+880 880 1812 345678", "duplicate country code"},
        {"+358 358 40 1234567", "duplicate country code"},
        {"+43 43 664 1234567", "duplicate country code"},
        {"+977 977 9841 234567", "duplicate country code"},
        {"+964 964 791 234 5678", "duplicate country code"},
        {"+58 58 412 1234567", "duplicate country code"},
        {"+225 225 01 23 45 67 89", "duplicate country code"},
        {"+229 229 01 97 12 34 56", "duplicate country code"},
        {"+244 244 923 123 456", "duplicate country code"},
        {"+248 248 2 510 123", "duplicate country code"},
        {"+993 993 66 123456", "duplicate country code"},
        {"+53 53 5123 4567", "duplicate country code"},
        {"+960 960 771 2345", "duplicate country code"},
        {"+56 09 1234 5678", "+56, where no number begins with 0"},
        {"+221 0 77 123 45 67", "+221, where no number begins with 0"},
        {"+8 (495) 123-45-67", "write +7 instead"}, /* else a number in Vietnam */
        {"+8-800-555-35-35", "write +7 instead"},
        {"+8 912 345 67 89", "write +7 instead"},
        {"+(8) 495 1234567", "write +7 instead"},
        {"(+8) 495 1234567", "write +7 instead"},
        {"+89123456789", "write +7 instead"},
        {"+1 212 555 0123 99", "after +1"},
        {"+1-212-555-0123-4", "after +1"},
        {"+7 912 345 67 89 10", "after +7"},
        {"+44 7911 123456 7", "after +44"},
        /* Where a part may be missing. */
        {"+49-151--2345678", "a part of the number missing"},
        {"+49 - - 151 2345678", "a part of the number missing"},
        {"+49.151..2345678", "a part of the number missing"},
        {"+49 () 151 2345678", "a part of the number missing"},
        {"+49 (151 2345678", "a part of the number missing"},
        {"+49 151) 2345678", "without \"(\""},
        {"+49 (1(51)) 2345678", "within parentheses"},
        {"+49 ( ) 2345678", "missing"},
        {"+49 (-151) 2345678", "no digit after"},
        {"+49 151 2345678-", "no digit after"},
        {"+49 151 2345678/", "no digit after"},
        {"+-49 151 2345678", "no digit before"},
        {"+49 151 2345678.", "no digit after"},
        /* Lengths. */
        {"+", "has 0"},
        {"+123456", "7 to 15 digits, and has 6"},
        {"+2234567890123456", "7 to 15 digits, and has 16"},
        {"+2345678 234567890", "7 to 15 digits, and has 16"},
        {"+0123456789", "starts with 0"},
        {"+00 49 151 1234567", "starts with 0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char number[PHONE_NUMBER_SIZE], reason[PHONE_NUMBER_REASON_SIZE];
        if (phone_number_normalise(cases[i].text, number, reason))
            fail_msg("\"%s\" becomes %s", cases[i].text, number);
        if (!strstr(reason, cases[i].words))
            fail_msg("\"%s\": %s", cases[i].text, reason);
        assert_null(normalise(cases[i].text)); /* with its checks of the reason's form */
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
           cmocka_unit_test(what_may_mean_another_number_is_refused_and_said),
           cmocka_unit_test(very_long_texts_do_no_harm))
