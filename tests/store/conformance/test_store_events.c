/* The events of the gateway: one sequence, followed with a cursor. */
#include "common/store/event_json.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

static struct store_event_page listed(struct store_fixture *fixture, struct store_event_query query)
{
    struct store_event_page page;
    if (query.limit == 0)
        query.limit = 100;
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    for (size_t i = 0; i < page.count; i++)
        assert_true(page.events[i].id > (i ? page.events[i - 1].id : query.after));
    assert_true(page.count == 0 || page.last >= page.events[page.count - 1].id);
    return page;
}

/* The types of the events that match, each a character: of messages q, d, ...; then I of the inbox, + and - of connections,
   b of a battery, r of a revoked token, P and R of a pause and its end, B of a batch. */
static const char *letters_of(struct store_fixture *fixture, struct store_event_query query)
{
    static const char letters[] = "qdasSDfecuI+-brPRBTX";
    static char text[64];
    size_t length = 0;
    bool more = true;
    while (more) {
        struct store_event_page page = listed(fixture, query);
        for (size_t i = 0; i < page.count; i++)
            text[length++] = letters[page.events[i].type];
        query.after = page.last;
        more = page.more;
        store_event_page_fini(&page);
    }
    text[length] = '\0';
    return text;
}

static void set_sending(struct store_fixture *fixture, bool pause)
{
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = pause};
    strcpy(write.set_sending.reason, "a \"test\"");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static struct message_id given_with(struct store_fixture *fixture,
                                    const struct message_options *options)
{
    struct message message = {.id = store_fixture_new_id(),
                              .phone_number = "+491511234567",
                              .text = (char *)"with options",
                              .segments = 1,
                              .options = *options};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static void every_event_is_seen_once_and_in_order(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t oldest, newest;
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    assert_int_equal(oldest, 1);
    assert_int_equal(newest, 0);
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "");

    given_message_in(fixture, MESSAGE_DELIVERED);
    set_sending(fixture, true);
    set_sending(fixture, true); /* it was paused already */
    set_sending(fixture, false);
    given_ended(fixture, MESSAGE_CANCELLED);
    for (size_t limit = 1; limit < 7; limit++)
        assert_string_equal(letters_of(fixture, (struct store_event_query){.limit = limit}),
                            "aDPRc");
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    struct store_event_page page = listed(fixture, (struct store_event_query){.limit = 5});
    assert_int_equal(page.last, newest);
    assert_false(page.more);
    store_event_page_fini(&page);
    page = listed(fixture, (struct store_event_query){.after = newest + 10});
    assert_int_equal(page.count, 0);
    assert_int_equal(page.last, newest + 10);
    assert_false(page.more);
    store_event_page_fini(&page);
}

static void an_event_tells_what_its_message_was(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_with(fixture, &(struct message_options){.reference = "order 7"});
    assert_int_equal(given_claim(fixture, (const char *const[]){"phone"}, 1), 1);
    struct store_write write = {.verb = STORE_REPORT};
    write.report = (struct store_report){.ref.id = id,
                                         .seq = -1,
                                         .status = MESSAGE_FAILED,
                                         .holder.device_id = "phone",
                                         .error_code = "no_credit",
                                         .error_message = "There is no credit."};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);

    struct store_event_page page = listed(fixture, (struct store_event_query){.after = 1});
    assert_int_equal(page.count, 1);
    const struct store_event *event = &page.events[0];
    assert_int_equal(event->type, EVENT_MESSAGE_FAILED);
    assert_true(message_id_equal(&event->message_id, &id));
    assert_int_equal(event->number, 3);
    assert_int_equal(event->attempt, 1);
    assert_int_equal(event->reason, TRANSITION_REPORTED);
    assert_string_equal(event->device_id, "phone");
    assert_string_equal(event->error_code, "no_credit");
    assert_string_equal(event->error_message, "There is no credit.");
    assert_string_equal(event->phone_number, "+491511234567");
    assert_string_equal(event->reference, "order 7");
    assert_null(event->text);
    store_event_page_fini(&page);
}

