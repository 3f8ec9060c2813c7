/* The partitions of events: made ahead, and dropped when nothing in them is left. */
#include "common/base/clock.h"
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/partitions.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { AGE_DAYS = 24, WIDTH_DAYS = 2, FIRST_DAYS = 8, NODES = 3 };

static const int64_t age_ms = AGE_DAYS * (int64_t)DAY_MS;

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

/* The next test has a database of its own. */
static int teardown(void **state)
{
    struct store_fixture *fixture = *state;
    if (!is_postgresql())
        return 0;
    postgresql_number(fixture->dsn, "DROP SCHEMA pristine CASCADE");
    return store_fixture_teardown(state);
}

static int teardown_unchanged(void **state)
{
    return is_postgresql() ? store_fixture_teardown(state) : 0;
}

#define PARTITION_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define UNCHANGED_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, setup, teardown_unchanged)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

static bool try_to_keep(const struct store_fixture *fixture, struct partition_changes *changes,
                        char problem[STORE_ERROR_SIZE])
{
    char setup[SESSION_SETUP_SIZE];
    struct connection connection = {.timeout_ms = 20000};
    session_setup_write(setup, connection.timeout_ms);
    bool good = connection_open(&connection, fixture->dsn, setup, clock_monotonic_ms() + 20000,
                                problem) &&
                partitions_keep(&connection, store_fixture_now_ms(), age_ms, changes, problem);
    connection_close(&connection);
    return good;
}

static struct partition_changes keep(const struct store_fixture *fixture)
{
    char problem[STORE_ERROR_SIZE] = "";
    struct partition_changes changes;
    if (!try_to_keep(fixture, &changes, problem))
        fail_msg("%s", problem);
    return changes;
}

static int64_t number(const struct store_fixture *fixture, const char *sql)
{
    return postgresql_number(fixture->dsn, sql);
}

static int64_t count_partitions(const struct store_fixture *fixture)
{
    return number(fixture, "SELECT count(*) FROM " EVENT_PARTITIONS " AS p");
}

/* From the first to the last, none has a gap behind it. */
static void assert_no_gap(const struct store_fixture *fixture)
{
    assert_int_equal(number(fixture, "SELECT count(*) FROM " EVENT_PARTITIONS
                                     " AS p WHERE end_ms IS NOT NULL"
                                     " AND NOT EXISTS (SELECT FROM " EVENT_PARTITIONS
                                     " AS n WHERE n.first_ms = p.end_ms)"),
                     0);
}

static int64_t count_orphans(const struct store_fixture *fixture)
{
    return number(fixture, "SELECT count(*) FROM message_event e"
                           " WHERE NOT EXISTS (SELECT FROM message m WHERE m.seq = message_seq)");
}

/* Of messages; events that have no message would be among them. */
static size_t count_listed(const struct store_fixture *fixture)
{
    struct store_event_query query = {.types = EVENT_MESSAGE_BITS, .limit = 100};
    struct store_event_page page;
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    size_t count = page.count;
    assert_false(page.more);
    store_event_page_fini(&page);
    return count;
}

static int64_t purge(struct store_fixture *fixture)
{
    return given_purge(fixture, 0, AGE_DAYS, 100).purge.messages;
}

static void pass_days(int days)
{
    store_fixture_pass_ms(days * (int64_t)DAY_MS);
}

static void partitions_are_made_before_they_are_needed(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    assert_int_equal(count_partitions(fixture), 3);
    struct partition_changes changes = keep(fixture); /* the first ones reach far enough */
    assert_int_equal(changes.made + changes.dropped, 0);
    pass_days(FIRST_DAYS - 1);
    changes = keep(fixture);
    assert_int_equal(changes.made, 1);
    assert_int_equal(keep(fixture).made, 0);
    assert_int_equal(count_partitions(fixture), 4);
    assert_no_gap(fixture);
    given_ended(fixture, MESSAGE_DELIVERED);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 0);
    /* After a long time without, there is one for all of it. */
    pass_days(300);
    given_ended(fixture, MESSAGE_DELIVERED);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 2);
    assert_in_range(keep(fixture).made, 1, 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 0);
    assert_no_gap(fixture);
    assert_consistent(fixture);
    assert_int_equal(count_listed(fixture), 4);
}

