/* Which stores share a memory database, and how long it lives. */
#include "common/store/store.h"
#include "tests/unit/unit.h"

static struct store *open_store(const char *dsn)
{
    struct store *store;
    char problem[STORE_ERROR_SIZE] = "";
    struct store_options options = {.dsn = dsn, .timeout_ms = 2000};
    if (store_open(&options, &store, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    return store;
}

static void enqueue(struct store *store)
{
    struct message message = {.id = message_id_new(),
                              .phone_number = "+491511234567",
                              .text = (char[]){"text"},
                              .segments = 1};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(store, &write), ERROR_NONE);
}

static int64_t count_queued(struct store *store)
{
    struct store_reader *reader;
    struct store_statistics statistics;
    assert_int_equal(store_reader_open(store, &reader), ERROR_NONE);
    assert_int_equal(store_read_statistics(reader, 0, &statistics), ERROR_NONE);
    store_reader_close(reader);
    return statistics.messages[MESSAGE_QUEUED];
}

static void stores_of_one_name_share_until_the_last_is_closed(void **state)
{
    (void)state;
    struct store *first = open_store("memory:one"), *second = open_store("memory:one");
    struct store *other = open_store("memory:other");
    enqueue(first);
    enqueue(second);
    assert_int_equal(count_queued(first), 2);
    assert_int_equal(count_queued(second), 2);
    assert_int_equal(count_queued(other), 0);
    store_close(first);
    assert_int_equal(count_queued(second), 2);
    store_close(second);
    first = open_store("memory:one");
    assert_int_equal(count_queued(first), 0);
    store_close(first);
    store_close(other);
}

static void a_store_without_a_name_is_alone(void **state)
{
    (void)state;
    struct store *first = open_store("memory:"), *second = open_store("memory:");
    enqueue(first);
    assert_int_equal(count_queued(first), 1);
    assert_int_equal(count_queued(second), 0);
    store_close(first);
    store_close(second);
}

UNIT_TESTS(cmocka_unit_test(stores_of_one_name_share_until_the_last_is_closed),
           cmocka_unit_test(a_store_without_a_name_is_alone))