/* Four events of one message, with a text of 12 bytes. */
static void texts_are_read_where_they_are_asked_for(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_with(fixture, &(struct message_options){0});
    given_claim(fixture, (const char *const[]){"phone"}, 1);
    for (int status = MESSAGE_SENDING; status <= MESSAGE_DELIVERED; status++)
        assert_int_equal(given_report(fixture, &id, "phone", (enum message_status)status, NULL),
                         ERROR_NONE);
    for (size_t i = 1; i < 60; i += 11) {
        struct store_event_page page = listed(
            fixture, (struct store_event_query){.with_text = true, .max_text_bytes = i});
        assert_int_equal(page.count, i < 24 ? 1 : MIN(i / 12, 4));
        assert_string_equal(page.events[0].text, "with options");
        assert_int_equal(page.more, page.count < 4);
        store_event_page_fini(&page);
    }
}

/* The epoch of the connection. */
static int64_t connect_device(struct store_fixture *fixture, const struct message_id *broker,
                              const char *device_id, double battery_level)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.broker = *broker;
    write.connect.info = (struct device_info)DEVICE_INFO_UNKNOWN;
    write.connect.info.battery_level = battery_level;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

static void disconnect_device(struct store_fixture *fixture, const char *device_id, int64_t epoch)
{
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, device_id);
    write.disconnect.connection_epoch = epoch;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void connections_are_told_of(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id broker = message_id_new();
    struct store_event_query of_one = {.device_id = "one"};
    given_lease(fixture, &broker, 60000);
    int64_t first = connect_device(fixture, &broker, "one", -1);
    int64_t second = connect_device(fixture, &broker, "one", -1);
    disconnect_device(fixture, "one", first); /* it has a newer one */
    assert_string_equal(letters_of(fixture, of_one), "++");
    disconnect_device(fixture, "one", second);
    connect_device(fixture, &broker, "one", -1);
    connect_device(fixture, &broker, "two", -1);
    given_lease(fixture, &broker, 0); /* the broker ends */
    assert_string_equal(letters_of(fixture, of_one), "++-+-");
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "++-++--");
    given_lease(fixture, &broker, 0); /* nothing is on it any more */
    set_sending(fixture, true);
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "++-++--P");
}

static void a_low_battery_is_told_of_once(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id broker = message_id_new();
    static const struct {
        double level;
        int charging;
        const char *expected;
    } steps[] = {{20, 0, ""},  {19, 1, ""},  {19.5, -1, "b"}, {3, 0, "b"},  {24, 1, "b"},
                 {19, 0, "b"}, {-1, 0, "b"}, {25, 0, "b"},    {20, 0, "b"}, {19, 0, "bb"}};
    fixture->options.limits.low_battery_percent = 20;
    store_fixture_reopen(fixture);
    given_lease(fixture, &broker, 60000);
    int64_t epoch = connect_device(fixture, &broker, "one", 50);
    struct store_event_query query = {.types = EVENT_BIT(EVENT_DEVICE_BATTERY_LOW)};
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        struct store_write write = {.verb = STORE_DEVICE_UPDATE};
        strcpy(write.update.device_id, "one");
        write.update.connection_epoch = epoch;
        write.update.info = (struct device_info)DEVICE_INFO_UNKNOWN;
        write.update.info.battery_level = steps[i].level;
        write.update.info.charging = steps[i].charging;
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_string_equal(letters_of(fixture, query), steps[i].expected);
    }
    connect_device(fixture, &broker, "one", 10); /* told already */
    connect_device(fixture, &broker, "two", 10);
    assert_string_equal(letters_of(fixture, query), "bbb");
    struct store_event_page page = listed(fixture, query);
    assert_string_equal(page.events[0].detail, "{\"battery_level\":19.5}");
    assert_string_equal(page.events[2].device_id, "two");
    store_event_page_fini(&page);
}

static void a_token_that_is_revoked_is_told_of(void **state)
{
    struct store_fixture *fixture = *state;
    for (unsigned char number = 1; number < 3; number++) { /* the second replaces the first */
        struct store_write token = {.verb = STORE_CREATE_TOKEN};
        snprintf(token.create_token.token.id, SECRET_ID_SIZE, "tok%09u", number);
        memset(token.create_token.token.hash, number, SECRET_HASH_BYTES);
        strcpy(token.create_token.token.device_id, "phone");
        assert_int_equal(store_run(fixture->store, &token), ERROR_NONE);
    }
    struct store_write write = {.verb = STORE_REVOKE_TOKEN};
    strcpy(write.revoke_token.device_id, "phone");
    write.revoke_token.revocation = DEVICE_TOKEN_QUARANTINED;
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    struct store_event_page page = listed(fixture, (struct store_event_query){0});
    assert_int_equal(page.count, 1);
    assert_int_equal(page.events[0].type, EVENT_DEVICE_REVOKED);
    assert_string_equal(page.events[0].device_id, "phone");
    assert_string_equal(page.events[0].detail, "{\"reason\":\"quarantined\"}");
    store_event_page_fini(&page);
}