static void a_partition_is_dropped_when_its_messages_are_gone_and_nothing_else_is(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct message_id open = given_ended(fixture, MESSAGE_ACCEPTED), ids[3];
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
        ids[i] = given_ended(fixture, MESSAGE_DELIVERED);
    pass_days(FIRST_DAYS + AGE_DAYS + 1);
    struct message_id late = given_ended(fixture, MESSAGE_DELIVERED);
    int64_t before = number(fixture, "SELECT count(*) FROM message_event");
    assert_int_equal(purge(fixture), 3);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event"), before);
    assert_int_equal(count_orphans(fixture), 6); /* which nobody sees: */
    assert_int_equal(count_listed(fixture), 3);
    assert_consistent(fixture);
    struct partition_changes changes = keep(fixture);
    assert_int_equal(changes.dropped, 1);
    assert_int_equal(count_orphans(fixture), 0);
    assert_int_equal(count_listed(fixture), 3);
    assert_no_gap(fixture);
    assert_consistent(fixture);
    /* The store has gone on, with the statements that it had prepared. */
    assert_int_equal(given_report(fixture, &open, "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &late), MESSAGE_DELIVERED);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_first"), 2);
    assert_consistent(fixture);
}

static void a_partition_stays_while_its_time_is_not_over(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(FIRST_DAYS + AGE_DAYS - 1); /* it begins at a midnight */
    assert_int_equal(keep(fixture).dropped, 0);
    pass_days(1);
    assert_int_equal(keep(fixture).dropped, 1);
}

/* More of them than are moved. */
static void a_partition_stays_while_many_messages_of_its_time_are_there(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    number(fixture, "INSERT INTO message (seq, id, phone_number, encoding, segments, text)"
                    " SELECT n, decode(lpad(to_hex(n), 32, '0'), 'hex'), '+1', 0, 1, 'text'"
                    " FROM generate_series(1, 1001) AS n");
    pass_days(FIRST_DAYS + AGE_DAYS);
    assert_int_equal(keep(fixture).dropped, 0);
    number(fixture, "DELETE FROM message WHERE seq = 1");
    assert_int_equal(keep(fixture).dropped, 1);
    number(fixture, "DELETE FROM message");
}

static void a_message_of_a_wrong_clock_keeps_its_events(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(30000);
    struct message_id far = given_ended(fixture, MESSAGE_ACCEPTED);
    pass_days(-30000 + FIRST_DAYS);
    struct message_id near = given_ended(fixture, MESSAGE_DELIVERED);
    assert_int_equal(keep(fixture).made, 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 1);
    assert_int_equal(stored_status(fixture, &near), MESSAGE_DELIVERED);
    assert_int_equal(given_report(fixture, &far, "phone", MESSAGE_SENT, NULL), ERROR_NONE);
    assert_consistent(fixture);
}

static void a_last_partition_with_too_many_events_stays_as_it_is(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(FIRST_DAYS);
    number(fixture, "INSERT INTO message_event (message_seq, number, status, attempt, at_ms)"
                    " SELECT 9223372036854775807, n, 2, 1, 0 FROM generate_series(1, 20001) AS n");
    struct partition_changes changes = keep(fixture);
    assert_true(changes.overfilled);
    assert_int_equal(changes.made, 0);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 20001);
    number(fixture, "DELETE FROM message_event");
    assert_int_equal(keep(fixture).made, 2);
}

/* ---- Others ---- */

static void nobody_waits_long_for_a_change_and_it_comes_later(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(FIRST_DAYS);
    void *other = postgresql_open(fixture->dsn, "BEGIN; SELECT count(*) FROM message_event");
    int64_t begun_ms = clock_monotonic_ms();
    struct partition_changes changes = keep(fixture);
    assert_true(changes.busy);
    assert_int_equal(changes.made, 0);
    assert_true(clock_monotonic_ms() - begun_ms < 1900); /* than the store waits for a lock */
    given_ended(fixture, MESSAGE_DELIVERED);
    postgresql_close(other, "COMMIT");
    assert_int_equal(keep(fixture).made, 2);
    assert_consistent(fixture);
}

static void one_process_at_a_time_changes_them(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(FIRST_DAYS);
    void *other = postgresql_open(fixture->dsn, "SELECT pg_advisory_lock(7236270945302)");
    assert_true(keep(fixture).busy);
    assert_int_equal(count_partitions(fixture), 3);
    postgresql_close(other, "SELECT 1");
}

static void *keep_as_a_node(void *argument)
{
    keep(argument);
    return NULL;
}

