/* The space of purged messages is freed and overwritten. */
#include "tests/store/store_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

static const char number[] = "+491511234567";

static int64_t file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static void given_cancelled(struct store_fixture *fixture, const char *text, int count)
{
    for (int i = 0; i < count; i++)
        given_message(fixture, number, text);
    char sql[200];
    snprintf(sql, sizeof(sql),
             "UPDATE message SET status = %d, event_count = 2, updated_at_ms = 1, phase = 2, lane "
             "= NULL;"
             "UPDATE message_count SET count = CASE status WHEN %d THEN %d ELSE 0 END",
             MESSAGE_CANCELLED, MESSAGE_CANCELLED, count);
    execute(fixture->path, sql);
}

/* Purges until nothing is left to purge, and copies the log into the database. */
static void purge_all(struct store_fixture *fixture, int text_days, int message_days)
{
    int rounds = 0;
    while (given_purge(fixture, text_days, message_days, 256).purge.more && ++rounds < 1000)
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
    given_cancelled(fixture, text, 8000);
    assert_int_equal(number_of(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    int64_t before = file_bytes(fixture->path);
    purge_all(fixture, 0, -1); /* as if it were tomorrow */
    assert_int_equal(count_messages(fixture), 0);
    /* Some free space is kept for new messages. */
    int64_t after = file_bytes(fixture->path);
    assert_in_range(before, 12 << 20, 64 << 20);
    assert_in_range(after, 1, 9 << 20);
    assert_consistent(fixture);
}

/* No text is left in the file, its log or its free pages. */
static void a_removed_text_is_overwritten(void **state)
{
    struct store_fixture *fixture = *state;
    given_cancelled(fixture, "SECRET-OF-SOMEBODY", 1000);
    assert_int_equal(number_of(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    purge_all(fixture, 1, 0);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM message WHERE text <> ''"), 0);
    char command[256];
    snprintf(command, sizeof(command), "! grep -q SECRET-OF-SOMEBODY %s*", fixture->path);
    assert_int_equal(system(command), 0);
}

UNIT_TESTS(STORE_TEST(the_space_of_removed_messages_is_given_back),
           STORE_TEST(a_removed_text_is_overwritten))
