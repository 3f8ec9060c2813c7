/* What only SQLite has: writes that fail halfway, old rows of counts, a full disk. */
#include "common/store/sqlite/database.h"
#include "tests/store/store_fixture.h"

#include <stdatomic.h>

static const char *const phone[] = {"phone"};

static struct metrics metrics;
static atomic_size_t transitions;

static void count_transitions(void *context, const struct store_transition *moves, size_t count)
{
    (void)context, (void)moves;
    atomic_fetch_add(&transitions, count);
}

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    memset(&metrics, 0, sizeof(metrics));
    atomic_store(&transitions, 0);
    fixture->options.metrics = &metrics;
    fixture->options.publish_transitions = count_transitions;
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

static void a_transition_that_is_undone_does_not_count(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, phone, 1);
    execute(fixture->path, "CREATE TRIGGER no_delivery BEFORE INSERT ON message_event"
                           " WHEN NEW.status = 5 BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_not_equal(given_report(fixture, &id, "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_DELIVERED], 0);
    assert_int_equal(count_of(&metrics.message_delivery_seconds), 0);
    execute(fixture->path, "DROP TRIGGER no_delivery");
    assert_int_equal(given_report(fixture, &id, "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    assert_int_equal(metrics.messages_finished_total[MESSAGE_DELIVERED], 1);
    assert_int_equal(count_of(&metrics.message_delivery_seconds), 1);
}

/* SQLite refuses the event of the second message: the first, of the same write, keeps its status too. */
static void what_is_rolled_back_is_not_told(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1", "phone-2"};
    given_message(fixture, "+1234567890", "text");
    given_message(fixture, "+1234567890", "text");
    number_of(fixture,
              "INSERT INTO message_event (id, message_seq, number, status, attempt, device_id,"
              " at_ms) VALUES (1000, (SELECT max(seq) FROM message), 2, 1, 1, 'x', 1)"
              " RETURNING 0");
    struct store_holder slots[2] = {{.connection_epoch = 0}};
    struct message messages[2] = {{.segments = 0}};
    struct store_write write = {.verb = STORE_CLAIM};
    for (size_t i = 0; i < 2; i++)
        strcpy(slots[i].device_id, phones[i]);
    write.claim.slot_count = 2;
    write.claim.slots = slots;
    write.claim.messages = messages;
    assert_int_not_equal(store_run(fixture->store, &write), ERROR_NONE);
    message_fini(&messages[0]);
    message_fini(&messages[1]);
    assert_int_equal(given_claim(fixture, phone, 1), 1); /* the first message again, alone */
    store_fixture_close(fixture);
    assert_int_equal(atomic_load(&transitions), 1);
}

/* The result of a transaction with a report on each of two messages, of which the database refuses the second in the middle. */
static enum error run_reports(struct store_database *database, const struct message_id ids[2],
                              struct store_write writes[2])
{
    static const char *const phones[] = {"phone-1", "phone-2"};
    struct store_write *const batch[] = {&writes[0], &writes[1]};
    size_t ran;
    for (size_t i = 0; i < 2; i++) {
        writes[i] = (struct store_write){.verb = STORE_REPORT};
        writes[i].report.ref.id = ids[i];
        writes[i].report.seq = -1;
        writes[i].report.status = MESSAGE_DELIVERED;
        strcpy(writes[i].report.holder.device_id, phones[i]);
    }
    assert_true(store_backend_sqlite.take_turn(database, INT64_MAX));
    enum error error = store_backend_sqlite.run_batch(database, batch, 2, INT64_MAX, &ran);
    store_backend_sqlite.finish_batch(database);
    assert_int_equal(ran, 2);
    return error;
}

static void a_report_that_the_database_refuses_fails_alone_the_second_time(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phones[] = {"phone-1", "phone-2"};
    const char *delivered = "SELECT count(*) FROM message WHERE status = 5";
    struct store_database *database = NULL;
    struct store_write writes[2];
    struct message_id ids[2];
    char problem[STORE_ERROR_SIZE];
    for (size_t i = 0; i < 2; i++)
        ids[i] = given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, phones, 2), 2);
    execute(fixture->path, "CREATE TRIGGER no_delivery BEFORE INSERT ON message_event"
                           " WHEN NEW.status = 5 AND NEW.device_id = 'phone-2'"
                           " BEGIN SELECT RAISE(ABORT, 'no'); END");
    struct store_options options = fixture->options;
    options.wall_ms = store_fixture_now_ms;
    assert_int_equal(store_backend_sqlite.open(&options, fixture->path, &database, problem),
                     ERROR_NONE);
    assert_int_not_equal(run_reports(database, ids, writes), ERROR_NONE);
    assert_int_equal(number_of(fixture, delivered), 0);
    assert_int_equal(run_reports(database, ids, writes), ERROR_NONE);
    assert_int_equal(writes[0].result, ERROR_NONE);
    assert_int_not_equal(writes[1].result, ERROR_NONE);
    assert_int_equal(number_of(fixture, delivered), 1);
    store_backend_sqlite.close(database);
}

/* Counts of the day before yesterday and older are removed, a few in each transaction. */
static void counts_of_earlier_days_are_removed(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits = (struct store_limits){.recipient_daily_messages = 20,
                                                    .daily_messages = 20};
    given_message(fixture, "+491", "text");
    execute(fixture->path, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
                           " INSERT INTO accepted SELECT 2, 15000 + i % 3, '+1' || i, 1 FROM n");
    store_fixture_reopen(fixture);
    int64_t before = number_of(fixture, "SELECT count(*) FROM accepted");
    given_message(fixture, "+491", "text");
    int64_t after = number_of(fixture, "SELECT count(*) FROM accepted");
    assert_in_range(after, before - 250, before - 150);
    for (int i = 0; i < 10; i++)
        given_message(fixture, "+491", "text");
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM accepted"), 2);
}

static void the_disk_has_room_for_the_database(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_statistics statistics;
    given_message(fixture, "+1234567890", "text");
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_true(statistics.database_bytes >= 4096);
    assert_true(statistics.disk_free_bytes > 0);
    assert_true(statistics.disk_size_bytes > statistics.disk_free_bytes);
}

#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, store_fixture_teardown)

UNIT_TESTS(TABLE_TEST(a_transition_that_is_undone_does_not_count),
           TABLE_TEST(what_is_rolled_back_is_not_told),
           TABLE_TEST(a_report_that_the_database_refuses_fails_alone_the_second_time),
           TABLE_TEST(counts_of_earlier_days_are_removed),
           TABLE_TEST(the_disk_has_room_for_the_database))
