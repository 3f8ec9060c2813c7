/* The request rate of API keys: a burst of one minute, then the rate; exact between threads. */
#include "api-fcgi/auth/key_rates.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

static const int64_t start_ms = 1000000;

static int set_up(void **state)
{
    *state = key_rates_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    key_rates_free(*state);
    return 0;
}

static int64_t take_all(struct key_rates *rates, const char *key, int64_t per_minute,
                        int64_t now_ms)
{
    struct key_rate rate;
    int64_t count = 0;
    while (key_rates_take(rates, key, per_minute, now_ms, &rate))
        assert_int_equal(rate.remaining, per_minute - ++count);
    assert_int_equal(rate.remaining, 0);
    return count;
}

static void a_burst_of_one_minutes_requests_is_allowed(void **state)
{
    static const int64_t rates[] = {1, 2, 7, 60, 999, 6000, 7000, 12345};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        char key[SECRET_ID_SIZE];
        snprintf(key, sizeof(key), "key-%zu", i);
        assert_int_equal(take_all(*state, key, rates[i], start_ms), rates[i]);
    }
}

static void after_the_burst_requests_are_allowed_at_the_rate(void **state)
{
    struct key_rate rate;
    assert_int_equal(take_all(*state, "key", 6000, start_ms), 6000);
    int64_t count = 0;
    for (int64_t now_ms = start_ms + 1; now_ms <= start_ms + 1000; now_ms++)
        while (key_rates_take(*state, "key", 6000, now_ms, &rate))
            count++;
    assert_int_equal(count, 100);
    assert_int_equal(take_all(*state, "key", 6000, start_ms + 3600000),
                     6000); /* a burst, not an hour of requests */
}

static void a_refusal_says_when_the_next_request_is_allowed(void **state)
{
    struct key_rate rate;
    assert_true(key_rates_take(*state, "key", 2, start_ms, &rate));
    assert_int_equal(rate.remaining, 1);
    assert_int_equal(rate.reset_s, 30);
    assert_true(key_rates_take(*state, "key", 2, start_ms, &rate));
    assert_int_equal(rate.reset_s, 60);
    for (int i = 0; i < 10; i++) { /* refused requests do not count */
        assert_false(key_rates_take(*state, "key", 2, start_ms + 1000, &rate));
        assert_int_equal(rate.reset_s, 29);
    }
    assert_false(key_rates_take(*state, "key", 2, start_ms + 29999, &rate));
    assert_int_equal(rate.reset_s, 1);
    assert_true(key_rates_take(*state, "key", 2, start_ms + 30000, &rate));
}

static void keys_have_separate_rates(void **state)
{
    for (int i = 0; i < 2000; i++) { /* more than there are buckets */
        char key[SECRET_ID_SIZE];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(take_all(*state, key, 3, start_ms), 3);
    }
    assert_int_equal(take_all(*state, "k7", 3, start_ms), 0);
}

enum { THREADS = 8, KEYS = 50, PER_MINUTE = 200 };

static struct key_rates *shared;
static atomic_int taken[KEYS];

static void *take_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100 * KEYS; i++) {
        struct key_rate rate;
        char key[SECRET_ID_SIZE];
        snprintf(key, sizeof(key), "key-%d", i % KEYS);
        if (key_rates_take(shared, key, PER_MINUTE, start_ms, &rate))
            atomic_fetch_add(&taken[i % KEYS], 1);
    }
    return NULL;
}

static void threads_together_take_exactly_the_limit(void **state)
{
    pthread_t threads[THREADS];
    shared = *state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(atomic_load(&taken[i]), PER_MINUTE);
}

#define RATE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

UNIT_TESTS(RATE_TEST(a_burst_of_one_minutes_requests_is_allowed),
           RATE_TEST(after_the_burst_requests_are_allowed_at_the_rate),
           RATE_TEST(a_refusal_says_when_the_next_request_is_allowed),
           RATE_TEST(keys_have_separate_rates), RATE_TEST(threads_together_take_exactly_the_limit))
