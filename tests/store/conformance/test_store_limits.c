/* Limits: messages accepted in a day, bursts, pauses, segments given to a device. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

/* Today (UTC), so that no day, hour or minute begins during a test. */
static int64_t noon_ms(void)
{
    return clock_wall_ms() / DAY_MS * DAY_MS + DAY_MS / 2;
}

static void limit(struct store_fixture *fixture, struct store_limits limits)
{
    fixture->options.limits = limits;
    store_fixture_reopen(fixture);
}

static enum error enqueue_message(struct store_fixture *fixture, const struct message_id *id,
                                  const char *number, const char *key_id, int64_t key_daily)
{
    struct message message = {.id = *id, .text = (char *)"text", .segments = 1};
    snprintf(message.phone_number, sizeof(message.phone_number), "%s", number);
    struct store_write write = {.verb = STORE_ENQUEUE,
                                .enqueue = {.message = &message, .key_daily_messages = key_daily}};
    snprintf(write.enqueue.key_id, sizeof(write.enqueue.key_id), "%s", key_id);
    return store_run(fixture->store, &write);
}

static enum error enqueue(struct store_fixture *fixture, const char *number)
{
    struct message_id id = store_fixture_new_id();
    return enqueue_message(fixture, &id, number, "", 0);
}

static enum error enqueue_with_key(struct store_fixture *fixture, const char *key_id, int64_t most)
{
    struct message_id id = store_fixture_new_id();
    return enqueue_message(fixture, &id, "+491511234567", key_id, most);
}

/* ---- Accepted in a day ---- */

static void without_limits_nothing_is_counted(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(enqueue_with_key(fixture, "key", 0), ERROR_NONE);
    given_claim(fixture, (const char *const[]){"phone-1"}, 1);
    assert_in_file(fixture, "SELECT count(*) FROM accepted", 0);
    assert_in_file(fixture, "SELECT count(*) FROM device_use", 0);
}

static void each_limit_ends_with_the_last_that_it_allows(void **state)
{
    struct store_fixture *fixture = *state;
    limit(fixture, (struct store_limits){.recipient_daily_messages = 2, .daily_messages = 5});
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_RECIPIENT_CAP_REACHED);
    assert_int_equal(enqueue_with_key(fixture, "key", 1), ERROR_NONE);
    assert_int_equal(enqueue_with_key(fixture, "key", 1), ERROR_KEY_CAP_REACHED);
    assert_int_equal(enqueue_with_key(fixture, "other", 1), ERROR_NONE);
    assert_int_equal(enqueue(fixture, "+492"), ERROR_NONE);
    assert_int_equal(enqueue(fixture, "+493"), ERROR_DAILY_CAP_REACHED);
    store_fixture_reopen(fixture); /* the counts are in the database */
    assert_int_equal(enqueue(fixture, "+493"), ERROR_DAILY_CAP_REACHED);
    assert_int_equal(count_messages(fixture), 5);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE kind = 0", 5);
    assert_in_file(fixture, "SELECT sum(count) FROM accepted WHERE kind = 1", 2);
    assert_in_file(fixture, "SELECT sum(count) FROM accepted WHERE kind = 2", 5);
}

static void a_refused_message_counts_for_no_limit(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = message_id_new();
    limit(fixture, (struct store_limits){.recipient_daily_messages = 2,
                                         .daily_messages = 9,
                                         .pause_after_messages = 9});
    assert_int_equal(enqueue_message(fixture, &id, "+491", "key", 9), ERROR_NONE);
    for (int i = 0; i < 3; i++) /* the id is taken */
        assert_int_equal(enqueue_message(fixture, &id, "+491", "key", 9), ERROR_INTERNAL);
    assert_in_file(fixture, "SELECT sum(count) FROM accepted", 4);
    assert_in_file(fixture, "SELECT count(*) FROM accepted WHERE count = 1", 4);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
}

static void ignore(struct store_write *write)
{
    (void)write;
}

