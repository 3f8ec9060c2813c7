/* Incoming SMS: stored once, listed, and purged. */
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

/* ---- Reads ---- */

static void an_sms_is_found_as_it_came(void **state)
{
    struct store_fixture *fixture = *state;
    struct incoming_sms sms = an_sms("phone", "1", "My Bank", "\xd0\xbf"), found;
    sms.sim = 2;
    sms.received_at_ms = 4102444800000; /* a clock that is years off */
    incoming_sms_address("+49 151 000", sms.recipient);
    receive(fixture, &sms, ERROR_NONE);
    assert_int_equal(store_find_incoming(fixture->reader, &sms.id, &found), ERROR_NONE);
    assert_true(message_id_equal(&found.id, &sms.id));
    assert_string_equal(found.device_id, "phone");
    assert_string_equal(found.received_id, "1");
    assert_string_equal(found.sender, "My Bank");
    assert_string_equal(found.recipient, sms.recipient);
    assert_string_equal(found.text, sms.text);
    assert_int_equal(found.sim, 2);
    assert_int_equal(found.received_at_ms, sms.received_at_ms);
    assert_int_equal(found.encoding, SMS_ENCODING_UCS2);
    assert_int_equal(found.segments, 1);
    incoming_sms_fini(&found);
    incoming_sms_fini(&sms);
    struct message_id other = message_id_new();
    assert_int_equal(store_find_incoming(fixture->reader, &other, &found),
                     ERROR_INCOMING_NOT_FOUND);
}

/* The received_ids of a page, as one text. */
static struct store_inbox_page list(struct store_fixture *fixture,
                                    const struct store_inbox_query *query, const char *expected)
{
    char found[64] = "";
    struct store_inbox_page page;
    assert_int_equal(store_list_inbox(fixture->reader, query, &page), ERROR_NONE);
    for (size_t i = 0; i < page.count; i++)
        strcat(found, page.incoming[i].received_id);
    assert_string_equal(found, expected);
    return page;
}

/* a to j, one each minute: of two phones and three senders, by two SIMs. */
static void given_ten(struct store_fixture *fixture, int64_t began_ms)
{
    static const char *const senders[] = {"+4915112345678", "12345", "My Bank"};
    for (int i = 0; i < 10; i++) {
        char received_id[] = {(char)('a' + i), '\0'};
        store_fixture_stop_clock_at(began_ms + i * 60000);
        struct incoming_sms sms = an_sms(i % 2 ? "phone-2" : "phone", received_id, senders[i % 3],
                                         "Hello");
        sms.sim = i < 5 ? 1 : 2;
        sms.kind = i == 3 ? INCOMING_MMS : INCOMING_SMS;
        receive(fixture, &sms, ERROR_NONE);
        incoming_sms_fini(&sms);
    }
}

static void lists_are_newest_first_and_filtered(void **state)
{
    static const int64_t began_ms = 1700000000000;
    static const struct {
        struct store_inbox_query query;
        const char *expected;
    } lists[] = {
        {{.limit = 100}, "jihgfedcba"},
        {{.device_id = "phone-2", .limit = 100}, "jhfdb"},
        {{.sender = "12345", .limit = 100}, "heb"},
        {{.sim = 2, .limit = 100}, "jihgf"},
        {{.has_kind = true, .kind = INCOMING_SMS, .limit = 100}, "jihgfecba"},
        {{.has_kind = true, .kind = INCOMING_MMS, .limit = 100}, "d"},
        {{.device_id = "phone", .sender = "12345", .sim = 1, .limit = 100}, "e"},
        {{.sender = "nobody", .limit = 100}, ""},
        {{.has_stored_after = true, .stored_after_ms = 1700000000000 + 3 * 60000, .limit = 100},
         "jihgfed"},
        {{.has_stored_before = true, .stored_before_ms = 1700000000000 + 3 * 60000, .limit = 100},
         "cba"},
        {{.device_id = "phone-2",
          .has_stored_after = true,
          .stored_after_ms = 1700000000000 + 60000,
          .has_stored_before = true,
          .stored_before_ms = 1700000000000 + 5 * 60000,
          .limit = 100},
         "db"},
    };
    struct store_fixture *fixture = *state;
    given_ten(fixture, began_ms);
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        struct store_inbox_page page = list(fixture, &lists[i].query, lists[i].expected);
        assert_int_equal(page.total, strlen(lists[i].expected));
        assert_false(page.has_older || page.has_newer);
        store_inbox_page_fini(&page);
    }
}

static void pages_go_on_from_offsets_and_cursors(void **state)
{
    struct store_fixture *fixture = *state;
    given_ten(fixture, 1700000000000);
    struct store_inbox_query query = {.limit = 4};
    struct store_inbox_page page = list(fixture, &query, "jihg");
    assert_true(page.has_older && !page.has_newer);
    assert_int_equal(page.total, 10);
    query.position = STORE_OLDER_THAN;
    query.cursor = page.incoming[3].id;
    store_inbox_page_fini(&page);
    page = list(fixture, &query, "fedc");
    assert_true(page.has_older && page.has_newer);
    query.position = STORE_NEWER_THAN;
    query.cursor = page.incoming[0].id;
    store_inbox_page_fini(&page);
    page = list(fixture, &query, "jihg");
    assert_true(page.has_older && !page.has_newer);
    assert_int_equal(page.total, 10);
    store_inbox_page_fini(&page);

    query = (struct store_inbox_query){.limit = 4, .offset = 8};
    page = list(fixture, &query, "ba");
    assert_true(!page.has_older && page.has_newer);
    assert_int_equal(page.total, 10);
    store_inbox_page_fini(&page);
    query = (struct store_inbox_query){.limit = 4, .offset = 11};
    page = list(fixture, &query, "");
    assert_int_equal(page.total, 10);
    store_inbox_page_fini(&page);
    query = (struct store_inbox_query){.limit = 4, .max_text_bytes = 2 * strlen("Hello")};
    page = list(fixture, &query, "ji");
    assert_true(page.has_older);
    store_inbox_page_fini(&page);
    query = (struct store_inbox_query){.limit = 4, .without_total = true};
    page = list(fixture, &query, "jihg");
    assert_true(page.has_older);
    assert_int_equal(page.total, 0);
    store_inbox_page_fini(&page);
}

UNIT_TESTS(STORE_TEST(an_sms_is_found_as_it_came), STORE_TEST(lists_are_newest_first_and_filtered),
           STORE_TEST(pages_go_on_from_offsets_and_cursors),
           STORE_TEST(the_same_device_and_received_id_are_stored_once),
           STORE_TEST(an_empty_text_and_no_sender_are_an_sms_too),
           STORE_TEST(an_id_with_the_number_of_another_is_stored_too),
           STORE_TEST(texts_and_then_rows_are_purged_by_the_time_they_were_stored))
