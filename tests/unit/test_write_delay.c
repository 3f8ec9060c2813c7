/* When a transaction begins, by the writes that came. */
#include "common/store/write_delay.h"
#include "tests/unit/unit.h"

enum {
    PATIENCE_US = 5000,
    BUSY_US = 500, /* between two writes of many */
    SECOND_US = 1000000,
    COMMIT_US = 300,
};

static const struct write_patience at_once = {0, false}, patient = {PATIENCE_US, false},
                                   less_patient = {PATIENCE_US / 2, false}, awaited = {10000, true};

/* Writes come and run, one every BUSY_US; returns the time after them. */
static int64_t given_many(struct write_delay *delay, int64_t now_us)
{
    for (int i = 0; i < 100; i++, now_us += BUSY_US) {
        write_delay_add(delay, at_once, now_us);
        write_delay_begin(delay, 0, now_us);
    }
    return now_us;
}

static void a_write_alone_does_not_wait(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    assert_int_equal(delay.due_us, INT64_MAX);
    for (int64_t now_us = 1000000; now_us < 2000000; now_us += 4000) { /* 250 a second */
        write_delay_add(&delay, patient, now_us);
        assert_int_equal(delay.due_us, now_us);
        write_delay_begin(&delay, 0, now_us);
        assert_int_equal(delay.due_us, INT64_MAX);
    }
}

static void among_many_a_patient_write_waits_for_company(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    int64_t now_us = given_many(&delay, 1000000), began_us = now_us - BUSY_US;
    write_delay_add(&delay, patient, now_us);
    assert_int_equal(delay.due_us, began_us + PATIENCE_US);
    write_delay_add(&delay, patient, now_us + 1000); /* does not wait longer */
    assert_int_equal(delay.due_us, began_us + PATIENCE_US);
    write_delay_add(&delay, less_patient, now_us + 1000); /* the shortest counts */
    assert_int_equal(delay.due_us, began_us + PATIENCE_US / 2);
    write_delay_add(&delay, at_once, now_us + 1000);
    assert_true(delay.due_us <= now_us + 1000);
    write_delay_begin(&delay, 0, now_us + 1000);
    assert_int_equal(delay.due_us, INT64_MAX);
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    int64_t now_us = given_many(&delay, 1000000);
    int count = 0;
    while (count < 1000 && delay.due_us > now_us) {
        write_delay_add(&delay, patient, now_us);
        count++;
    }
    assert_in_range(count, 2, 100);
    write_delay_begin(&delay, 10, now_us); /* those that are left are due */
    assert_int_equal(delay.due_us, now_us);
}

static void after_a_quiet_time_no_write_waits(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    int64_t now_us = given_many(&delay, 1000000) + 100000;
    write_delay_add(&delay, patient, now_us);
    assert_true(delay.due_us <= now_us);
}

/* What `clients` get done, each of which waits for its answer before it sends again. */
static int answers_of(unsigned clients, int64_t duration_us)
{
    struct write_delay delay;
    write_delay_init(&delay);
    int answers = 0;
    for (int64_t now_us = SECOND_US; now_us < SECOND_US + duration_us; now_us += COMMIT_US) {
        for (unsigned i = 0; i < clients; i++)
            write_delay_add(&delay, awaited, now_us);
        now_us = MAX(now_us, delay.due_us);
        write_delay_begin(&delay, 0, now_us);
        answers += (int)clients;
    }
    return answers;
}

static void clients_that_wait_for_their_answers_are_hardly_slower(void **state)
{
    (void)state;
    for (unsigned clients = 1; clients <= 32; clients++) {
        int most = (int)clients * (10 * SECOND_US / COMMIT_US);
        assert_in_range(answers_of(clients, 10 * SECOND_US), most / 100 * 99, most + 32);
    }
}

