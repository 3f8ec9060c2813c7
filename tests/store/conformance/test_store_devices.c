/* Devices and brokers: who is connected, and what a device has in flight. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

/* ---- Devices ---- */

static int64_t given_connect(struct store_fixture *fixture, const char *device_id,
                             const struct message_id *instance, const struct device_info *info)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.broker = *instance;
    write.connect.info = *info;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect.connection_epoch;
}

/* Whether a newer connection has replaced it. */
static bool given_disconnect(struct store_fixture *fixture, const char *device_id, int64_t session)
{
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, device_id);
    write.disconnect.connection_epoch = session;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.disconnect.superseded;
}

static bool given_update(struct store_fixture *fixture, const char *device_id, int64_t session)
{
    struct store_write write = {.verb = STORE_DEVICE_UPDATE};
    strcpy(write.update.device_id, device_id);
    write.update.info = DEVICE_INFO_UNKNOWN;
    write.update.connection_epoch = session;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.update.superseded;
}

/* The caller does store_device_page_fini. */
static struct store_device_page list(struct store_fixture *fixture,
                                     const struct store_device_query *query)
{
    struct store_device_page page;
    assert_int_equal(store_list_devices(fixture->reader, query, &page), ERROR_NONE);
    return page;
}

/* The connected ones. */
static struct store_device_page list_all(struct store_fixture *fixture)
{
    struct store_device_page page = list(
        fixture,
        &(struct store_device_query){.limit = 100, .has_connected = true, .connected = true});
    assert_false(page.has_more);
    return page;
}

static size_t connected(struct store_fixture *fixture)
{
    struct store_device_page page = list_all(fixture);
    struct store_statistics statistics;
    size_t count = page.count;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(statistics.devices_connected, count);
    store_device_page_fini(&page);
    return count;
}

/* -2: the device is not connected. */
static double battery_level(struct store_fixture *fixture, const char *device_id)
{
    struct store_device_page page = list_all(fixture);
    double level = -2;
    for (size_t i = 0; i < page.count; i++) {
        if (strcmp(page.devices[i].device.device_id, device_id) == 0)
            level = page.devices[i].device.info.battery_level;
    }
    store_device_page_fini(&page);
    return level;
}

static void a_connected_device_is_listed_with_its_info(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    struct device_info info = {.name = "Pixel 7",
                               .android_version = "14",
                               .battery_level = 87.5,
                               .charging = 1,
                               .has_signal_strength = true,
                               .signal_strength = -71,
                               .extra = (char *)"{\"carrier\":\"x\"}"};
    given_lease(fixture, &instance, 60000);
    int64_t session = given_connect(fixture, "phone-1", &instance, &info);
    given_connect(fixture, "phone-0", &instance, &DEVICE_INFO_UNKNOWN);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENDING);
    given_message_in(fixture, MESSAGE_SENT);

    struct store_device_page page = list_all(fixture);
    const struct store_device *devices = page.devices;
    assert_int_equal(page.count, 2);
    assert_string_equal(devices[0].device.device_id, "phone-0");
    assert_true(devices[0].device.info.battery_level < 0);
    assert_true(devices[0].device.info.charging < 0);
    assert_false(devices[0].device.info.has_signal_strength);
    assert_null(devices[0].device.info.extra);
    assert_string_equal(devices[1].device.info.name, "Pixel 7");
    assert_string_equal(devices[1].device.info.android_version, "14");
    assert_true(devices[1].device.info.battery_level == 87.5);
    assert_int_equal(devices[1].device.info.charging, 1);
    assert_int_equal(devices[1].device.info.signal_strength, -71);
    assert_string_equal(devices[1].device.info.extra, "{\"carrier\":\"x\"}");
    assert_int_equal(devices[1].device.queue, 2);
    store_device_page_fini(&page);

    struct store_write write = {.verb = STORE_DEVICE_UPDATE};
    strcpy(write.update.device_id, "phone-1");
    write.update.info = info;
    write.update.info.battery_level = 12;
    write.update.connection_epoch = session - 1; /* from an older connection */
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(battery_level(fixture, "phone-1") == 87.5);
    write.update.connection_epoch = session;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(battery_level(fixture, "phone-1") == 12);
}

