/* Which writes share the next transaction: batches of messages and other writes take turns. */
#include "common/store/write_queue.h"
#include "tests/unit/unit.h"

static struct write_queue queue;
static struct store_write *taken[16];

static struct store_write batch_of(size_t count)
{
    return (struct store_write){.verb = STORE_ENQUEUE_BATCH, .enqueue_batch.count = count};
}

/* The number that was taken; negative: of batches. */
static int take(int64_t now_us)
{
    bool are_batches;
    size_t count = write_queue_take(&queue, taken, ARRAY_LENGTH(taken), now_us, &are_batches);
    return are_batches ? -(int)count : (int)count;
}

static void add(struct store_write *write)
{
    assert_int_equal(write_queue_add(&queue, write, 0), ERROR_NONE);
}

static void batches_alone_do_not_pause(void **state)
{
    struct store_write first = batch_of(10000), second = batch_of(10000);
    (void)state;
    write_queue_init(&queue);
    assert_int_equal(write_queue_due_us(&queue), INT64_MAX);
    add(&first);
    add(&second);
    assert_int_equal(take(1000), -1);
    write_queue_end(&queue, 2000);
    assert_int_equal(write_queue_due_us(&queue), 0);
    assert_int_equal(take(2000), -1);
    assert_ptr_equal(taken[0], &second);
    write_queue_end(&queue, 3000);
    assert_int_equal(write_queue_due_us(&queue), INT64_MAX);
}

static void small_batches_share_a_transaction(void **state)
{
    struct store_write batches[4] = {batch_of(1000), batch_of(1000), batch_of(1000), batch_of(1)};
    (void)state;
    write_queue_init(&queue);
    for (size_t i = 0; i < ARRAY_LENGTH(batches); i++)
        add(&batches[i]);
    assert_int_equal(take(0), -2);
    assert_int_equal(take(0), -2);
}

static void a_batch_pauses_while_other_writes_come(void **state)
{
    struct store_write first = batch_of(10000), second = batch_of(10000);
    struct store_write others[3] = {
        {.verb = STORE_ENQUEUE}, {.verb = STORE_PROBE}, {.verb = STORE_CANCEL}};
    (void)state;
    write_queue_init(&queue);
    add(&first);
    add(&second);
    assert_int_equal(take(1000), -1);
    add(&others[0]);
    write_queue_end(&queue, 2000);
    assert_int_equal(write_queue_due_us(&queue), 0); /* for the other one */
    assert_int_equal(take(2000), 1);
    write_queue_end(&queue, 2100);
    assert_int_equal(write_queue_due_us(&queue), 4000);
    add(&others[1]);
    assert_int_equal(write_queue_due_us(&queue), 0);
    assert_int_equal(take(3000), 1);
    write_queue_end(&queue, 3100);
    add(&others[2]);
    assert_int_equal(take(4000), -1); /* its turn, although another one waits */
    write_queue_end(&queue, 5000);
    assert_int_equal(take(5000), 1);
    assert_int_equal(write_queue_due_us(&queue), INT64_MAX);
}

/* The time goes on while the machine is suspended. */
static void a_suspension_during_a_batch_is_no_reason_for_a_long_pause(void **state)
{
    enum { SECOND_US = 1000000, HOUR_S = 3600 };
    struct store_write first = batch_of(10000), second = batch_of(10000),
                       other = {.verb = STORE_ENQUEUE};
    const int64_t end_us = (int64_t)HOUR_S * SECOND_US;
    (void)state;
    write_queue_init(&queue);
    add(&first);
    add(&second);
    assert_int_equal(take(1000), -1);
    add(&other);
    write_queue_end(&queue, end_us);
    assert_int_equal(take(end_us), 1);
    write_queue_end(&queue, end_us);
    assert_in_range(write_queue_due_us(&queue), end_us, end_us + 10 * SECOND_US);
}

static void many_batches_take_turns_without_a_pause(void **state)
{
    struct store_write batches[6], others[2] = {{.verb = STORE_ENQUEUE}, {.verb = STORE_ENQUEUE}};
    (void)state;
    write_queue_init(&queue);
    for (size_t i = 0; i < ARRAY_LENGTH(batches); i++) {
        batches[i] = batch_of(10000);
        add(&batches[i]);
    }
    add(&others[0]);
    assert_int_equal(take(1000), -1);
    write_queue_end(&queue, 2000);
    assert_int_equal(take(2000), 1);
    write_queue_end(&queue, 2100);
    add(&others[1]);
    assert_int_equal(take(2100), -1);
    write_queue_end(&queue, 3100);
    assert_int_equal(take(3100), 1);
}

UNIT_TESTS(cmocka_unit_test(batches_alone_do_not_pause),
           cmocka_unit_test(small_batches_share_a_transaction),
           cmocka_unit_test(a_batch_pauses_while_other_writes_come),
           cmocka_unit_test(a_suspension_during_a_batch_is_no_reason_for_a_long_pause),
           cmocka_unit_test(many_batches_take_turns_without_a_pause))
