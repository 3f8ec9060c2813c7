/* When a transaction begins, by the writes that came. */
#include "common/store/write_delay.h"
#include "tests/unit/unit.h"

enum { PATIENCE_US = 5000, BUSY_US = 500 /* between two writes of many */ };

/* Writes come and run, one every BUSY_US; returns the time after them. */
static int64_t given_many(struct write_delay *delay, int64_t now_us)
{
    for (int i = 0; i < 100; i++, now_us += BUSY_US) {
        write_delay_add(delay, 0, now_us);
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
        write_delay_add(&delay, PATIENCE_US, now_us);
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
    write_delay_add(&delay, PATIENCE_US, now_us);
    assert_int_equal(delay.due_us, began_us + PATIENCE_US);
    write_delay_add(&delay, PATIENCE_US, now_us + 1000); /* does not wait longer */
    assert_int_equal(delay.due_us, began_us + PATIENCE_US);
    write_delay_add(&delay, PATIENCE_US / 2, now_us + 1000); /* the shortest counts */
    assert_int_equal(delay.due_us, began_us + PATIENCE_US / 2);
    write_delay_add(&delay, 0, now_us + 1000);
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
        write_delay_add(&delay, PATIENCE_US, now_us);
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
    write_delay_add(&delay, PATIENCE_US, now_us);
    assert_true(delay.due_us <= now_us);
}

UNIT_TESTS(cmocka_unit_test(a_write_alone_does_not_wait),
           cmocka_unit_test(among_many_a_patient_write_waits_for_company),
           cmocka_unit_test(what_waits_is_bounded),
           cmocka_unit_test(after_a_quiet_time_no_write_waits))
