/* A database that was restored: what was open in it may have been sent since, and is given to nobody. */
#include "tests/store/store_fixture.h"

#include <stdlib.h>

static const char phone_number[] = "+491511234567";

static struct store_settle settle(struct store_fixture *fixture, int64_t last_event_id)
{
    struct store_write write = {.verb = STORE_SETTLE, .settle.last_event_id = last_event_id};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.settle;
}

static int64_t newest_event(struct store_fixture *fixture)
{
    int64_t oldest, newest;
    assert_int_equal(store_read_event_range(fixture->reader, &oldest, &newest), ERROR_NONE);
    return newest;
}

static struct store_event_page events_after(struct store_fixture *fixture, int64_t after)
{
    struct store_event_page page;
    struct store_event_query query = {.after = after, .limit = 1000};
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    return page;
}

static struct message_id given_scheduled(struct store_fixture *fixture)
{
    struct message message = {.id = store_fixture_new_id(),
                              .phone_number = "+491511234567",
                              .text = (char *)"later",
                              .segments = 1,
                              .options.send_at_ms = store_fixture_now_ms() + DAY_MS};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
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

static void what_was_open_is_unknown_and_given_to_nobody(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_id journal = {{1, 2, 3}};
    const struct message_id delivered = given_message_in(fixture, MESSAGE_DELIVERED);
    const struct message_id sending = given_message_in(fixture, MESSAGE_SENDING);
    const struct message_id accepted = given_message_in(fixture, MESSAGE_ACCEPTED);
    const struct message_id offered = given_message(fixture, phone_number, "offered");
    given_offer(fixture, "phone-2", &journal);
    const struct message_id queued = given_message(fixture, phone_number, "queued");
    const struct message_id scheduled = given_scheduled(fixture);
    const struct message_id open[] = {sending, accepted, offered, queued, scheduled};

    assert_int_equal(settle(fixture, 0).unknown, ARRAY_LENGTH(open));
    for (size_t i = 0; i < ARRAY_LENGTH(open); i++) {
        struct message message = stored(fixture, &open[i]);
        assert_int_equal(message.status, MESSAGE_UNKNOWN);
        assert_string_equal(message.error_code, "restored");
        assert_string_equal(message.device_id, "");
        assert_int_equal(message.reached_at_ms[MESSAGE_UNKNOWN], message.updated_at_ms);
        message_fini(&message);
        struct message_event *history = NULL;
        size_t count = 0;
        assert_int_equal(store_read_history(fixture->reader, &open[i], 0, 10, &history, &count),
                         ERROR_NONE);
        assert_int_equal(history[count - 1].reason, TRANSITION_RESTORED);
        free(history);
    }
    assert_int_equal(stored_status(fixture, &delivered), MESSAGE_DELIVERED);
    assert_int_equal(count_messages_in(fixture, MESSAGE_UNKNOWN), ARRAY_LENGTH(open));
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 0);
    assert_consistent(fixture);
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    assert_int_equal(given_claim(fixture, (const char *const[]){"a", "b", "c"}, 3), 0);

    assert_int_equal(settle(fixture, 0).unknown, 0);
    assert_consistent(fixture);
}

/* Nobody knows which device has it. */
static void the_first_device_with_evidence_gets_the_message(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    bool changed;
    settle(fixture, 0);
    assert_int_equal(given_report(fixture, &id, "phone-3", MESSAGE_SENT, &changed), ERROR_NONE);
    assert_true(changed);
    struct message message = stored(fixture, &id);
    assert_int_equal(message.status, MESSAGE_SENT);
    assert_string_equal(message.device_id, "phone-3");
    message_fini(&message);
    assert_int_equal(given_report(fixture, &id, "phone-4", MESSAGE_DELIVERED, NULL),
                     ERROR_MESSAGE_NOT_HELD);
    assert_consistent(fixture);
}