/* The device ids of all pages with that query, each page between brackets. */
static void assert_pages(struct store_fixture *fixture, struct store_device_query query,
                         const char *expected)
{
    char pages[256] = "";
    query.has_connected = query.connected = true;
    for (bool more = true; more;) {
        struct store_device_page page = list(fixture, &query);
        more = page.has_more;
        strcat(pages, "[");
        for (size_t i = 0; i < page.count; i++) {
            strcat(strcat(pages, i > 0 ? " " : ""), page.devices[i].device.device_id);
            strcpy(query.after, page.devices[i].device.device_id);
        }
        strcat(pages, "]");
        store_device_page_fini(&page);
    }
    assert_string_equal(pages, expected);
}

static void devices_come_in_pages(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new(), other = message_id_new();
    struct device_info info = DEVICE_INFO_UNKNOWN;
    info.extra = (char *)"{\"some\":\"text\"}";
    size_t extra = strlen(info.extra);
    given_lease(fixture, &instance, 60000);
    assert_pages(fixture, (struct store_device_query){.limit = 2}, "[]");
    for (char id[] = "f"; *id >= 'a'; id[0]--)
        given_connect(fixture, id, *id == 'd' ? &other : &instance, &info);
    assert_pages(fixture, (struct store_device_query){.limit = 2}, "[a b][c e][f]");
    assert_pages(fixture, (struct store_device_query){.limit = 5}, "[a b c e f]");
    assert_pages(fixture, (struct store_device_query){.limit = 2, .after = "aa"}, "[b c][e f]");
    assert_pages(fixture, (struct store_device_query){.limit = 2, .after = "d"}, "[e f]");
    assert_pages(fixture, (struct store_device_query){.limit = 2, .after = "f"}, "[]");
    assert_pages(fixture, (struct store_device_query){.limit = 9, .max_extra_bytes = 3 * extra},
                 "[a b c][e f]");
    assert_pages(fixture, (struct store_device_query){.limit = 9, .max_extra_bytes = 1},
                 "[a][b][c][e][f]");

    static const char *const busy[] = {"a", "a", "c", "c", "c", "e"};
    for (size_t i = 0; i < ARRAY_LENGTH(busy); i++)
        given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, busy, ARRAY_LENGTH(busy)), ARRAY_LENGTH(busy));
    assert_pages(fixture, (struct store_device_query){.limit = 9, .max_in_flight = 2},
                 "[a b][c][e f]");
}

static void a_returning_device_gets_its_messages_in_flight(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_in_flight held[2];
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    given_message_in(fixture, MESSAGE_ACCEPTED);
    given_message_in(fixture, MESSAGE_SENT);
    struct message_id third = given_message_in(fixture, MESSAGE_SENDING);
    struct message_id fourth = given_message_in(fixture, MESSAGE_ACCEPTED);
    strcpy(write.connect.holder.device_id, "phone-1");
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.in_flight = held;
    write.connect.in_flight_capacity = ARRAY_LENGTH(held);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.connect.in_flight_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(message_id_equal(&held[i].ref.id, &third) ||
                    message_id_equal(&held[i].ref.id, &fourth));
        assert_in_range(held[i].silent_ms, 0, 60000);
    }
}

static const struct message_id one_journal = {{0x0b, 0x9f}};

/* A journal may list a message twice: for its attempt, and for the report on an older one. */
static void the_entry_of_the_current_attempt_counts(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone-1", &one_journal);
    struct store_journal_entry entries[] = {{.ref = {id, 7}}, {.ref = {id, 1}, .offered = true}};
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, "phone-1");
    write.connect.holder.assured = true;
    write.connect.holder.journal = one_journal;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    write.connect.entries = entries;
    write.connect.entry_count = ARRAY_LENGTH(entries);
    for (int i = 0; i < 2; i++) { /* the second time the message is `accepted` already */
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_int_equal(entries[0].verdict, STORE_VERDICT_NONE);
        assert_int_equal(entries[1].verdict, STORE_VERDICT_RELEASE);
        assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    }
}