/* A transaction is held until all are submitted, so that the next one has them all. */
static void refused_messages_of_a_batch_count_for_no_limit(void **state)
{
    enum { COUNT = 200 }; /* more than one statement inserts */
    struct store_fixture *fixture = *state;
    static struct store_write writes[COUNT];
    static struct message messages[COUNT];
    struct message_id taken = message_id_new();
    struct store_hold hold;
    int64_t many = 10 * COUNT;
    limit(fixture, (struct store_limits){.recipient_daily_messages = many,
                                         .daily_messages = many,
                                         .pause_after_messages = many});
    assert_int_equal(enqueue_message(fixture, &taken, "+491", "key", many), ERROR_NONE);
    store_hold_begin(&hold, fixture->store);
    for (int i = 0; i < COUNT; i++) {
        messages[i] = (struct message){.phone_number = "+491"};
        messages[i].text = (char *)(i % 10 == 5 ? "" : "x"); /* not a valid text */
        messages[i].id = i % 10 == 3 ? taken : message_id_new();
        if (i % 10 == 7) { /* another id with the same message_id_seq */
            messages[i].id = messages[i - 1].id;
            messages[i].id.bytes[15] ^= 1;
        }
        writes[i] = (struct store_write){
            .verb = STORE_ENQUEUE,
            .enqueue = {.message = &messages[i], .key_id = "key", .key_daily_messages = many},
            .done = ignore};
        assert_int_equal(store_submit(fixture->store, &writes[i]), ERROR_NONE);
    }
    store_hold_release(&hold);

    int good = 1;
    for (int i = 0; i < COUNT; i++) {
        bool fails = i % 10 == 3 || i % 10 == 5;
        assert_int_equal(writes[i].result, fails ? ERROR_INTERNAL : ERROR_NONE);
        good += writes[i].result == ERROR_NONE;
    }
    assert_int_equal(count_messages(fixture), good);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), good);
    assert_in_file(fixture, "SELECT count(*) FROM accepted WHERE kind < 3", 3);
    for (int kind = 0; kind < 4; kind++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "SELECT sum(count) FROM accepted WHERE kind = %d", kind);
        assert_in_file(fixture, sql, good);
    }
}

static void the_next_day_begins_at_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    limit(fixture, (struct store_limits){.recipient_daily_messages = 1, .daily_messages = 1});
    for (int day = 0; day < 3; day++) {
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
        assert_int_equal(enqueue(fixture, "+491"), ERROR_DAILY_CAP_REACHED);
        store_fixture_pass_ms(DAY_MS);
    }
}

enum { CLIENTS = 16, EACH = 40 };

static atomic_int accepted;

static void *send_many(void *argument)
{
    struct store_fixture *fixture = argument;
    for (int i = 0; i < EACH; i++) {
        struct message_id id = store_fixture_new_id();
        int chance = rand();
        char number[24], key[SECRET_ID_SIZE];
        snprintf(number, sizeof(number), "+49%d", chance % 20);
        snprintf(key, sizeof(key), "key-%d", chance / 20 % 12);
        if (enqueue_message(fixture, &id, number, key, 30) == ERROR_NONE) {
            atomic_fetch_add(&accepted, 1);
        }
    }
    return NULL;
}

static void limits_are_exact_with_many_in_one_transaction(void **state)
{
    struct store_fixture *fixture = *state;
    pthread_t threads[CLIENTS];
    limit(fixture, (struct store_limits){.recipient_daily_messages = 25, .daily_messages = 333});
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    int count = atomic_load(&accepted);
    assert_true(count <= 333 && count > 200);
    assert_int_equal(count_messages(fixture), count);
    assert_in_file(fixture, "SELECT count FROM accepted WHERE kind = 0", count);
    assert_in_file(fixture, "SELECT sum(count) FROM accepted WHERE kind = 1", count);
    assert_in_file(fixture, "SELECT max(count) <= 30 FROM accepted WHERE kind = 1", 1);
    assert_in_file(fixture,
                   "SELECT count(*) FROM accepted a WHERE kind = 2 AND count <> "
                   "(SELECT count(*) FROM message WHERE phone_number = a.name)",
                   0);
    assert_in_file(fixture, "SELECT max(count) <= 25 FROM accepted WHERE kind = 2", 1);
}

/* ---- Pausing ---- */

static void set_sending(struct store_fixture *fixture, bool pause, bool changes)
{
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = pause};
    strcpy(write.set_sending.reason, "a test");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.set_sending.changed, changes);
}

static struct store_sending sending(struct store_fixture *fixture)
{
    struct store_sending now;
    struct store_statistics statistics;
    assert_int_equal(store_read_sending(fixture->reader, &now), ERROR_NONE);
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(statistics.sending_paused, now.paused_since_ms != 0);
    return now;
}

