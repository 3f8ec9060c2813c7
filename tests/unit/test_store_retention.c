/* Messages at their end: sent once more, erased, purged; and the space that gives back. */
#include "tests/unit/store_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

static const char number[] = "+491511234567";

/* A message with that end, through one phone's hands. */
static struct message_id given_ended(struct store_fixture *fixture, enum message_status status)
{
    struct message_id id = given_message(fixture, number, "a text");
    if (status == MESSAGE_CANCELLED) {
        struct store_write write = {.verb = STORE_CANCEL};
        write.cancel.id = id;
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    } else if (status != MESSAGE_QUEUED) {
        assert_int_equal(given_hand_over(fixture, (const char *const[]){"phone"}, 1), 1);
        if (status != MESSAGE_ACCEPTED)
            assert_int_equal(given_report(fixture, &id, "phone", status, NULL), ERROR_NONE);
    }
    assert_int_equal(stored_status(fixture, &id), status);
    return id;
}

/* As if everything had happened so many days ago. */
static void given_age(struct store_fixture *fixture, const struct message_id *id, int days)
{
    char sql[800];
    struct message message = stored(fixture, id);
    message_fini(&message);
    int64_t at_ms = message.updated_at_ms - days * INT64_C(86400000);
    struct message_id old = message_id_first_at(at_ms);
    memcpy(old.bytes + 6, id->bytes + 6, MESSAGE_ID_BYTES - 6);
    char before[33] = "", after[33] = "";
    for (int i = 0; i < MESSAGE_ID_BYTES; i++) {
        sprintf(before + 2 * i, "%02X", id->bytes[i]);
        sprintf(after + 2 * i, "%02X", old.bytes[i]);
    }
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO message_event SELECT %lld, number, e.status, e.attempt, e.device_id,"
        " e.error_code, e.error_message, at_ms FROM message_event AS e JOIN message"
        " ON seq = message_seq WHERE id = x'%s';"
        "DELETE FROM message_event WHERE message_seq = (SELECT seq FROM message WHERE id = x'%s');"
        "UPDATE message SET updated_at_ms = %lld, id = x'%s', seq = %lld WHERE id = x'%s'",
        (long long)message_id_seq(&old), before, before, (long long)at_ms, after,
        (long long)message_id_seq(&old), before);
    execute(fixture->path, sql);
}

static struct store_write purge(struct store_fixture *fixture, int text_days, int message_days,
                                int64_t limit)
{
    int64_t now_ms = number_of(fixture, "SELECT unixepoch() * 1000");
    struct store_write write = {.verb = STORE_PURGE};
    write.purge.text_before_ms = text_days ? now_ms - text_days * INT64_C(86400000) : 0;
    write.purge.message_before_ms = message_days ? now_ms - message_days * INT64_C(86400000) : 0;
    write.purge.limit = limit;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write;
}

static struct store_write requeue(struct store_fixture *fixture, const struct message_id *id,
                                  bool again)
{
    struct store_write write = {.verb = STORE_REQUEUE};
    write.requeue.id = *id;
    write.requeue.new_id = message_id_new();
    write.requeue.again = again;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write;
}

static void the_counts_are_those_of_the_rows(struct store_fixture *fixture)
{
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message_count AS c WHERE c.count <>"
                                        " (SELECT count(*) FROM message AS m"
                                        " WHERE m.status = c.status)"),
                     0);
    assert_int_equal(number_of(fixture,
                               "SELECT count(*) FROM message_event WHERE message_seq NOT IN"
                               " (SELECT seq FROM message)"),
                     0);
}

static void what_came_to_nothing_is_sent_once_more(void **state)
{
    struct store_fixture *fixture = *state;
    static const enum message_status ends[] = {MESSAGE_FAILED, MESSAGE_CANCELLED};
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        struct message_id id = given_ended(fixture, ends[i]);
        struct store_write first = requeue(fixture, &id, false);
        assert_int_equal(first.requeue.outcome, STORE_REQUEUED);
        struct message again = stored(fixture, &first.requeue.new_id);
        assert_string_equal(again.text, "a text");
        assert_string_equal(again.phone_number, number);
        assert_int_equal(again.status, MESSAGE_QUEUED);
        assert_int_equal(again.segments, 1);
        message_fini(&again);
        assert_int_equal(stored_status(fixture, &id), ends[i]);

        struct store_write second = requeue(fixture, &id, false);
        assert_int_equal(second.requeue.outcome, STORE_REQUEUE_DONE);
        assert_memory_equal(&second.requeue.new_id, &first.requeue.new_id, MESSAGE_ID_BYTES);
        struct store_write third = requeue(fixture, &id, true);
        assert_int_equal(third.requeue.outcome, STORE_REQUEUED);
    }
    the_counts_are_those_of_the_rows(fixture);
}

static void what_was_sent_or_may_be_is_not_sent_once_more(void **state)
{
    struct store_fixture *fixture = *state;
    static const enum message_status others[] = {MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED,
                                                 MESSAGE_ACCEPTED, MESSAGE_QUEUED};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct message_id id = given_ended(fixture, others[i]);
        assert_int_equal(requeue(fixture, &id, true).requeue.outcome, STORE_REQUEUE_NOT_ENDED);
    }
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), ARRAY_LENGTH(others));
    struct store_write write = {.verb = STORE_REQUEUE};
    write.requeue.id = message_id_new();
    assert_int_equal(store_run(fixture->store, &write), ERROR_MESSAGE_NOT_FOUND);
}

static void a_message_whose_text_is_gone_cannot_be_sent_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended(fixture, MESSAGE_FAILED);
    struct message_id old = id;
    execute(fixture->path, "UPDATE message SET updated_at_ms = 1");
    assert_int_equal(purge(fixture, 1, 0, 10).purge.texts, 1);
    assert_int_equal(requeue(fixture, &old, false).requeue.outcome, STORE_REQUEUE_NO_TEXT);
}