static void nodes_that_come_together_make_each_once(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pthread_t threads[NODES];
    pass_days(FIRST_DAYS);
    for (int i = 0; i < NODES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_as_a_node, fixture), 0);
    for (int i = 0; i < NODES; i++)
        pthread_join(threads[i], NULL);
    keep(fixture); /* if each found another at work */
    assert_int_equal(count_partitions(fixture), 5);
    assert_no_gap(fixture);
}

/* The session ends when it has dropped a partition, and not made another yet. */
static void crash_at(const struct store_fixture *fixture, const char *dropped)
{
    char sql[512], problem[STORE_ERROR_SIZE] = "";
    struct partition_changes changes;
    snprintf(sql, sizeof(sql),
             "CREATE FUNCTION crash() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
             " PERFORM pg_terminate_backend(pg_backend_pid()) FROM"
             " pg_event_trigger_dropped_objects() WHERE object_name = '%s'; END $$;"
             " CREATE EVENT TRIGGER crash ON sql_drop EXECUTE FUNCTION crash()",
             dropped);
    number(fixture, sql);
    assert_false(try_to_keep(fixture, &changes, problem));
    number(fixture, "DROP EVENT TRIGGER crash; DROP FUNCTION crash()");
    assert_no_gap(fixture);
}

static void a_crash_in_the_middle_leaves_all_as_it_was(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    given_ended(fixture, MESSAGE_ACCEPTED);
    given_ended(fixture, MESSAGE_DELIVERED);
    pass_days(FIRST_DAYS + AGE_DAYS + 1);
    given_ended(fixture, MESSAGE_DELIVERED);
    assert_int_equal(purge(fixture), 1);
    crash_at(fixture, "message_event_last");
    assert_int_equal(count_partitions(fixture), 3);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event_last"), 2);
    crash_at(fixture, "message_event_first");
    assert_int_equal(count_partitions(fixture), 5);
    assert_int_equal(count_orphans(fixture), 2);
    assert_int_equal(keep(fixture).dropped, 1);
    assert_int_equal(count_orphans(fixture), 0);
    assert_int_equal(count_listed(fixture), 3);
    assert_consistent(fixture);
}

/* ---- The store ---- */

static void a_program_that_purges_keeps_them_and_the_tool_does_not(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    pass_days(FIRST_DAYS);
    purge(fixture);
    store_fixture_close(fixture);
    assert_int_equal(count_partitions(fixture), 3);
    fixture->options.role = "ws-broker";
    store_fixture_open(fixture);
    purge(fixture);
    store_fixture_close(fixture); /* waits for it */
    assert_int_equal(count_partitions(fixture), 5);
    store_fixture_open(fixture);
}

static void events_of_erased_messages_are_gone_at_once(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_ERASE};
    write.erase.id = given_ended(fixture, MESSAGE_DELIVERED);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(number(fixture, "SELECT count(*) FROM message_event"), 0);
}

static void statistics_say_which_there_are(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct store_statistics statistics;
    int64_t today_ms = clock_wall_ms() / DAY_MS * DAY_MS;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    assert_int_equal(statistics.server.event_partitions, 3);
    assert_in_range(statistics.server.oldest_partition_ms, today_ms - DAY_MS, today_ms);
    assert_int_equal(statistics.server.last_partition_ms,
                     statistics.server.oldest_partition_ms + FIRST_DAYS * (int64_t)DAY_MS);
}

UNIT_TESTS(PARTITION_TEST(partitions_are_made_before_they_are_needed),
           PARTITION_TEST(a_partition_is_dropped_when_its_messages_are_gone_and_nothing_else_is),
           PARTITION_TEST(a_partition_stays_while_its_time_is_not_over),
           PARTITION_TEST(a_partition_stays_while_many_messages_of_its_time_are_there),
           PARTITION_TEST(a_message_of_a_wrong_clock_keeps_its_events),
           PARTITION_TEST(a_last_partition_with_too_many_events_stays_as_it_is),
           PARTITION_TEST(nobody_waits_long_for_a_change_and_it_comes_later),
           UNCHANGED_TEST(one_process_at_a_time_changes_them),
           PARTITION_TEST(nodes_that_come_together_make_each_once),
           PARTITION_TEST(a_crash_in_the_middle_leaves_all_as_it_was),
           PARTITION_TEST(a_program_that_purges_keeps_them_and_the_tool_does_not),
           UNCHANGED_TEST(events_of_erased_messages_are_gone_at_once),
           UNCHANGED_TEST(statistics_say_which_there_are))
