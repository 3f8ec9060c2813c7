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

/* The types of the events that match, by a letter: q, d, ... as statuses begin; P and R of a pause and its end. */
static const char *letters_of(struct store_fixture *fixture, struct store_event_query query)
{
    static const char letters[] = "qdasSDfecuIcdbrPRBtw";
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
    struct store_write connect = {.verb = STORE_DEVICE_CONNECT};
    strcpy(connect.connect.holder.device_id, "phone-1");
    connect.connect.broker = instance;
    connect.connect.info = (struct device_info){.battery_level = -1};
    assert_int_equal(store_run(fixture->store, &connect), ERROR_NONE);
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
        {{.types = EVENT_MESSAGE_BITS, .device_group = "shop"}, "aSc"},
        {{.batch_id = one}, ""},
        {{.after = 2, .device_id = "phone-1", .types = EVENT_MESSAGE_BITS}, ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (size_t limit = 1; limit < 4; limit++) {
            struct store_event_query query = cases[i].query;
            query.limit = limit;
            assert_string_equal(letters_of(fixture, query), cases[i].expected);
        }
    }
}

/* Messages of a batch, with an event each. */
static void given_cancelled(struct store_fixture *fixture, size_t count)
{
    struct message *messages = calloc(count, sizeof(*messages));
    struct message_id id = store_fixture_new_id();
    assert_non_null(messages);
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct message){.id = store_fixture_new_id(),
                                       .batch_id = id,
                                       .phone_number = "+491511234567",
                                       .text = (char *)"a text",
                                       .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH,
                                .enqueue_batch = {.id = id, .messages = messages, .count = count}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    write = (struct store_write){.verb = STORE_CANCEL_BATCH,
                                 .cancel_batch = {.id = id, .limit = STORE_MAX_CLAIM}};
    do
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    while (write.cancel_batch.more);
    free(messages);
}

/* A filter that matches nothing: the pages end, and go on. */
static void a_page_looks_at_a_bounded_number_of_events(void **state)
{
    struct store_fixture *fixture = *state;
    given_cancelled(fixture, STORE_MAX_EVENTS_EXAMINED + 20);
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
           STORE_TEST(texts_are_read_where_they_are_asked_for),
           STORE_TEST(a_filter_lets_through_what_matches_it),
           STORE_TEST(a_page_looks_at_a_bounded_number_of_events),
           STORE_TEST(no_id_is_given_twice_and_the_range_tells_what_was_removed),
           STORE_TEST(an_event_is_written_as_json))