static void an_incoming_sms_is_told_of_once(void **state)
{
    struct store_fixture *fixture = *state;
    struct incoming_sms sms = {.id = store_fixture_new_id(),
                               .device_id = "phone",
                               .received_id = "r1",
                               .sender = "+491511234567",
                               .sim = 2};
    assert_true(incoming_sms_set_text(&sms, "STOP"));
    struct store_write write = {.verb = STORE_RECEIVE, .receive.sms = &sms};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        sms.id = store_fixture_new_id();
    }
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&write.receive.id, id);
    for (int with_text = 0; with_text < 2; with_text++) {
        struct store_event_page page = listed(fixture,
                                              (struct store_event_query){.with_text = with_text});
        assert_int_equal(page.count, 1);
        assert_int_equal(page.events[0].type, EVENT_INBOX_RECEIVED);
        assert_string_equal(page.events[0].device_id, "phone");
        assert_string_equal(page.events[0].subject, id);
        assert_string_equal(page.events[0].detail,
                            "{\"from\":\"+491511234567\",\"to\":null,\"sim\":2,\"segments\":1}");
        assert_string_equal(page.events[0].text ? page.events[0].text : "-",
                            with_text ? "STOP" : "-");
        store_event_page_fini(&page);
    }
    incoming_sms_fini(&sms);
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    struct store_write purge = {.verb = STORE_PURGE,
                                .purge = {.incoming_age_ms = DAY_MS, .limit = 10}};
    assert_int_equal(store_run(fixture->store, &purge), ERROR_NONE);
    struct store_event_page page = listed(fixture, (struct store_event_query){.with_text = true});
    assert_int_equal(page.count, 1);
    assert_null(page.events[0].detail);
    assert_null(page.events[0].text);
    store_event_page_fini(&page);
}

static void a_filter_lets_through_what_matches_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    struct message_id one = given_message_in(fixture, MESSAGE_SENT); /* phone-1 */
    struct message_id two = given_ended(fixture, MESSAGE_FAILED);    /* phone */
    set_sending(fixture, true);
    set_sending(fixture, false);
    struct message_id grouped = given_with(
        fixture, &(struct message_options){.target.device_group = "shop"});
    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = grouped};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    struct message_id instance = message_id_new();
    given_lease(fixture, &instance, 60000);
    connect_device(fixture, &instance, "phone-1", -1);
    strcpy(write.configure.device_id, "phone-1");
    write.configure.set = STORE_SET_GROUPS;
    device_groups_parse("shop", &write.configure.configuration.groups);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);

    struct store_event_query of_message = {.message_id = two};
    struct store_event_query of_both = {.message_id = one, .device_id = "phone"};
    const struct {
        struct store_event_query query;
        const char *expected;
    } cases[] = {
        {{.types = EVENT_BIT(EVENT_MESSAGE_SENT) | EVENT_BIT(EVENT_SENDING_PAUSED)}, "SP"},
        {{.types = EVENT_BIT(EVENT_BATCH_FINISHED)}, ""},
        {{.types = EVENT_MESSAGE_BITS}, "aSafc"},
        {{.types = EVENT_BIT(EVENT_SENDING_PAUSED) | EVENT_BIT(EVENT_SENDING_RESUMED)}, "PR"},
        {of_message, "af"},
        {of_both, ""},
        {{.device_id = "phone"}, "af"},
        {{.device_group = "shop"}, "aSc+"},
        {{.batch_id = one}, ""},
        {{.after = 1, .device_id = "phone-1"}, "S+"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (size_t limit = 1; limit < 4; limit++) {
            struct store_event_query query = cases[i].query;
            query.limit = limit;
            assert_string_equal(letters_of(fixture, query), cases[i].expected);
        }
    }
}

