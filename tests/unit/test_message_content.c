/* What is no text: the forms that are taken, and what an encrypted text can have. */
#include "common/model/message_content.h"
#include "tests/unit/unit.h"

#include <string.h>

#define START "$aes-256-cbc/pbkdf2-sha1$i=75000$"
#define SALT  "AAECAwQFBgcICQoLDA0ODw=="

static void only_what_the_app_can_read_is_taken_for_encrypted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t most; /* 0: it is none */
    } cases[] = {
        {START SALT "$" SALT, 15},
        {START SALT "$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=", 31},
        {"", 0},
        {"hello", 0},
        {START, 0},
        {START SALT, 0},
        {START SALT "$", 0},
        {START "AAEC$" SALT, 0},       /* a salt of three bytes */
        {START SALT "$AAEC", 0},       /* no whole block */
        {START SALT "$" SALT "$", 0},  /* something behind it */
        {START SALT "$" SALT "\n", 0}, /* no line may end in it */
        {START SALT "$=AECAwQFBgcICQoLDA0ODw==", 0},
        {"$aes-256-cbc/pbkdf2-sha1$i=$" SALT "$" SALT, 0},
        {"$aes-128-cbc/pbkdf2-sha1$i=1$" SALT "$" SALT, 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t most = 0;
        assert_int_equal(message_content_is_encrypted(cases[i].text, &most), cases[i].most > 0);
        if (cases[i].most > 0)
            assert_int_equal(most, cases[i].most);
    }
}

static void data_is_base64_of_what_one_sms_carries(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'A', sizeof(text));
    strcpy(text + 176, "AA=="); /* 133 bytes */
    assert_true(message_content_is_data(text));
    strcpy(text + 176, "AAA="); /* 134 */
    assert_false(message_content_is_data(text));
    static const char *const none[] = {
        "", "A", "AA", "AA=", "A===", "AA==AA==", "AA=A", "A-_A", "AA\n="};
    for (size_t i = 0; i < ARRAY_LENGTH(none); i++)
        assert_false(message_content_is_data(none[i]));
    assert_true(message_content_is_data("AA=="));
}

/* The worst is ASCII with one character that only UCS-2 has. */
static void no_text_needs_more_segments_than_it_is_counted_for(void **state)
{
    (void)state;
    char text[700] = "\u03b1"; /* two bytes */
    for (size_t bytes = 2; bytes < sizeof(text) - 1; bytes++) {
        unsigned most = message_content_most_segments(bytes).segments;
        unsigned needed = sms_segments_count(text).segments;
        assert_true(needed <= most && most <= needed + 1);
        text[bytes] = 'a';
    }
}

static void number_and_text_are_one_text(void **state)
{
    (void)state;
    char number[MESSAGE_ENCRYPTED_NUMBER_SIZE];
    assert_true(message_content_number(MESSAGE_ENCRYPTED, "number\ntext", number));
    assert_string_equal(number, "number");
    assert_string_equal(message_content_text(MESSAGE_ENCRYPTED, "number\ntext"), "text");
    assert_string_equal(message_content_text(MESSAGE_TEXT, "two\nlines"), "two\nlines");
    assert_false(message_content_number(MESSAGE_TEXT, "two\nlines", number));
    assert_false(message_content_number(MESSAGE_ENCRYPTED, "", number)); /* deleted */
    assert_string_equal(message_content_text(MESSAGE_ENCRYPTED, ""), "");
}

UNIT_TESTS(cmocka_unit_test(only_what_the_app_can_read_is_taken_for_encrypted),
           cmocka_unit_test(data_is_base64_of_what_one_sms_carries),
           cmocka_unit_test(no_text_needs_more_segments_than_it_is_counted_for),
           cmocka_unit_test(number_and_text_are_one_text))