static void too_many_in_ten_minutes_pause_sending(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1", "phone-2"};
    limit(fixture, (struct store_limits){.pause_after_messages = 3});
    for (int i = 0; i < 3; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_int_equal(given_claim(fixture, phones, 1), 1);
    assert_int_equal(sending(fixture).paused_since_ms, 0);
    int64_t before_ms = clock_wall_ms();
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE); /* the fourth is accepted, and pauses */
    assert_int_equal(enqueue(fixture, "+491"), ERROR_SENDING_PAUSED);
    assert_in_range(sending(fixture).paused_since_ms, before_ms, clock_wall_ms());
    assert_non_null(strstr(sending(fixture).reason, "PAUSE_AFTER_MESSAGES"));
    assert_int_equal(given_claim(fixture, phones, 2), 0);
    store_fixture_reopen(fixture);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_SENDING_PAUSED);

    set_sending(fixture, false, true); /* a new burst begins */
    for (int i = 0; i < 4; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_SENDING_PAUSED);
    set_sending(fixture, false, true);
    assert_int_equal(given_claim(fixture, phones, 2), 2);
}

static void messages_older_than_ten_minutes_are_no_burst(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(noon_ms());
    limit(fixture, (struct store_limits){.pause_after_messages = 3});
    for (int i = 0; i < 3; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    store_fixture_pass_ms(9 * MINUTE_MS);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_SENDING_PAUSED);
    set_sending(fixture, false, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    store_fixture_pass_ms(11 * MINUTE_MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    store_fixture_reopen(fixture); /* old minutes are removed with the first message */
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_in_file(fixture, "SELECT sum(count) FROM accepted WHERE kind = 3", 4);
}

static void a_pause_by_hand_has_a_reason(void **state)
{
    struct store_fixture *fixture = *state;
    set_sending(fixture, false, false);
    set_sending(fixture, true, true);
    set_sending(fixture, true, false); /* the first time and reason stay */
    assert_string_equal(sending(fixture).reason, "a test");
    assert_int_equal(enqueue(fixture, "+491"), ERROR_SENDING_PAUSED);
    set_sending(fixture, false, true);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    assert_string_equal(sending(fixture).reason, "");
}

static void refuse(struct store_fixture *fixture, const struct message_id *id, unsigned attempt)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){*id, attempt};
    write.return_to_queue.refused = true;
    write.return_to_queue.jitter = 1;
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
}

static void an_old_queue_refuses_new_messages(void **state)
{
    enum { FAILURES = 5 };
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1"};
    store_fixture_stop_clock_at(noon_ms());
    limit(fixture, (struct store_limits){.max_queue_age_ms = MINUTE_MS});
    struct message_id id = given_message(fixture, "+491", "text");
    store_fixture_pass_ms(MINUTE_MS + 1);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_QUEUE_FULL);

    /* A message that waits out its backoff does not count. */
    for (unsigned attempt = 1; attempt <= FAILURES; attempt++) {
        store_fixture_pass_ms(store_backoff_ms(attempt, 1));
        assert_int_equal(given_claim(fixture, phones, 1), 1);
        refuse(fixture, &id, attempt);
    }
    store_fixture_pass_ms(MINUTE_MS + 1);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
    store_fixture_pass_ms(store_backoff_ms(FAILURES, 1) - MINUTE_MS - 1);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_QUEUE_FULL);
    assert_int_equal(given_claim(fixture, phones, 1), 1);
    assert_int_equal(enqueue(fixture, "+491"), ERROR_NONE);
}

/* ---- Given to a device ---- */

/* Claims messages for these devices; fills in the segments that each slot got. */
static size_t ask(struct store_fixture *fixture, const char *const *devices, size_t count,
                  unsigned segments[], bool at_cap[])
{
    struct store_holder slots[8] = {0};
    struct message messages[8] = {0};
    for (size_t i = 0; i < count; i++)
        strcpy(slots[i].device_id, devices[i]);
    struct store_write write = {
        .verb = STORE_CLAIM,
        .claim = {.slot_count = count, .slots = slots, .messages = messages},
    };
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    for (size_t i = 0; i < count; i++) {
        segments[i] = messages[i].text ? messages[i].segments : 0;
        at_cap[i] = slots[i].at_daily_limit;
        if (messages[i].text)
            assert_string_equal(messages[i].device_id, devices[i]);
        message_fini(&messages[i]);
    }
    return write.claim.message_count;
}