/* A batch of that many messages. */
static void cancel_batch(struct store_fixture *fixture, const struct message_id *id)
{
    struct store_write write = {.verb = STORE_CANCEL_BATCH,
                                .cancel_batch = {.id = *id, .limit = STORE_MAX_CLAIM}};
    do
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    while (write.cancel_batch.more);
}

static struct message_id claimed_by(struct store_fixture *fixture, const char *device_id)
{
    struct store_page page;
    struct store_query query = {.limit = 1};
    assert_int_equal(given_claim(fixture, &device_id, 1), 1);
    strcpy(query.device_id, device_id);
    assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
    struct message_id id = page.messages[0].id;
    store_page_fini(&page);
    return id;
}

static void a_batch_is_finished_once(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id batch = given_batch(fixture, 5);
    given_ended(fixture, MESSAGE_CANCELLED); /* of no batch */
    struct message_id one = claimed_by(fixture, "one"), two = claimed_by(fixture, "two");
    assert_int_equal(given_report(fixture, &one, "one", MESSAGE_SENT, NULL), ERROR_NONE);
    cancel_batch(fixture, &batch);
    struct store_event_query of_batch = {.batch_id = batch};
    assert_string_equal(letters_of(fixture, of_batch), "aaSccc");
    assert_int_equal(given_report(fixture, &two, "two", MESSAGE_FAILED, NULL), ERROR_NONE);
    assert_string_equal(letters_of(fixture, of_batch), "aaScccfB");
    assert_int_equal(given_report(fixture, &one, "one", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    assert_string_equal(letters_of(fixture, of_batch), "aaScccfBD");
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "caaScccfBD");

    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&batch, id);
    struct store_event_page page = listed(
        fixture, (struct store_event_query){.types = EVENT_BIT(EVENT_BATCH_FINISHED)});
    assert_string_equal(page.events[0].subject, id);
    assert_string_equal(page.events[0].detail,
                        "{\"statuses\":{\"sent\":1,\"delivered\":0,\"failed\":1,\"expired\":0,"
                        "\"cancelled\":3,\"unknown\":0}}");
    store_event_page_fini(&page);
}

/* More batches than a transaction notes, finished in one. */
static void many_batches_are_finished_at_once(void **state)
{
    enum { COUNT = 20 };
    struct store_fixture *fixture = *state;
    for (int i = 0; i < COUNT; i++)
        given_batch(fixture, 2);
    const char *devices[2 * COUNT];
    for (int i = 0; i < 2 * COUNT; i++)
        devices[i] = "phone";
    assert_int_equal(given_claim(fixture, devices, 2 * COUNT), 2 * COUNT);
    store_fixture_pass_ms(2000);
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED,
                                .expire_unreported = {.silent_for_ms = 1000, .limit = 2 * COUNT}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.expire_unreported.unknown, 2 * COUNT);
    struct store_event_page page = listed(
        fixture, (struct store_event_query){.types = EVENT_BIT(EVENT_BATCH_FINISHED)});
    assert_int_equal(page.count, COUNT);
    store_event_page_fini(&page);
}

/* What nobody follows costs nothing more than before: each of its transitions writes its event, and nothing else. */
static void a_message_writes_no_event_but_its_transitions(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t oldest, newest;
    given_message_in(fixture, MESSAGE_DELIVERED);
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    assert_int_equal(newest, 2);
    assert_in_file(fixture, "SELECT count(*) FROM gateway_event", 0);
}

/* A filter that matches nothing: the pages end, and go on. */
static void a_page_looks_at_a_bounded_number_of_events(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id batch = given_batch(fixture, STORE_MAX_EVENTS_EXAMINED + 20);
    cancel_batch(fixture, &batch);
    given_message_in(fixture, MESSAGE_SENT);
    struct store_event_query query = {.types = EVENT_BIT(EVENT_MESSAGE_SENT) |
                                               EVENT_BIT(EVENT_SENDING_PAUSED)};
    struct store_event_page page = listed(fixture, query);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.last, STORE_MAX_EVENTS_EXAMINED);
    assert_true(page.more);
    store_event_page_fini(&page);
    assert_string_equal(letters_of(fixture, query), "S");
}

