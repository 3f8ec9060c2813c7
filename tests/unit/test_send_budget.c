/* The send budget: never more than a burst in any window, and no longer wait than that needs. */
#include "common/model/send_budget.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { MINUTE_MS = 60000, MOST = 4000 };

static void a_burst_goes_at_once_and_then_none_for_a_window(void **state)
{
    struct send_budget budget = {0};
    int64_t now_ms = 1234567;
    (void)state;
    send_budget_limit(&budget, 30, 30 * MINUTE_MS, now_ms);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(send_budget_wait_ms(&budget, 0, now_ms), 0);
        send_budget_spend(&budget, 1, now_ms);
    }
    int64_t wait_ms = send_budget_wait_ms(&budget, 0, now_ms);
    assert_in_range(wait_ms, 30 * MINUTE_MS, 32 * MINUTE_MS + 1000);
    assert_int_equal(send_budget_wait_ms(&budget, 0, now_ms + wait_ms - 1), 1);
    assert_int_equal(send_budget_wait_ms(&budget, 0, now_ms + wait_ms), 0);
}

static void without_a_limit_nothing_waits(void **state)
{
    struct send_budget budget = {0};
    (void)state;
    send_budget_limit(&budget, 30, 0, 1000);
    for (int i = 0; i < 1000; i++) {
        send_budget_spend(&budget, 255, 1000);
        assert_int_equal(send_budget_wait_ms(&budget, 0, 1000), 0);
    }
    send_budget_refund(&budget, 1, 1000);
}

static void what_was_not_sent_is_given_back_where_it_was_given(void **state)
{
    struct send_budget budget = {0};
    int64_t now_ms = 15 * MINUTE_MS, refills_at_ms;
    (void)state;
    send_budget_limit(&budget, 3, 15 * MINUTE_MS, now_ms);
    send_budget_spend(&budget, 1, now_ms);
    send_budget_spend(&budget, 2, now_ms + 5 * MINUTE_MS);
    assert_int_equal(send_budget_left(&budget, now_ms + 10 * MINUTE_MS, &refills_at_ms), 0);
    assert_int_equal(refills_at_ms, now_ms + 16 * MINUTE_MS);
    send_budget_refund(&budget, 1, now_ms);
    assert_int_equal(send_budget_left(&budget, now_ms + 10 * MINUTE_MS, &refills_at_ms), 1);
    assert_int_equal(refills_at_ms,
                     now_ms + 21 * MINUTE_MS); /* the others are as new as they were */
    send_budget_refund(&budget, 5, now_ms);    /* no more than was given then */
    send_budget_refund(&budget, 1, now_ms - 16 * MINUTE_MS); /* it no longer counts */
    assert_int_equal(send_budget_left(&budget, now_ms + 10 * MINUTE_MS, &refills_at_ms), 1);
    send_budget_refund(&budget, 2, now_ms + 5 * MINUTE_MS);
    assert_int_equal(send_budget_left(&budget, now_ms + 10 * MINUTE_MS, &refills_at_ms), 3);
    assert_int_equal(refills_at_ms, 0);
}

static void what_is_about_to_be_given_counts(void **state)
{
    struct send_budget budget = {0};
    int64_t now_ms = 1000000;
    (void)state;
    send_budget_limit(&budget, 3, MINUTE_MS, now_ms);
    send_budget_spend(&budget, 1, now_ms);
    assert_int_equal(send_budget_wait_ms(&budget, 1, now_ms), 0);
    assert_true(send_budget_wait_ms(&budget, 2, now_ms) > 0);
    assert_true(send_budget_wait_ms(&budget, 1000, now_ms) > 0);
    assert_int_equal(send_budget_wait_ms(&budget, 0, now_ms), 0);
}

static void other_limits_count_what_was_spent(void **state)
{
    struct send_budget budget = {0};
    int64_t now_ms = 1000000, refills_at_ms;
    (void)state;
    send_budget_limit(&budget, 3, MINUTE_MS, now_ms);
    send_budget_spend(&budget, 2, now_ms);
    send_budget_limit(&budget, 5, MINUTE_MS, now_ms);
    assert_int_equal(send_budget_left(&budget, now_ms, &refills_at_ms), 3);
    now_ms += MINUTE_MS / 2;
    send_budget_limit(&budget, 3, 2 * MINUTE_MS, now_ms); /* as if it was spent now */
    assert_int_equal(send_budget_left(&budget, now_ms, &refills_at_ms), 1);
    assert_in_range(refills_at_ms, now_ms + 2 * MINUTE_MS, now_ms + 2 * MINUTE_MS + 8000);
    send_budget_limit(&budget, 3, 0, now_ms);
    assert_int_equal(send_budget_left(&budget, now_ms, &refills_at_ms), INT64_MAX);
    send_budget_limit(&budget, 3, MINUTE_MS, now_ms);
    assert_int_equal(send_budget_left(&budget, now_ms, &refills_at_ms), 3);
}