static void queue_segments(struct store_fixture *fixture, unsigned segments)
{
    struct message message = {
        .id = store_fixture_new_id(), .text = (char *)"text", .segments = segments};
    strcpy(message.phone_number, "+491");
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void a_device_gets_its_segments_of_the_day_and_others_the_rest(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const slots[] = {"a", "a", "a", "b"};
    unsigned segments[4];
    bool at_cap[4];
    limit(fixture, (struct store_limits){.device_daily_segments = 5});
    for (int i = 0; i < 4; i++)
        queue_segments(fixture, 2);
    assert_int_equal(ask(fixture, slots, 4, segments, at_cap), 3);
    assert_int_equal(segments[0] + segments[1], 4);
    assert_int_equal(segments[2], 0); /* the third fits b alone */
    assert_true(at_cap[2] && !at_cap[0] && !at_cap[3]);
    assert_int_equal(segments[3], 2);
    queue_segments(fixture, 1);
    store_fixture_reopen(fixture);
    assert_int_equal(ask(fixture, slots, 1, segments, at_cap), 0); /* the oldest has two */
    assert_int_equal(ask(fixture, slots, 2, segments, at_cap), 1); /* the next has one */
    assert_int_equal(segments[0], 1);
    assert_true(at_cap[1]);
    assert_int_equal(ask(fixture, slots + 3, 1, segments, at_cap), 1);
    assert_in_file(fixture, "SELECT sum(in_day) FROM device_use", 9);

    queue_segments(fixture, 5);
    assert_int_equal(ask(fixture, slots, 1, segments, at_cap), 0);
    store_fixture_pass_ms(DAY_MS);
    assert_int_equal(ask(fixture, slots, 1, segments, at_cap), 1);
    assert_in_file(fixture, "SELECT in_day FROM device_use WHERE device_id = 'a'", 5);
}

static void a_returned_message_is_refunded(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1"};
    store_fixture_stop_clock_at(noon_ms());
    limit(fixture, (struct store_limits){.device_daily_segments = 1});
    struct message_id id = given_message(fixture, "+491511234567", "text");
    for (unsigned attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(given_claim(fixture, phones, 1), 1);
        if (attempt == 3) { /* yesterday's segments are not refunded today */
            store_fixture_pass_ms(DAY_MS);
            given_message(fixture, "+491511234567", "text");
            assert_int_equal(given_claim(fixture, phones, 1), 1);
        }
        struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
        write.return_to_queue.ref = (struct message_ref){id, attempt};
        strcpy(write.return_to_queue.device_id, "phone-1");
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_true(write.return_to_queue.changed);
    }
    assert_int_equal(given_claim(fixture, phones, 1), 0);
}

/* A message that no device can take costs none of them anything, and is tried once. */
static void a_hopeless_message_fails_and_is_refunded(void **state)
{
    struct store_fixture *fixture = *state;
    limit(fixture, (struct store_limits){.device_daily_segments = 9, .device_window_ms = 3600000});
    struct message_id id = given_message(fixture, "+491511234567", "text");
    assert_int_equal(given_claim(fixture, (const char *const[]){"phone-1"}, 1), 1);
    assert_in_file(fixture, "SELECT in_day + (spent <> zeroblob(64)) FROM device_use", 2);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref = (struct message_ref){id, 1};
    write.return_to_queue.hopeless = true;
    strcpy(write.return_to_queue.device_id, "phone-1");
    strcpy(write.return_to_queue.error_code, "too_long");
    write.return_to_queue.error_message = "why";
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_FAILED);
    struct message message = stored(fixture, &id);
    assert_string_equal(message.error_code, "too_long");
    assert_string_equal(message.error_message, "why");
    message_fini(&message);
    assert_in_file(fixture, "SELECT in_day + (spent <> zeroblob(64)) FROM device_use", 0);
    assert_int_equal(given_claim(fixture, (const char *const[]){"phone-1"}, 1), 0);
}

static void a_message_cancelled_before_it_was_sent_is_refunded(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder slot = {.assured = true, .journal = message_id_new()};
    struct message message = {0};
    limit(fixture, (struct store_limits){.device_daily_segments = 1});
    struct message_id id = given_message(fixture, "+491511234567", "text");
    strcpy(slot.device_id, "phone-1");
    struct store_write give = {
        .verb = STORE_CLAIM,
        .claim = {.slot_count = 1, .slots = &slot, .messages = &message},
    };
    assert_int_equal(store_run(fixture->store, &give), ERROR_NONE);
    message_fini(&message);
    assert_in_file(fixture, "SELECT in_day FROM device_use", 1);
    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_CANCELLED);
    assert_in_file(fixture, "SELECT in_day FROM device_use", 0);
    given_message(fixture, "+491511234567", "text");
    assert_int_equal(given_claim(fixture, (const char *const[]){"phone-1"}, 1), 1);
}