/* What `clients` get done each of which waits for its answer, and then for COMMIT_US, or sometimes for `pause_us`. */
static int answers_with_pauses(struct write_patience patience, unsigned clients, int64_t pause_us)
{
    enum { MOST_CLIENTS = 8 };
    int64_t next_us[MOST_CLIENTS];
    struct write_delay delay;
    write_delay_init(&delay);
    uint64_t random = 1;
    int answers = 0;
    for (unsigned i = 0; i < clients; i++)
        next_us[i] = SECOND_US;
    for (int64_t now_us = SECOND_US; now_us < 31 * (int64_t)SECOND_US; now_us += 50) {
        for (unsigned i = 0; i < clients; i++) {
            if (next_us[i] > now_us)
                continue;
            write_delay_add(&delay, patience, now_us);
            next_us[i] = INT64_MAX;
        }
        if (delay.due_us > now_us)
            continue;
        write_delay_begin(&delay, 0, now_us);
        now_us += COMMIT_US;
        for (unsigned i = 0; i < clients; i++) {
            if (next_us[i] != INT64_MAX)
                continue;
            random = random * 6364136223846793005 + 1442695040888963407;
            next_us[i] = now_us + ((random >> 33) % 20 == 0 ? pause_us : COMMIT_US);
            answers++;
        }
    }
    return answers;
}

static void nor_are_they_where_some_come_late(void **state)
{
    (void)state;
    for (unsigned clients = 1; clients <= 8; clients++) {
        for (int64_t pause_us = 1000; pause_us <= 16000; pause_us += 3000) {
            int most = answers_with_pauses(at_once, clients, pause_us);
            int found = answers_with_pauses(awaited, clients, pause_us);
            assert_in_range(found, most / 100 * 99, most + 1000);
        }
    }
}

/* The share of writes that have a transaction of their own, where they come at random times and whatever becomes of the others. */
static double transactions_for_each(unsigned writes_per_second)
{
    struct write_delay delay;
    write_delay_init(&delay);
    uint64_t random = 1;
    int writes = 0, transactions = 0;
    for (int64_t now_us = SECOND_US; now_us < 21 * (int64_t)SECOND_US; now_us += 100) {
        if (delay.due_us <= now_us) {
            write_delay_begin(&delay, 0, now_us);
            transactions++;
        }
        random = random * 6364136223846793005 + 1442695040888963407;
        if ((random >> 33) % 10000 >= writes_per_second)
            continue;
        write_delay_add(&delay, awaited, now_us);
        writes++;
    }
    return (double)transactions / writes;
}

static void writes_that_come_by_themselves_share_transactions(void **state)
{
    (void)state;
    assert_true(transactions_for_each(100) > 0.95);
    assert_true(transactions_for_each(1000) < 0.2);
    assert_true(transactions_for_each(3000) < 0.12);
}

static void ten_that_are_awaited_are_enough(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    int64_t now_us = given_many(&delay, 1000000);
    int count = 0;
    while (count < 100 && delay.due_us > now_us) {
        write_delay_add(&delay, awaited, now_us);
        count++;
    }
    assert_int_equal(count, 10);
}

static void among_very_many_an_awaited_write_waits_for_none(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    int64_t now_us = 1000000;
    for (int i = 0; i < 200; i++, now_us += 200) {
        write_delay_add(&delay, at_once, now_us);
        write_delay_begin(&delay, 0, now_us);
    }
    write_delay_add(&delay, awaited, now_us);
    assert_true(delay.due_us <= now_us);
}

static void a_write_passes_where_it_need_not_wait(void **state)
{
    (void)state;
    struct write_delay delay;
    write_delay_init(&delay);
    assert_true(write_delay_add_alone(&delay, awaited, 1000000));
    assert_int_equal(delay.began_us, 1000000);
    int64_t now_us = given_many(&delay, 1100000);
    struct write_delay before = delay;
    assert_false(write_delay_add_alone(&delay, awaited, now_us));
    assert_memory_equal(&before, &delay, sizeof(delay));
    assert_true(write_delay_add_alone(&delay, at_once, now_us));
}

UNIT_TESTS(cmocka_unit_test(a_write_alone_does_not_wait),
           cmocka_unit_test(among_many_a_patient_write_waits_for_company),
           cmocka_unit_test(what_waits_is_bounded),
           cmocka_unit_test(after_a_quiet_time_no_write_waits),
           cmocka_unit_test(clients_that_wait_for_their_answers_are_hardly_slower),
           cmocka_unit_test(nor_are_they_where_some_come_late),
           cmocka_unit_test(writes_that_come_by_themselves_share_transactions),
           cmocka_unit_test(ten_that_are_awaited_are_enough),
           cmocka_unit_test(among_very_many_an_awaited_write_waits_for_none),
           cmocka_unit_test(a_write_passes_where_it_need_not_wait))
