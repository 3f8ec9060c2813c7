/* How the webhook sender gives way. */
#include "api-fcgi/webhook/core/throttle.h"
#include "tests/unit/unit.h"

enum { SECOND_US = 1000000, STEP_MS = THROTTLE_JUDGE_EVERY_MS };

/* One period: the thread runs and waits for so long of a second, so many events come in a second, and the webhooks lag. */
static void pass(struct throttle *throttle, int64_t run_us, int64_t wait_us, int64_t events,
                 int64_t lag_ms)
{
    throttle_judge(throttle, throttle->judged_at_ms + STEP_MS,
                   throttle->ran_us + run_us * STEP_MS / 1000,
                   throttle->waited_us + wait_us * STEP_MS / 1000,
                   throttle->newest_event + events * STEP_MS / 1000, lag_ms);
}

static void it_gives_way_to_many_sms_on_a_full_machine_only(void **state)
{
    static const struct {
        int64_t run_us, wait_us, events, lag_ms;
        bool gives_way;
    } cases[] = {
        {400000, 300000, 2 * THROTTLE_MANY_EVENTS, 1000, true},
        {400000, 100000, 2 * THROTTLE_MANY_EVENTS, 1000, false}, /* there is room for both */
        {400000, 0, 2 * THROTTLE_MANY_EVENTS, 1000, false},      /* nobody counts the waits */
        {400000, 300000, THROTTLE_MANY_EVENTS / 2, 1000, false}, /* or others fill the machine */
        {400000, 300000, 0, 1000, false},                        /* it catches up */
        {400000, 300000, 2 * THROTTLE_MANY_EVENTS, THROTTLE_MOST_LAG_MS,
         false}, /* it is not starved */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (int before = 0; before < 2; before++) {
            struct throttle throttle = {
                .gives_way = before, .judged_at_ms = 1000000, .idle_until_us = 7};
            pass(&throttle, cases[i].run_us, cases[i].wait_us, cases[i].events, cases[i].lag_ms);
            assert_int_equal(throttle.gives_way, cases[i].gives_way);
            assert_true(throttle.gives_way || throttle.idle_until_us == 0);
        }
    }
}

static void it_judges_no_short_time(void **state)
{
    struct throttle throttle = {.judged_at_ms = 1000000};
    (void)state;
    throttle_judge(&throttle, 1000000 + STEP_MS - 1, 1000, 100000, 100000, 0);
    assert_false(throttle.gives_way);
    assert_int_equal(throttle.newest_event, 0);
}

static void while_it_gives_way_it_runs_a_sixth_of_the_time(void **state)
{
    struct throttle throttle = {.gives_way = true};
    int64_t now_us = 0, ran_us = 0, pauses = 0;
    (void)state;
    while (now_us < 10 * SECOND_US) {
        int64_t piece_us = 300; /* what one turn of the loop takes */
        now_us += piece_us;
        ran_us += piece_us;
        throttle_use(&throttle, now_us, piece_us);
        pauses += throttle.idle_until_us > now_us;
        now_us = MAX(now_us, throttle.idle_until_us);
    }
    assert_in_range(ran_us, now_us / 7, now_us / 5);
    assert_in_range(pauses, 200,
                    600); /* in few pieces: each of them may take the processor from somebody */
    throttle_use(&throttle, now_us, SECOND_US);
    assert_in_range(throttle.idle_until_us - now_us, 1, 100000);
}

UNIT_TESTS(cmocka_unit_test(it_gives_way_to_many_sms_on_a_full_machine_only),
           cmocka_unit_test(it_judges_no_short_time),
           cmocka_unit_test(while_it_gives_way_it_runs_a_sixth_of_the_time))
