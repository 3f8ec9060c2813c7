#include "common/model/incoming_sms.h"
#include "tests/unit/unit.h"

static void a_received_id_is_1_to_64_visible_ascii_characters(void **state)
{
    (void)state;
    char longest[RECEIVED_ID_SIZE], too_long[RECEIVED_ID_SIZE + 1];
    memset(longest, 'x', sizeof(longest));
    longest[RECEIVED_ID_SIZE - 1] = '\0';
    memset(too_long, 'x', sizeof(too_long));
    too_long[RECEIVED_ID_SIZE] = '\0';
    static const char *const bad[] = {"", " ", "a b", "a\n", "\x7f", "\xc3\xa4"};
    assert_true(received_id_valid("1"));
    assert_true(received_id_valid("content://sms/inbox/17!~"));
    assert_true(received_id_valid(longest));
    assert_false(received_id_valid(too_long));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(received_id_valid(bad[i]));
}

static void an_address_is_a_number_in_its_stored_form_or_what_the_network_says(void **state)
{
    (void)state;
    static const struct {
        const char *said, *stored;
    } addresses[] = {
        {"+49 151 1234-5678", "+4915112345678"},
        {"+1 (555) 234-5678", "+15552345678"},
        {"12345", "12345"},
        {"0151 12345678", "0151 12345678"},
        {"  My Bank ", "My Bank"},
        {"DHL\n\x1b[2J", "DHL[2J"},
        {"Stra\xc3\x9f"
         "e",
         "Stra\xc3\x9f"
         "e"},
        {"", ""},
        {"   ", ""},
        {"1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234"},
        {"123456789012345678901234567890123456789012345678901234567890123\xc3\x9f",
         "123456789012345678901234567890123456789012345678901234567890123"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
        char address[INCOMING_ADDRESS_SIZE];
        incoming_sms_address(addresses[i].said, address);
        assert_string_equal(address, addresses[i].stored);
    }
}

static void a_text_has_its_segments(void **state)
{
    (void)state;
    struct incoming_sms sms = {.sim = 0};
    assert_true(incoming_sms_set_text(&sms, "\xd0\xbf"));
    assert_int_equal(sms.encoding, SMS_ENCODING_UCS2);
    assert_true(incoming_sms_set_text(&sms, ""));
    assert_string_equal(sms.text, "");
    assert_int_equal(sms.segments, 0);
    incoming_sms_fini(&sms);
    assert_null(sms.text);
}

UNIT_TESTS(cmocka_unit_test(a_received_id_is_1_to_64_visible_ascii_characters),
           cmocka_unit_test(an_address_is_a_number_in_its_stored_form_or_what_the_network_says),
           cmocka_unit_test(a_text_has_its_segments))
