/* Finished messages: erased, purged. */
#include "tests/store/store_fixture.h"

/* That many days ago. */
static struct message_id given_ended_ago(struct store_fixture *fixture, enum message_status status,
                                         int days)
{
    store_fixture_pass_ms(-days * (int64_t)DAY_MS);
    struct message_id id = given_ended(fixture, status);
    store_fixture_pass_ms(days * (int64_t)DAY_MS);
    return id;
}

static void a_finished_message_is_erased_and_no_other(void **state)
{
    struct store_fixture *fixture = *state;
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        if (status == MESSAGE_DISPATCHED || status == MESSAGE_EXPIRED || status == MESSAGE_UNKNOWN)
            continue;
        struct message_id id = given_ended(fixture, (enum message_status)status);
        struct store_write write = {.verb = STORE_ERASE};
        write.erase.id = id;
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        assert_int_equal(write.erase.erased, status >= MESSAGE_SENT);
        assert_int_equal(count_messages(fixture), status >= MESSAGE_SENT ? 0 : 1);
        if (status < MESSAGE_SENT) {
            store_fixture_teardown(state);
            store_fixture_setup(state);
            fixture = *state;
        }
        assert_consistent(fixture);
    }
    struct store_write write = {.verb = STORE_ERASE};
    write.erase.id = message_id_new();
    assert_int_equal(store_run(fixture->store, &write), ERROR_MESSAGE_NOT_FOUND);
}

static int64_t count_without_text(struct store_fixture *fixture)
{
    struct store_page page;
    int64_t count = 0;
    assert_int_equal(
        store_list_messages(fixture->reader, &(struct store_query){.limit = 100}, &page),
        ERROR_NONE);
    for (size_t i = 0; i < page.count; i++)
        count += *page.messages[i].text == '\0';
    store_page_fini(&page);
    return count;
}

static void texts_and_messages_are_purged_after_their_times(void **state)
{
    struct store_fixture *fixture = *state;
    static const struct {
        enum message_status status;
        int days;
    } messages[] = {{MESSAGE_DELIVERED, 100},
                    {MESSAGE_SENT, 40},
                    {MESSAGE_FAILED, 31},
                    {MESSAGE_DELIVERED, 29},
                    {MESSAGE_ACCEPTED, 200}};
    for (size_t i = 0; i < ARRAY_LENGTH(messages); i++)
        given_ended_ago(fixture, messages[i].status, messages[i].days);
    struct store_write write = given_purge(fixture, 30, 90, 10);
    assert_int_equal(write.purge.texts, 3); /* of 100, 40 and 31 days */
    assert_int_equal(write.purge.messages, 1);
    assert_false(write.purge.more);
    assert_int_equal(count_without_text(fixture), 2);
    assert_int_equal(count_messages_in(fixture, MESSAGE_ACCEPTED), 1);
    assert_consistent(fixture);
    write = given_purge(fixture, 0, 0, 10);
    assert_int_equal(write.purge.texts + write.purge.messages, 0);
}

/* Accepted long ago, reported late. */
static void a_message_is_as_old_as_its_last_change(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended_ago(fixture, MESSAGE_ACCEPTED, 100);
    store_fixture_pass_ms(-5 * (int64_t)DAY_MS);
    assert_int_equal(given_report(fixture, &id, "phone", MESSAGE_DELIVERED, NULL), ERROR_NONE);
    store_fixture_pass_ms(5 * (int64_t)DAY_MS);
    struct store_write write = given_purge(fixture, 10, 10, 10);
    assert_int_equal(write.purge.texts + write.purge.messages, 0);
    write = given_purge(fixture, 4, 4, 10);
    assert_int_equal(write.purge.texts, 1);
    assert_int_equal(write.purge.messages, 1);
    assert_consistent(fixture);
}

static void a_purge_has_a_limit_and_tells_whether_there_is_more(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 25; i++)
        given_ended_ago(fixture, MESSAGE_DELIVERED, 50);
    int texts = 0, messages = 0, rounds = 0;
    struct store_write write;
    do {
        write = given_purge(fixture, 10, 20, 10);
        assert_in_range(write.purge.texts, 0, 10);
        texts += (int)write.purge.texts;
        messages += (int)write.purge.messages;
        rounds++;
    } while (write.purge.more && rounds < 10);
    assert_int_equal(messages, 25);
    assert_int_equal(rounds, 3);
    assert_int_equal(count_messages(fixture), 0);
    assert_consistent(fixture);
}

UNIT_TESTS(STORE_TEST(a_finished_message_is_erased_and_no_other),
           STORE_TEST(texts_and_messages_are_purged_after_their_times),
           STORE_TEST(a_message_is_as_old_as_its_last_change),
           STORE_TEST(a_purge_has_a_limit_and_tells_whether_there_is_more))
