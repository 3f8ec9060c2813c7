/* Incoming SMS: stored once, and purged. */
#include "tests/store/store_fixture.h"

/* A write that receives such an SMS; its text and the id that it would have are the caller's until it has run. */
static struct incoming_sms an_sms(const char *device_id, const char *received_id,
                                  const char *sender, const char *text)
{
    struct incoming_sms sms = {.id = store_fixture_new_id()};
    strcpy(sms.device_id, device_id);
    strcpy(sms.received_id, received_id);
    incoming_sms_address(sender, sms.sender);
    assert_true(incoming_sms_set_text(&sms, text));
    return sms;
}

static struct store_write receive(struct store_fixture *fixture, struct incoming_sms *sms,
                                  enum error expected)
{
    struct store_write write = {.verb = STORE_RECEIVE, .receive.sms = sms};
    assert_int_equal(store_run(fixture->store, &write), expected);
    return write;
}

static struct store_receive given_received(struct store_fixture *fixture, const char *device_id,
                                           const char *received_id, const char *text)
{
    struct incoming_sms sms = an_sms(device_id, received_id, "+4915112345678", text);
    struct store_write write = receive(fixture, &sms, ERROR_NONE);
    incoming_sms_fini(&sms);
    return write.receive;
}

static void the_same_device_and_received_id_are_stored_once(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_receive first = given_received(fixture, "phone", "1", "Hello");
    assert_false(first.known);
    struct store_receive again = given_received(fixture, "phone", "1", "Hello");
    assert_true(again.known);
    assert_false(again.differs);
    assert_true(message_id_equal(&again.id, &first.id));
    struct store_receive changed = given_received(fixture, "phone", "1", "Goodbye");
    assert_true(changed.known && changed.differs);
    assert_true(message_id_equal(&changed.id, &first.id));
    assert_false(given_received(fixture, "phone-2", "1", "Hello").known);
    assert_false(given_received(fixture, "phone", "2", "Hello").known);

    store_fixture_reopen(fixture);
    assert_true(given_received(fixture, "phone", "2", "Hello").known);
    assert_in_file(fixture, "SELECT count(*) FROM incoming", 3);
    assert_in_file(fixture, "SELECT count(*) FROM incoming WHERE text = 'Hello'", 3);
}

static void an_empty_text_and_no_sender_are_an_sms_too(void **state)
{
    struct store_fixture *fixture = *state;
    struct incoming_sms sms = an_sms("phone", "!", "", "");
    assert_false(receive(fixture, &sms, ERROR_NONE).receive.known);
    struct store_receive again = receive(fixture, &sms, ERROR_NONE).receive;
    assert_true(again.known && !again.differs);
    incoming_sms_fini(&sms);
    struct incoming_sms other = an_sms("phone", "!", "", "text");
    assert_true(receive(fixture, &other, ERROR_NONE).receive.differs);
    incoming_sms_fini(&other);
    assert_in_file(fixture, "SELECT count(*) FROM incoming WHERE sender IS NULL AND text = ''", 1);
}

/* Two processes may make ids with the same number in the same millisecond. */
static void an_id_with_the_number_of_another_is_stored_too(void **state)
{
    struct store_fixture *fixture = *state;
    struct incoming_sms sms = an_sms("phone", "1", "12345", "a");
    receive(fixture, &sms, ERROR_NONE);
    sms.id.bytes[MESSAGE_ID_BYTES - 1] ^= 1;
    strcpy(sms.received_id, "2");
    assert_false(receive(fixture, &sms, ERROR_NONE).receive.known);
    strcpy(sms.received_id, "3");
    receive(fixture, &sms, ERROR_INTERNAL);
    assert_in_file(fixture, "SELECT count(*) FROM incoming", 2);
    incoming_sms_fini(&sms);
}

static void texts_and_then_rows_are_purged_by_the_time_they_were_stored(void **state)
{
    struct store_fixture *fixture = *state;
    static const int days[] = {100, 40, 31, 29, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(days); i++) {
        char received_id[] = {(char)('a' + i), '\0'};
        store_fixture_pass_ms(-days[i] * (int64_t)DAY_MS);
        given_received(fixture, "phone", received_id, "Hello");
        store_fixture_pass_ms(days[i] * (int64_t)DAY_MS);
    }
    struct store_write write = {.verb = STORE_PURGE};
    write.purge = (struct store_purge){
        .text_age_ms = 30 * (int64_t)DAY_MS, .incoming_age_ms = 90 * (int64_t)DAY_MS, .limit = 2};
    int64_t texts = 0, incoming = 0;
    int rounds = 0;
    do {
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        texts += write.purge.texts;
        incoming += write.purge.incoming;
    } while (write.purge.more && ++rounds < 10);
    assert_int_equal(incoming, 1);
    assert_int_equal(texts, 3);
    /* Their rows are the memory of what was stored. */
    struct store_receive again = given_received(fixture, "phone", "b", "Hello");
    assert_true(again.known && !again.differs);
    assert_false(given_received(fixture, "phone", "a", "Hello").known);
}

UNIT_TESTS(STORE_TEST(the_same_device_and_received_id_are_stored_once),
           STORE_TEST(an_empty_text_and_no_sender_are_an_sms_too),
           STORE_TEST(an_id_with_the_number_of_another_is_stored_too),
           STORE_TEST(texts_and_then_rows_are_purged_by_the_time_they_were_stored))
