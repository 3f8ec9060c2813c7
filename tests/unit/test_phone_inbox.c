/* The simulated phone: SMS that it received, until the gateway has answered. */
#include "tests/phone-sim/inbox.h"
#include "tests/unit/unit.h"

static void put(struct inbox *inbox, unsigned number, uint64_t after)
{
    char text[] = "text";
    struct incoming incoming = {.text = text, .sender = "72000"};
    snprintf(incoming.received_id, sizeof(incoming.received_id), "%u", number);
    inbox_put(inbox, &incoming, after);
}

/* Writes all that may be written now; returns how many, and checks that they follow each other from `first`. */
static unsigned write_all(struct inbox *inbox, uint64_t durable, unsigned first, int64_t now_ms)
{
    unsigned count = 0;
    const struct incoming *next;
    for (; (next = inbox_next(inbox, durable)); count++) {
        assert_int_equal(atoi(next->received_id), first + count);
        assert_string_equal(next->text, "text");
        inbox_written(inbox, durable, now_ms);
    }
    return count;
}

static void nothing_is_sent_before_it_is_journaled(void **state)
{
    struct inbox inbox;
    (void)state;
    inbox_init(&inbox);
    assert_null(inbox_next(&inbox, UINT64_MAX));
    put(&inbox, 1, 7);
    put(&inbox, 2, 9);
    assert_int_equal(write_all(&inbox, 6, 1, 0), 0);
    assert_int_equal(write_all(&inbox, 8, 1, 0), 1);
    assert_int_equal(write_all(&inbox, 9, 2, 0), 1);
    inbox_fini(&inbox);
}

static void each_is_sent_until_it_is_answered(void **state)
{
    struct inbox inbox;
    (void)state;
    inbox_init(&inbox);
    for (unsigned i = 1; i <= 3; i++)
        put(&inbox, i, 0);
    assert_int_equal(write_all(&inbox, 0, 1, 0), 3);
    assert_non_null(inbox_find(&inbox, "1"));
    inbox_remove(&inbox, "1");
    inbox_remove(&inbox, "1"); /* an answer may come twice */
    assert_null(inbox_find(&inbox, "1"));
    inbox_on_disconnected(&inbox);
    assert_int_equal(write_all(&inbox, 0, 2, 1000), 2);
    assert_int_equal(inbox_write_again(&inbox, 1000 + INBOX_AGAIN_AFTER_MS - 1),
                     1000 + INBOX_AGAIN_AFTER_MS);
    assert_int_equal(write_all(&inbox, 0, 2, 0), 0);
    assert_int_equal(inbox_write_again(&inbox, 1000 + INBOX_AGAIN_AFTER_MS), INT64_MAX);
    assert_int_equal(write_all(&inbox, 0, 2, 0), 2);
    inbox_remove(&inbox, "2");
    inbox_remove(&inbox, "3");
    assert_int_equal(inbox.count, 0);
    assert_int_equal(inbox.unanswered, 0);
    inbox_fini(&inbox);
}

static void only_some_wait_for_an_answer_at_a_time(void **state)
{
    struct inbox inbox;
    (void)state;
    inbox_init(&inbox);
    for (unsigned i = 1; i <= INBOX_UNANSWERED + 5; i++)
        put(&inbox, i, 0);
    assert_int_equal(write_all(&inbox, 0, 1, 0), INBOX_UNANSWERED);
    inbox_remove(&inbox, "3");
    inbox_remove(&inbox, "17");
    assert_int_equal(write_all(&inbox, 0, INBOX_UNANSWERED + 1, 0), 2);
    inbox_fini(&inbox);
}

UNIT_TESTS(cmocka_unit_test(nothing_is_sent_before_it_is_journaled),
           cmocka_unit_test(each_is_sent_until_it_is_answered),
           cmocka_unit_test(only_some_wait_for_an_answer_at_a_time))
