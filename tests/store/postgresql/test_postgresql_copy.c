/* What a PostgreSQL database has goes into a file of SQLite and back; the real tool is in tests/integration/test_database_copy.py. */
#include "common/store/copy.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>
#include <unistd.h>

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

static int teardown(void **state)
{
    return is_postgresql() ? store_fixture_teardown(state) : 0;
}

static void remove_folder(const char *folder)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void messages_in_all_statuses_go_there_and_back(void **state)
{
    static struct store_copy copy;
    static const enum message_status ends[] = {MESSAGE_ACCEPTED, MESSAGE_SENDING, MESSAGE_SENT,
                                               MESSAGE_DELIVERED, MESSAGE_FAILED};
    char folder[] = "/tmp/sms-gateway-copy-XXXXXX", path[64], problem[STORE_ERROR_SIZE] = "";
    struct message_id ids[ARRAY_LENGTH(ends) + 1];
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.db", folder);
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
        ids[i] = given_message_in(fixture, ends[i]);
    ids[ARRAY_LENGTH(ends)] = given_message(fixture, "+491511234567", "it waits");

    store_fixture_close(fixture);
    if (store_copy(fixture->dsn, path, &copy, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    assert_int_equal(copy.tables[0].rows, ARRAY_LENGTH(ids));
    assert_int_equal(access(path, F_OK), 0);
    /* Not once more. */
    assert_int_equal(store_copy(fixture->dsn, path, &copy, problem), ERROR_STORE_UNAVAILABLE);
    assert_non_null(strstr(problem, "it was copied to"));

    postgresql_number(fixture->dsn, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    if (store_copy(path, fixture->dsn, &copy, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(copy.kept, F_OK), 0);
    store_fixture_open(fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
        assert_int_equal(stored_status(fixture, &ids[i]), ends[i]);
    assert_int_equal(count_messages(fixture), ARRAY_LENGTH(ids));
    assert_consistent(fixture);
    given_message(fixture, "+491511234567", "and one more");
    assert_consistent(fixture);
    remove_folder(folder);
}

UNIT_TESTS(cmocka_unit_test_setup_teardown(messages_in_all_statuses_go_there_and_back, setup,
                                           teardown))
