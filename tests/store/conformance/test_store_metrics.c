/* The store's metrics, and its statistics about devices and the queue. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

static struct metrics metrics;

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    memset(&metrics, 0, sizeof(metrics));
    fixture->options.metrics = &metrics;
    store_fixture_reopen(fixture);
    return status;
}

static uint64_t count_of(const struct metrics_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_MOST_BOUNDS; i++)
        count += histogram->buckets[i];
    return count;
}

static const char *const phone[] = {"phone"};

static enum error cancel(struct store_fixture *fixture, const struct message_id *id)
{
    struct store_write write = {.verb = STORE_CANCEL, .cancel.id = *id};
    return store_run(fixture->store, &write);
}

/* ---- Commits ---- */

static void each_commit_counts_with_its_duration_and_its_writes(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        given_message(fixture, "+1234567890", "text");
    assert_int_equal(metrics.db_commits_total[0], 3);
    assert_int_equal(count_of(&metrics.db_commit_duration_seconds), 3);
    assert_true(metrics.db_commit_duration_seconds.sum < 60 * UINT64_C(1000000));
    assert_int_equal(count_of(&metrics.db_commit_batch_size), 3);
    assert_int_equal(metrics.db_commit_batch_size.sum, 3);
    assert_int_equal(metrics.db_commit_batch_size.buckets[0], 3);
}

static void a_refusal_counts_by_its_reason_and_no_commit(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write pause = {.verb = STORE_SET_SENDING, .set_sending.pause = true};
    assert_int_equal(store_run(fixture->store, &pause), ERROR_NONE);
    struct message message = {.id = message_id_new(), .text = (char *)"text", .segments = 1};
    strcpy(message.phone_number, "+1234567890");
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_SENDING_PAUSED);
    assert_int_equal(metrics.db_refused_writes_total[ERROR_SENDING_PAUSED], 1);

    given_one_writer_at_once();
    uint64_t commits = metrics.db_commits_total[0];
    fixture->options.timeout_ms = 100;
    store_fixture_reopen(fixture);
    struct store *other;
    char problem[STORE_ERROR_SIZE];
    struct store_options options = {.dsn = fixture->dsn, .timeout_ms = 2000};
    assert_int_equal(store_open(&options, &other, problem), ERROR_NONE);
    struct store_hold hold;
    store_hold_begin(&hold, other);
    struct store_write probe = {.verb = STORE_PROBE};
    assert_int_equal(store_run(fixture->store, &probe), ERROR_STORE_BUSY);
    store_hold_release(&hold);
    store_close(other);
    assert_int_equal(metrics.db_refused_writes_total[ERROR_STORE_BUSY], 1);
    assert_int_equal(metrics.db_commits_total[0], commits);
}

/* ---- Messages ---- */

static void a_message_is_timed_when_it_is_first_given_and_when_it_is_delivered(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, phone, 1), 1);
    assert_int_equal(count_of(&metrics.message_dispatch_seconds), 1);

    struct store_write back = {.verb = STORE_RETURN_TO_QUEUE, .return_to_queue = {.ref = {id, 1}}};
    strcpy(back.return_to_queue.device_id, "phone");
    assert_int_equal(store_run(fixture->store, &back), ERROR_NONE);
    assert_true(back.return_to_queue.changed);
    assert_int_equal(given_claim(fixture, phone, 1), 1);
    assert_int_equal(count_of(&metrics.message_dispatch_seconds), 1); /* not its first dispatch */

    given_report(fixture, &id, "phone", MESSAGE_SENT, NULL);
    given_report(fixture, &id, "phone", MESSAGE_SENT, NULL);
    assert_int_equal(metrics.messages_sent_total[0], 1);
    assert_int_equal(count_of(&metrics.message_delivery_seconds), 0);
    for (int i = 0; i < 2; i++)
        given_report(fixture, &id, "phone", MESSAGE_DELIVERED, NULL);
    assert_int_equal(count_of(&metrics.message_delivery_seconds), 1);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_DELIVERED], 1);
}

static void assert_times_from(struct store_fixture *fixture, int64_t created_at_ms,
                              int64_t send_at_ms)
{
    enum { AGO_MS = 40000 };
    struct message message = {.id = message_id_first_at(created_at_ms),
                              .text = (char *)"text",
                              .segments = 1,
                              .options.send_at_ms = send_at_ms};
    strcpy(message.phone_number, "+1234567890");
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(given_claim(fixture, phone, 1), 1);
    given_report(fixture, &message.id, "phone", MESSAGE_DELIVERED, NULL);
    assert_in_range(metrics.message_dispatch_seconds.sum, AGO_MS * 1000, (AGO_MS + 20000) * 1000);
    assert_in_range(metrics.message_delivery_seconds.sum, AGO_MS * 1000, (AGO_MS + 20000) * 1000);
    assert_int_equal(metrics.message_delivery_seconds.buckets[10], 1); /* up to a minute */
}

static void times_are_from_the_acceptance(void **state)
{
    assert_times_from(*state, clock_wall_ms() - 40000, 0);
}

static void times_of_a_scheduled_message_are_from_its_send_at(void **state)
{
    assert_times_from(*state, clock_wall_ms() - DAY_MS, clock_wall_ms() - 40000);
}