static void a_message_larger_than_the_daily_limit_fails(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const slots[] = {"a"};
    unsigned segments[1];
    bool at_cap[1];
    queue_segments(fixture, 3);
    queue_segments(fixture, 2);
    limit(fixture, (struct store_limits){.device_daily_segments = 2});
    assert_int_equal(ask(fixture, slots, 1, segments, at_cap), 0); /* it was the oldest */
    assert_int_equal(count_messages_in(fixture, MESSAGE_FAILED), 1);
    assert_int_equal(ask(fixture, slots, 1, segments, at_cap), 1);
    assert_int_equal(segments[0], 2);
}

/* What is left of it, when the device connects. */
static int64_t budget_of(struct store_fixture *fixture, const char *device_id,
                         const struct message_id *journal)
{
    struct store_in_flight in_flight[4];
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    int64_t refills_at_ms;
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.holder.journal = *journal;
    write.connect.holder.assured = journal->bytes[0] != 0;
    write.connect.in_flight = in_flight;
    write.connect.in_flight_capacity = ARRAY_LENGTH(in_flight);
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = message_id_new();
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return send_budget_left(&write.connect.send_budget, store_fixture_now_ms(), &refills_at_ms);
}

static void a_send_budget_goes_on_through_connections_and_restarts(void **state)
{
    struct store_fixture *fixture = *state;
    static const struct message_id none;
    static const int64_t expected[] = {5, 2, 2, 5};
    store_fixture_stop_clock_at(noon_ms());
    limit(fixture, (struct store_limits){.device_window_ms = HOUR_MS, .device_window_segments = 5});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(budget_of(fixture, "phone-1", &none), expected[i]);
        for (int j = 0; i == 0 && j < 3; j++) {
            given_message(fixture, "+491511234567", "text");
            given_claim(fixture, (const char *const[]){"phone-1"}, 1);
        }
        if (i > 0)
            store_fixture_pass_ms(HOUR_MS);
        store_fixture_reopen(fixture);
    }
}

/* Its offers return to the queue when it comes back without its journal. */
static void a_device_that_connects_has_its_refunds(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_id journals[] = {{{1}}, {{2}}};
    limit(fixture, (struct store_limits){.device_window_ms = HOUR_MS, .device_window_segments = 5});
    given_message(fixture, "+491511234567", "text");
    given_offer(fixture, "phone-1", &journals[0]);
    struct store_device device;
    bool found;
    assert_int_equal(budget_of(fixture, "phone-1", &journals[1]), 5);
    assert_int_equal(store_find_device(fixture->reader, "phone-1", &device, &found), ERROR_NONE);
    assert_true(found);
    assert_int_equal(device.send_budget.window_ms, HOUR_MS);
    device_info_fini(&device.device.info);
}

UNIT_TESTS(STORE_TEST(without_limits_nothing_is_counted),
           STORE_TEST(each_limit_ends_with_the_last_that_it_allows),
           STORE_TEST(a_refused_message_counts_for_no_limit),
           STORE_TEST(refused_messages_of_a_batch_count_for_no_limit),
           STORE_TEST(the_next_day_begins_at_nothing),
           STORE_TEST(limits_are_exact_with_many_in_one_transaction),
           STORE_TEST(too_many_in_ten_minutes_pause_sending),
           STORE_TEST(messages_older_than_ten_minutes_are_no_burst),
           STORE_TEST(a_pause_by_hand_has_a_reason), STORE_TEST(an_old_queue_refuses_new_messages),
           STORE_TEST(a_device_gets_its_segments_of_the_day_and_others_the_rest),
           STORE_TEST(a_returned_message_is_refunded),
           STORE_TEST(a_hopeless_message_fails_and_is_refunded),
           STORE_TEST(a_message_cancelled_before_it_was_sent_is_refunded),
           STORE_TEST(a_message_larger_than_the_daily_limit_fails),
           STORE_TEST(a_send_budget_goes_on_through_connections_and_restarts),
           STORE_TEST(a_device_that_connects_has_its_refunds))