static void a_message_at_its_end_is_erased_and_no_other(void **state)
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
        assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"),
                         status >= MESSAGE_SENT ? 0 : 1);
        if (status < MESSAGE_SENT) {
            store_fixture_teardown(state);
            store_fixture_setup(state);
            fixture = *state;
        }
        the_counts_are_those_of_the_rows(fixture);
    }
    struct store_write write = {.verb = STORE_ERASE};
    write.erase.id = message_id_new();
    assert_int_equal(store_run(fixture->store, &write), ERROR_MESSAGE_NOT_FOUND);
}

static void texts_go_after_their_time_and_messages_after_theirs(void **state)
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
    for (size_t i = 0; i < ARRAY_LENGTH(messages); i++) {
        struct message_id id = given_ended(fixture, messages[i].status);
        given_age(fixture, &id, messages[i].days);
    }
    struct store_write write = purge(fixture, 30, 90, 10);
    assert_int_equal(write.purge.texts, 3); /* of 100, 40 and 31 days */
    assert_int_equal(write.purge.messages, 1);
    assert_false(write.purge.more);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message WHERE text = ''"), 2);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message WHERE status = 2"), 1);
    the_counts_are_those_of_the_rows(fixture);
    write = purge(fixture, 0, 0, 10);
    assert_int_equal(write.purge.texts + write.purge.messages, 0);
}

/* It was accepted long ago, and its phone reported late. */
static void a_message_is_as_old_as_its_last_change(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given_ended(fixture, MESSAGE_DELIVERED);
    given_age(fixture, &id, 100);
    execute(fixture->path, "UPDATE message SET updated_at_ms = unixepoch() * 1000 - 5 * 86400000");
    struct store_write write = purge(fixture, 10, 10, 10);
    assert_int_equal(write.purge.texts + write.purge.messages, 0);
    write = purge(fixture, 4, 4, 10);
    assert_int_equal(write.purge.texts, 1);
    assert_int_equal(write.purge.messages, 1);
    the_counts_are_those_of_the_rows(fixture);
}

static void a_purge_takes_so_many_at_once_and_says_that_there_are_more(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 25; i++) {
        struct message_id id = given_ended(fixture, MESSAGE_DELIVERED);
        given_age(fixture, &id, 50);
    }
    int texts = 0, messages = 0, rounds = 0;
    struct store_write write;
    do {
        write = purge(fixture, 10, 20, 10);
        assert_in_range(write.purge.texts, 0, 10);
        texts += (int)write.purge.texts;
        messages += (int)write.purge.messages;
        rounds++;
    } while (write.purge.more && rounds < 10);
    assert_int_equal(messages, 25);
    assert_int_equal(rounds, 3);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), 0);
    the_counts_are_those_of_the_rows(fixture);
}

static int64_t file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static void given_many_cancelled(struct store_fixture *fixture, const char *text, int count)
{
    for (int i = 0; i < count; i++)
        given_message(fixture, number, text);
    char sql[160];
    snprintf(sql, sizeof(sql),
             "UPDATE message SET status = %d, event_count = 2, updated_at_ms = 1;"
             "UPDATE message_count SET count = CASE status WHEN %d THEN %d ELSE 0 END",
             MESSAGE_CANCELLED, MESSAGE_CANCELLED, count);
    execute(fixture->path, sql);
}

/* Purges until nothing is left to do, and brings the log home. */
static void purge_all(struct store_fixture *fixture, int text_days, int message_days)
{
    int rounds = 0;
    while (purge(fixture, text_days, message_days, 256).purge.more && ++rounds < 1000)
        ;
    assert_in_range(rounds, 1, 999);
    assert_int_equal(number_of(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
}

static void the_space_of_removed_messages_is_given_back(void **state)
{
    struct store_fixture *fixture = *state;
    char text[1500];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    given_many_cancelled(fixture, text, 8000);
    assert_int_equal(number_of(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    int64_t before = file_bytes(fixture->path);
    purge_all(fixture, 0, -1); /* tomorrow */
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message"), 0);
    /* A part worth keeping stays, for new messages. */
    int64_t after = file_bytes(fixture->path);
    assert_in_range(before, 12 << 20, 64 << 20);
    assert_in_range(after, 1, 9 << 20);
    the_counts_are_those_of_the_rows(fixture);
}

/* No text is left in the file, its log or its free pages. */
static void a_removed_text_is_overwritten(void **state)
{
    struct store_fixture *fixture = *state;
    given_many_cancelled(fixture, "SECRET-OF-SOMEBODY", 1000);
    assert_int_equal(number_of(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    purge_all(fixture, 1, 0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message WHERE text <> ''"), 0);
    char command[256];
    snprintf(command, sizeof(command), "! grep -q SECRET-OF-SOMEBODY %s*", fixture->path);
    assert_int_equal(system(command), 0);
}

#define STORE_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)

UNIT_TESTS(STORE_TEST(what_came_to_nothing_is_sent_once_more),
           STORE_TEST(what_was_sent_or_may_be_is_not_sent_once_more),
           STORE_TEST(a_message_whose_text_is_gone_cannot_be_sent_again),
           STORE_TEST(a_message_at_its_end_is_erased_and_no_other),
           STORE_TEST(texts_go_after_their_time_and_messages_after_theirs),
           STORE_TEST(a_message_is_as_old_as_its_last_change),
           STORE_TEST(a_purge_takes_so_many_at_once_and_says_that_there_are_more),
           STORE_TEST(the_space_of_removed_messages_is_given_back),
           STORE_TEST(a_removed_text_is_overwritten))