static void every_final_status_is_counted(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "cancelled");
    for (int i = 0; i < 2; i++)
        assert_int_equal(cancel(fixture, &id), ERROR_NONE);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_CANCELLED], 1);

    struct message_id failed = given_message(fixture, "+1234567890", "failed");
    given_claim(fixture, phone, 1);
    given_report(fixture, &failed, "phone", MESSAGE_FAILED, NULL);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_FAILED], 1);

    struct message_id silent = given_message(fixture, "+1234567890", "unknown, and yet delivered");
    given_claim(fixture, phone, 1);
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    write.expire_unreported.silent_for_ms = -1000;
    write.expire_unreported.limit = 10;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_UNKNOWN], 1);
    given_report(fixture, &silent, "phone", MESSAGE_DELIVERED, NULL);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_DELIVERED], 1);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_UNKNOWN], 1);
}

/* ---- Statistics ---- */

static struct store_statistics statistics_of(struct store_fixture *fixture)
{
    struct store_statistics statistics;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    return statistics;
}

static int64_t queue_age_ms(struct store_fixture *fixture)
{
    int64_t since_ms = statistics_of(fixture).oldest_queued_ms;
    return since_ms == 0 ? 0 : store_fixture_now_ms() - since_ms;
}

static void given_token(struct store_fixture *fixture, const char *device_id)
{
    static unsigned char number;
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    struct device_token *token = &write.create_token.token;
    number++;
    snprintf(token->id, sizeof(token->id), "token-%u", number);
    memset(token->hash, number, sizeof(token->hash));
    strcpy(token->device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void given_end_of_token(struct store_fixture *fixture, const char *device_id,
                               enum device_token_revocation end)
{
    struct store_write write = {.verb = STORE_REVOKE_TOKEN, .revoke_token.revocation = end};
    strcpy(write.revoke_token.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.revoke_token.changed);
}

static void given_phone(struct store_fixture *fixture, const struct message_id *broker,
                        const char *device_id, double battery, int charging)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.broker = *broker;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.info.battery_level = battery;
    write.connect.info.charging = charging;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void given_disabled(struct store_fixture *fixture, const char *device_id)
{
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE,
                                .configure.set = STORE_SET_DISABLED,
                                .configure.configuration.disabled = true};
    strcpy(write.configure.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void devices_are_counted_by_what_an_operator_looks_after(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id broker = message_id_new();
    given_lease(fixture, &broker, 60000);
    fixture->options.limits.low_battery_percent = 20;
    store_fixture_reopen(fixture);
    given_phone(fixture, &broker, "low", 19, 0);
    given_phone(fixture, &broker, "low, who knows whether it charges", 19, -1);
    given_phone(fixture, &broker, "charging", 19, 1);
    given_phone(fixture, &broker, "enough", 20, 0);
    given_phone(fixture, &broker, "says nothing", -1, -1);
    given_token(fixture, "low");
    given_token(fixture, "paired, never seen");
    given_token(fixture, "revoked");
    given_end_of_token(fixture, "revoked", DEVICE_TOKEN_REVOKED);
    given_token(fixture, "quarantined");
    given_end_of_token(fixture, "quarantined", DEVICE_TOKEN_QUARANTINED);
    given_token(fixture, "paired again");
    given_end_of_token(fixture, "paired again", DEVICE_TOKEN_QUARANTINED);
    given_token(fixture, "paired again");
    given_disabled(fixture, "low");
    given_disabled(fixture, "enough"); /* it needs no token */
    given_disabled(fixture, "revoked");

    struct store_statistics statistics = statistics_of(fixture);
    assert_int_equal(statistics.devices_connected, 5);
    assert_int_equal(statistics.devices_battery_low, 2);
    assert_int_equal(statistics.devices_offline, 2);
    assert_int_equal(statistics.devices_disabled, 2);
    assert_int_equal(statistics.devices_quarantined, 1);

    given_lease(fixture, &broker, 0);
    statistics = statistics_of(fixture);
    assert_int_equal(statistics.devices_connected, 0);
    assert_int_equal(statistics.devices_battery_low, 0);
    assert_int_equal(statistics.devices_offline, 3);
}

static void the_age_of_the_queue_is_that_of_the_oldest_that_is_due(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(queue_age_ms(fixture), 0);
    store_fixture_stop_clock_at(clock_wall_ms());
    struct message_id id = given_message(fixture, "+1234567890", "fails, and waits");
    store_fixture_pass_ms(1000000);
    given_message(fixture, "+1234567890", "due");
    store_fixture_pass_ms(1000000);
    assert_int_equal(queue_age_ms(fixture), 2000000);
    assert_int_equal(given_claim(fixture, phone, 1), 1);
    struct store_write write = {
        .verb = STORE_RETURN_TO_QUEUE,
        .return_to_queue = {.ref = {id, 1}, .device_id = "phone", .refused = true}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(queue_age_ms(fixture), 1000000);
}

#define METRICS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, store_fixture_teardown)

UNIT_TESTS(METRICS_TEST(each_commit_counts_with_its_duration_and_its_writes),
           METRICS_TEST(a_refusal_counts_by_its_reason_and_no_commit),
           METRICS_TEST(a_message_is_timed_when_it_is_first_given_and_when_it_is_delivered),
           METRICS_TEST(times_are_from_the_acceptance),
           METRICS_TEST(times_of_a_scheduled_message_are_from_its_send_at),
           METRICS_TEST(every_final_status_is_counted),
           METRICS_TEST(devices_are_counted_by_what_an_operator_looks_after),
           METRICS_TEST(the_age_of_the_queue_is_that_of_the_oldest_that_is_due))