static void a_clock_that_goes_back_takes_what_was_spent_with_it(void **state)
{
    struct send_budget budget = {0};
    int64_t now_ms = (int64_t)10000 * MINUTE_MS, refills_at_ms;
    (void)state;
    send_budget_limit(&budget, 5, 15 * MINUTE_MS, now_ms);
    send_budget_spend(&budget, 2, now_ms);
    send_budget_spend(&budget, 3, now_ms + 4 * MINUTE_MS);
    now_ms = 77 * MINUTE_MS; /* to that of the second */
    assert_int_equal(send_budget_left(&budget, now_ms, &refills_at_ms), 0);
    assert_int_equal(refills_at_ms, now_ms + 12 * MINUTE_MS);
    assert_int_equal(send_budget_left(&budget, now_ms + 12 * MINUTE_MS, &refills_at_ms), 2);
    assert_int_equal(refills_at_ms, now_ms + 16 * MINUTE_MS);
}

/* A device that is given all it may have as soon as it may, in messages of any length. */
static void no_window_ever_has_more_than_a_burst(void **state)
{
    static struct {
        int64_t at_ms, segments;
    } given[MOST];
    static const int64_t bursts[] = {1, 2, 5, 30, 100}, windows_ms[] = {1, 7, 1000, 60000, 1800000};
    (void)state;
    srand(1);
    for (int run = 0; run < 25; run++) {
        int64_t burst = bursts[run % 5], window_ms = windows_ms[run / 5];
        int64_t now_ms = 1000000 + rand() % 100000, started_ms = now_ms, total = 0;
        struct send_budget budget = {0};
        send_budget_limit(&budget, burst, window_ms, now_ms);
        for (int i = 0; i < MOST; i++) {
            int64_t wait_ms = send_budget_wait_ms(&budget, 0, now_ms);
            assert_in_range(wait_ms, 0, window_ms * 17 / 15 + 2 * 16);
            now_ms += wait_ms + (rand() % 4 == 0 ? rand() % (window_ms + 1) / 8 : 0);
            assert_int_equal(send_budget_wait_ms(&budget, 0, now_ms), 0);
            send_budget_spend(&budget, 1, now_ms);
            given[i].at_ms = now_ms;
            given[i].segments = 1;
            total++;
            int64_t sum = 0;
            for (int j = i; j >= 0 && given[j].at_ms > now_ms - window_ms; j--)
                sum += given[j].segments;
            assert_in_range(sum, 1, burst);
        }
        /* Nor is it much slower than the limit, apart from its own pauses. */
        int64_t windows = (now_ms - started_ms) / window_ms;
        if (window_ms >= 1000)
            assert_true(total * 2 > windows * burst);
    }
}

static void a_long_message_is_paid_for_afterwards(void **state)
{
    struct send_budget budget = {0};
    (void)state;
    send_budget_limit(&budget, 5, 5 * MINUTE_MS, 1000000);
    send_budget_spend(&budget, 4, 1000000);
    assert_int_equal(send_budget_wait_ms(&budget, 0, 1000000), 0);
    send_budget_spend(&budget, 10, 1000000); /* nine beyond */
    assert_int_equal(send_budget_wait_ms(&budget, 0, 1000000), 14 * MINUTE_MS);
    send_budget_spend(&budget, 1, 1000000); /* it was on its way */
    assert_int_equal(send_budget_wait_ms(&budget, 0, 1000000), 15 * MINUTE_MS);
    struct send_budget later = budget;
    assert_int_equal(send_budget_wait_ms(&later, 0, 1000000 + 15 * MINUTE_MS), 0);
    send_budget_refund(&budget, 10,
                       1000000); /* the long one was not sent; the others are a burst */
    assert_int_equal(send_budget_wait_ms(&budget, 0, 1000000), 16 * MINUTE_MS / 3);
    send_budget_refund(&budget, 1, 1000000);
    assert_int_equal(send_budget_wait_ms(&budget, 0, 1000000), 0);
}

UNIT_TESTS(cmocka_unit_test(a_burst_goes_at_once_and_then_none_for_a_window),
           cmocka_unit_test(without_a_limit_nothing_waits),
           cmocka_unit_test(what_was_not_sent_is_given_back_where_it_was_given),
           cmocka_unit_test(what_is_about_to_be_given_counts),
           cmocka_unit_test(other_limits_count_what_was_spent),
           cmocka_unit_test(a_clock_that_goes_back_takes_what_was_spent_with_it),
           cmocka_unit_test(no_window_ever_has_more_than_a_burst),
           cmocka_unit_test(a_long_message_is_paid_for_afterwards))