static void a_message_with_a_cancel_request_goes_to_no_other_device(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    struct message_id id = given_message(fixture, "+1234567890", "text");
    struct store_write write = {.verb = STORE_RELEASE};
    write.release.holder.connection_epoch = given_connect(fixture, "phone-1", &instance,
                                                          &DEVICE_INFO_UNKNOWN);
    given_offer(fixture, "phone-1", &one_journal);
    strcpy(write.release.holder.device_id, "phone-1");
    write.release.holder.journal = one_journal;
    write.release.ref = (struct message_ref){id, 1};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.release.verdict, STORE_VERDICT_RELEASE);

    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    assert_true(cancel.cancel.asked);

    struct store_write report = {
        .verb = STORE_REPORT}; /* the device had no chance to cancel, and sent nothing */
    report.report.ref = (struct message_ref){id, 1};
    report.report.seq = 1;
    report.report.status = MESSAGE_FAILED;
    report.report.nothing_sent = true;
    strcpy(report.report.holder.device_id, "phone-1");
    report.report.holder.journal = one_journal;
    assert_int_equal(store_run(fixture->store, &report), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_CANCELLED);
    assert_consistent(fixture);
}

static void only_the_newest_connection_can_disconnect_a_device(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = message_id_new();
    given_lease(fixture, &instance, 60000);
    int64_t first = given_connect(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    int64_t second = given_connect(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(second, first + 1);
    assert_true(given_update(fixture, "phone-1", first));
    assert_true(given_disconnect(fixture, "phone-1", first));
    assert_int_equal(connected(fixture), 1);
    assert_false(given_update(fixture, "phone-1", second));
    assert_false(given_disconnect(fixture, "phone-1", second));
    assert_int_equal(connected(fixture), 0);
}

/* A broker that does not know whether a device has connected to it does not know by which number either. */
static void a_broker_can_end_whatever_connection_a_device_has_to_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    struct message_id instance = message_id_new(), other = message_id_new();
    given_lease(fixture, &instance, 60000);
    strcpy(write.disconnect.device_id, "phone-1");
    write.disconnect.broker = instance;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.disconnect.superseded); /* there is no such device */
    given_connect(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    write.disconnect.broker = other;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.disconnect.superseded);
    assert_int_equal(connected(fixture), 1);
    write.disconnect.broker = instance;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(write.disconnect.superseded);
    assert_int_equal(connected(fixture), 0);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.disconnect.superseded);
}

static void devices_are_connected_only_while_their_broker_lives(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id first = message_id_new(), second = message_id_new();
    given_connect(fixture, "phone-1", &first, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(connected(fixture), 0); /* no lease yet */
    given_lease(fixture, &first, 60000);
    assert_int_equal(connected(fixture), 1);
    given_lease(fixture, &first, -1000); /* it has expired */
    assert_int_equal(connected(fixture), 0);
    given_lease(fixture, &first, 60000);
    given_lease(fixture, &second, 60000); /* the broker was restarted */
    assert_int_equal(connected(fixture), 0);
    given_connect(fixture, "phone-1", &second, &DEVICE_INFO_UNKNOWN);
    assert_int_equal(connected(fixture), 1);
    given_lease(fixture, &second, 0);
    assert_int_equal(connected(fixture), 0);
    assert_in_file(fixture, "SELECT count(*) FROM broker", 0);
}

UNIT_TESTS(STORE_TEST(a_connected_device_is_listed_with_its_info),
           STORE_TEST(devices_come_in_pages),
           STORE_TEST(a_returning_device_gets_its_messages_in_flight),
           STORE_TEST(the_entry_of_the_current_attempt_counts),
           STORE_TEST(a_message_with_a_cancel_request_goes_to_no_other_device),
           STORE_TEST(only_the_newest_connection_can_disconnect_a_device),
           STORE_TEST(a_broker_can_end_whatever_connection_a_device_has_to_it),
           STORE_TEST(devices_are_connected_only_while_their_broker_lives))
