/* The send budget: never more than a burst in any window, and no longer wait than that needs. */
#include "tests/unit/unit.h"
#include "ws-broker/core/send_budget.h"

#include <stdlib.h>

enum { MINUTE_MS = 60000, MOST = 4000 };

static void a_burst_goes_at_once_and_then_none_for_a_window(void **state)
{
    struct send_budget budget;
    int64_t now_ms = 1234567;
    (void)state;
    send_budget_init(&budget, 30, 30 * MINUTE_MS, now_ms);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(send_budget_wait_ms(&budget, now_ms), 0);
        send_budget_spend(&budget, 1, now_ms);
    }
    int64_t wait_ms = send_budget_wait_ms(&budget, now_ms);
    assert_in_range(wait_ms, 30 * MINUTE_MS, 32 * MINUTE_MS + 1000);
    assert_int_equal(send_budget_wait_ms(&budget, now_ms + wait_ms - 1), 1);
    assert_int_equal(send_budget_wait_ms(&budget, now_ms + wait_ms), 0);
}

static void without_a_limit_nothing_waits(void **state)
{
    struct send_budget budget;
    (void)state;
    send_budget_init(&budget, 30, 0, 1000);
    for (int i = 0; i < 1000; i++) {
        send_budget_spend(&budget, 255, 1000);
        assert_int_equal(send_budget_wait_ms(&budget, 1000), 0);
    }
    send_budget_refund_one(&budget);
}

static void what_was_not_given_is_given_back(void **state)
{
    struct send_budget budget;
    int64_t now_ms = 1000000;
    (void)state;
    send_budget_init(&budget, 2, MINUTE_MS, now_ms);
    send_budget_spend(&budget, 1, now_ms);
    send_budget_spend(&budget, 1, now_ms + 10000);
    assert_true(send_budget_wait_ms(&budget, now_ms + 20000) > 0);
    send_budget_refund_one(&budget);
    assert_int_equal(send_budget_wait_ms(&budget, now_ms + 20000), 0);
    send_budget_refund_one(&budget);
    send_budget_refund_one(&budget); /* there is none */
    send_budget_spend(&budget, 2, now_ms + 20000);
    assert_true(send_budget_wait_ms(&budget, now_ms + 20000) > 0);
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
        struct send_budget budget;
        send_budget_init(&budget, burst, window_ms, now_ms);
        for (int i = 0; i < MOST; i++) {
            int64_t wait_ms = send_budget_wait_ms(&budget, now_ms);
            assert_in_range(wait_ms, 0, window_ms * 17 / 15 + 2 * 16);
            now_ms += wait_ms + (rand() % 4 == 0 ? rand() % (window_ms + 1) / 8 : 0);
            assert_int_equal(send_budget_wait_ms(&budget, now_ms), 0);
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
    struct send_budget budget;
    (void)state;
    send_budget_init(&budget, 5, 5 * MINUTE_MS, 1000000);
    send_budget_spend(&budget, 4, 1000000);
    assert_int_equal(send_budget_wait_ms(&budget, 1000000), 0);
    send_budget_spend(&budget, 10, 1000000); /* nine beyond */
    assert_int_equal(send_budget_wait_ms(&budget, 1000000), 14 * MINUTE_MS);
    send_budget_spend(&budget, 1, 1000000); /* it was on its way */
    assert_int_equal(send_budget_wait_ms(&budget, 1000000), 15 * MINUTE_MS);
    assert_int_equal(send_budget_wait_ms(&budget, 1000000 + 15 * MINUTE_MS), 0);
}

UNIT_TESTS(cmocka_unit_test(a_burst_goes_at_once_and_then_none_for_a_window),
           cmocka_unit_test(without_a_limit_nothing_waits),
           cmocka_unit_test(what_was_not_given_is_given_back),
           cmocka_unit_test(no_window_ever_has_more_than_a_burst),
           cmocka_unit_test(a_long_message_is_paid_for_afterwards))