static void no_id_is_given_twice_and_the_range_tells_what_was_removed(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t oldest, newest, before;
    store_fixture_pass_ms(-40 * (int64_t)DAY_MS);
    set_sending(fixture, true);
    set_sending(fixture, false);
    given_ended(fixture, MESSAGE_DELIVERED);
    store_fixture_pass_ms(30 * (int64_t)DAY_MS);
    struct message_id erased = given_ended(fixture, MESSAGE_FAILED);
    set_sending(fixture, true);
    store_fixture_pass_ms(10 * (int64_t)DAY_MS);
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &before), ERROR_NONE);

    struct store_write erase = {.verb = STORE_ERASE, .erase.id = erased};
    assert_int_equal(store_run(fixture->store, &erase), ERROR_NONE);
    struct store_write write = {.verb = STORE_PURGE};
    write.purge = (struct store_purge){
        .event_age_ms = 20 * (int64_t)DAY_MS, .message_age_ms = 0, .limit = 1};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.purge.events, 1);
    assert_true(write.purge.more);
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    assert_int_equal(oldest, 2);
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "RaDP");

    write.purge.message_age_ms = 20 * (int64_t)DAY_MS;
    write.purge.limit = 10;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.purge.events, 1);
    assert_int_equal(write.purge.messages, 1);
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    assert_int_equal(oldest, 5);
    assert_int_equal(newest, before);
    assert_string_equal(letters_of(fixture, (struct store_event_query){0}), "P");

    store_fixture_reopen(fixture);
    set_sending(fixture, false);
    struct store_event_page page = listed(fixture, (struct store_event_query){.after = before});
    assert_int_equal(page.count, 1);
    assert_int_equal(page.events[0].id, before + 1);
    store_event_page_fini(&page);
    assert_consistent(fixture);
}

static void an_event_is_written_as_json(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(1700000000000);
    struct message_id id = given_with(fixture, &(struct message_options){.reference = "7"});
    given_claim(fixture, (const char *const[]){"phone"}, 1);
    set_sending(fixture, true);
    struct store_event_page page = listed(fixture, (struct store_event_query){.with_text = true});
    assert_int_equal(page.count, 2);
    char text[MESSAGE_ID_TEXT_SIZE], expected[512];
    message_id_format(&id, text);
    snprintf(expected, sizeof(expected),
             "{\"id\":1,\"type\":\"message.accepted\",\"timestamp\":\"2023-11-14T22:13:20.000Z\","
             "\"data\":{\"message_id\":\"%s\",\"status\":\"accepted\",\"attempt\":1,"
             "\"device_id\":\"phone\",\"phone_number\":\"+491511234567\",\"reference\":\"7\","
             "\"batch_id\":null,\"reason\":\"claimed\",\"error_code\":null,"
             "\"error_message\":null,\"message\":\"with options\"}}"
             "{\"id\":2,\"type\":\"sending.paused\",\"timestamp\":\"2023-11-14T22:13:20.000Z\","
             "\"data\":{\"reason\":\"a \\\"test\\\"\"}}",
             text);
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    for (size_t i = 0; i < page.count; i++) {
        struct json_writer json = {.out = &buffer};
        event_json_put(&json, &page.events[i], true);
    }
    assert_string_equal(buffer.data, expected);
    buffer_fini(&buffer);
    store_event_page_fini(&page);
}

UNIT_TESTS(STORE_TEST(every_event_is_seen_once_and_in_order),
           STORE_TEST(an_event_tells_what_its_message_was),
           STORE_TEST(texts_are_read_where_they_are_asked_for), STORE_TEST(connections_are_told_of),
           STORE_TEST(a_low_battery_is_told_of_once),
           STORE_TEST(a_token_that_is_revoked_is_told_of),
           STORE_TEST(an_incoming_sms_is_told_of_once),
           STORE_TEST(a_filter_lets_through_what_matches_it), STORE_TEST(a_batch_is_finished_once),
           STORE_TEST(many_batches_are_finished_at_once),
           STORE_TEST(a_message_writes_no_event_but_its_transitions),
           STORE_TEST(a_page_looks_at_a_bounded_number_of_events),
           STORE_TEST(no_id_is_given_twice_and_the_range_tells_what_was_removed),
           STORE_TEST(an_event_is_written_as_json))
