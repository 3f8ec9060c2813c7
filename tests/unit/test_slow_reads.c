/* Slow reads: the turns of keys, and the limits. */
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/slow_reads.h"
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { MOST = SLOW_READS_WAITING + 8 };

static struct settings settings;
static struct api api;
static struct slow_reads *reads;
static struct http_exchange exchanges[MOST];
static sem_t begun, go_on, answered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_exchange *order[MOST]; /* under lock: in the order in which they ran */
static int ran;

static enum http_outcome handle(struct http_exchange *exchange)
{
    assert_non_null(exchange->reader);
    pthread_mutex_lock(&lock);
    order[ran++] = exchange;
    pthread_mutex_unlock(&lock);
    sem_post(&begun);
    sem_wait(&go_on);
    http_begin_json(exchange, 200);
    return HTTP_ANSWERED;
}

static void wake(struct http_exchange *exchange)
{
    exchange->resume(exchange);
}

static void completed(void *context)
{
    (void)context;
    sem_post(&answered);
}

static int setup(void **state)
{
    store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    settings.store_timeout_ms = 60000;
    api.settings = &settings;
    api.store = fixture->store;
    ran = 0;
    sem_init(&begun, 0, 0);
    sem_init(&go_on, 0, 0);
    sem_init(&answered, 0, 0);
    for (int i = 0; i < MOST; i++) {
        http_exchange_init(&exchanges[i], &api);
        exchanges[i].wake = wake;
    }
    reads = slow_reads_start(&api, completed, NULL);
    assert_non_null(reads);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < MOST; i++) /* those that still wait */
        sem_post(&go_on);
    slow_reads_stop(reads);
    for (int i = 0; i < MOST; i++)
        http_exchange_fini(&exchanges[i]);
    return store_fixture_teardown(state);
}

static enum http_outcome ask(int number, const char *key)
{
    struct http_exchange *exchange = &exchanges[number];
    strcpy(exchange->key_id, key);
    exchange->arrived_at_us = clock_monotonic_us();
    return slow_reads_run(reads, exchange, handle);
}

static void one_key_never_has_all_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(i, "greedy"), HTTP_PARKED);
    sem_wait(&begun);
    assert_int_equal(ask(5, "other"), HTTP_PARKED);
    sem_wait(&begun); /* at once, before the four that came earlier */
    assert_ptr_equal(order[0], &exchanges[0]);
    assert_ptr_equal(order[1], &exchanges[5]);
    assert_int_equal(ran, 2);
}

static void keys_take_turns(void **state)
{
    (void)state;
    assert_int_equal(ask(0, "first"), HTTP_PARKED);
    sem_wait(&begun);
    assert_int_equal(ask(1, "second"), HTTP_PARKED);
    sem_wait(&begun);
    for (int i = 2; i < 6; i++)
        assert_int_equal(ask(i, "greedy"), HTTP_PARKED);
    assert_int_equal(ask(6, "modest"), HTTP_PARKED);
    for (int i = 0; i < 7; i++)
        sem_post(&go_on);
    for (int i = 0; i < 7; i++)
        sem_wait(&answered);
    int place = 2;
    while (order[place] != &exchanges[6])
        place++;
    assert_in_range(place, 2, 4); /* not after the four */
    assert_int_equal(ran, 7);
}

static void one_key_cannot_fill_the_queue(void **state)
{
    (void)state;
    int count = 0;
    while (ask(count, "greedy") == HTTP_PARKED)
        count++;
    assert_in_range(count, SLOW_READS_OF_A_KEY, SLOW_READS_OF_A_KEY + 1); /* one may run */
    assert_int_equal(exchanges[count].response.status, 429);
    assert_non_null(strstr(exchanges[count].response.headers.data, "Retry-After: 1\r\n"));
    assert_int_equal(ask(count + 1, "other"), HTTP_PARKED);
}

static void all_keys_together_have_a_limit(void **state)
{
    (void)state;
    int count = 0;
    char key[SECRET_ID_SIZE];
    do
        snprintf(key, sizeof(key), "key-%d", count % 1000);
    while (ask(count, key) == HTTP_PARKED && ++count < MOST);
    assert_in_range(count, SLOW_READS_WAITING, SLOW_READS_WAITING + 2); /* two may run */
    assert_int_equal(exchanges[count].response.status, 503);
}

static void a_read_that_has_waited_too_long_is_answered_503(void **state)
{
    (void)state;
    strcpy(exchanges[1].key_id, "second");
    exchanges[1].arrived_at_us = clock_monotonic_us() - (settings.store_timeout_ms + 1000) * 1000;
    assert_int_equal(slow_reads_run(reads, &exchanges[1], handle), HTTP_PARKED);
    sem_wait(&answered);
    assert_int_equal(exchanges[1].response.status, 503);
    assert_non_null(strstr(exchanges[1].response.body.data, "\"store_busy\""));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

UNIT_TESTS(TEST(one_key_never_has_all_threads), TEST(keys_take_turns),
           TEST(one_key_cannot_fill_the_queue), TEST(all_keys_together_have_a_limit),
           TEST(a_read_that_has_waited_too_long_is_answered_503))