/* A follower may have seen events from after the backup. */
static void events_have_ids_that_nobody_has_seen(void **state)
{
    struct store_fixture *fixture = *state;
    given_message(fixture, phone_number, "one");
    int64_t now_ms = store_fixture_now_ms();
    settle(fixture, 0);
    int64_t by_time = newest_event(fixture);
    assert_true(by_time > now_ms * 1000);

    given_message(fixture, phone_number, "two");
    int64_t seen = by_time + 1000000000;
    settle(fixture, seen);
    struct store_event_page page = events_after(fixture, seen);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.events[0].id, seen + 1);
    assert_int_equal(page.events[0].type, EVENT_MESSAGE_UNKNOWN);
    store_event_page_fini(&page);
}

/* More messages than are read at once; some of a batch have gone. */
static void a_batch_is_finished_and_told_once(void **state)
{
    enum { COUNT = 2 * STORE_MAX_CLAIM + 10 };
    struct store_fixture *fixture = *state;
    char id[MESSAGE_ID_TEXT_SIZE], detail[160];
    struct message_id batch = given_batch(fixture, COUNT);
    struct message_id gone = claimed_by(fixture, "phone");
    assert_int_equal(given_report(fixture, &gone, "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    int64_t before = newest_event(fixture);
    assert_int_equal(settle(fixture, 0).unknown, COUNT - 1);

    struct store_event_page page = events_after(fixture, before);
    assert_int_equal(page.count, COUNT);
    const struct store_event *last = &page.events[COUNT - 1];
    message_id_format(&batch, id);
    snprintf(detail, sizeof(detail),
             "{\"statuses\":{\"sent\":0,\"delivered\":1,\"failed\":0,\"expired\":0,\"cancelled\":0,"
             "\"unknown\":%d}}",
             COUNT - 1);
    assert_int_equal(last->type, EVENT_BATCH_FINISHED);
    assert_string_equal(last->subject, id);
    assert_string_equal(last->detail, detail);
    store_event_page_fini(&page);
    assert_consistent(fixture);
}

static void no_device_is_connected_and_no_broker_has_a_lease(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_id broker = message_id_new(), lost = message_id_new(),
                            journal = message_id_new();
    given_lease(fixture, &broker, 15000);
    given_broker_connection(fixture, "one", &journal, &broker, NULL);
    given_broker_connection(fixture, "two", &journal, &lost,
                            NULL); /* it was killed before it had a lease */
    given_message(fixture, phone_number, "offered");
    given_offer(fixture, "one", &journal);
    int64_t before = newest_event(fixture);
    assert_int_equal(settle(fixture, 0).unknown, 1);

    assert_false(is_connected(fixture, "one"));
    assert_false(is_connected(fixture, "two"));
    struct store_event_page page = events_after(fixture, before);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.events[0].type, EVENT_MESSAGE_UNKNOWN);
    assert_int_equal(page.events[1].type, EVENT_DEVICE_DISCONNECTED);
    assert_string_equal(page.events[1].device_id, "one");
    assert_int_equal(page.events[2].type, EVENT_DEVICE_DISCONNECTED);
    assert_string_equal(page.events[2].device_id, "two");
    store_event_page_fini(&page);
    struct store_write lease = {.verb = STORE_BROKER_LEASE};
    strcpy(lease.lease.name, "another");
    lease.lease.instance = message_id_new();
    lease.lease.lease_ms = 15000;
    assert_int_equal(store_run(fixture->store, &lease), ERROR_NONE);
    assert_false(lease.lease.has_others);
    assert_true(lease.lease.keeps_house);
}

UNIT_TESTS(STORE_TEST(what_was_open_is_unknown_and_given_to_nobody),
           STORE_TEST(the_first_device_with_evidence_gets_the_message),
           STORE_TEST(events_have_ids_that_nobody_has_seen),
           STORE_TEST(a_batch_is_finished_and_told_once),
           STORE_TEST(no_device_is_connected_and_no_broker_has_a_lease))
