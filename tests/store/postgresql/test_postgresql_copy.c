/* What a PostgreSQL database has goes into a file of SQLite and back; the real tool is in tests/integration/test_database_copy.py. */
#include "common/store/copy.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

/* The next test has another database. */
static int teardown(void **state)
{
    if (!is_postgresql())
        return 0;
    const struct store_fixture *fixture = *state;
    postgresql_number(fixture->dsn, "DROP SCHEMA IF EXISTS pristine CASCADE");
    return store_fixture_teardown(state);
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

    postgresql_number(fixture->dsn,
                      "DROP SCHEMA IF EXISTS public, pristine CASCADE; CREATE SCHEMA public");
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

/* ---- What goes wrong ---- */

/* What the database has goes into a file, and the database is a new one. */
static void given_file(struct store_fixture *fixture, const char *path)
{
    static struct store_copy copy;
    char problem[STORE_ERROR_SIZE] = "";
    given_message(fixture, "+491511234567", "it waits");
    store_fixture_close(fixture);
    if (store_copy(fixture->dsn, path, &copy, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    postgresql_number(fixture->dsn,
                      "DROP SCHEMA IF EXISTS public, pristine CASCADE; CREATE SCHEMA public");
    store_fixture_open(fixture);
    store_fixture_close(fixture);
}

/* Both are as they were. */
static void assert_not_copied(struct store_fixture *fixture, const char *path, const char *why)
{
    static struct store_copy copy;
    char problem[STORE_ERROR_SIZE] = "";
    assert_int_equal(store_copy(path, fixture->dsn, &copy, problem), ERROR_STORE_UNAVAILABLE);
    if (!strstr(problem, why))
        fail_msg("%s", problem);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(postgresql_number(fixture->dsn, "SELECT count(*) FROM message"), 0);
}

/* A trigger of the target makes another text of each. */
static void a_copy_that_is_not_what_was_copied_is_undone(void **state)
{
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    given_file(fixture, fixture->path);
    postgresql_number(fixture->dsn, "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS"
                                    " $$ BEGIN NEW.text := 'changed'; RETURN NEW; END $$;"
                                    "CREATE TRIGGER change BEFORE INSERT ON message"
                                    " FOR EACH ROW EXECUTE FUNCTION change()");
    assert_not_copied(fixture, fixture->path, "the copy is not what was copied: 1 rows of 1");
}

/* Its name is too long for a longer one: had the target been committed before, both could be used. */
static void what_cannot_be_set_aside_is_not_copied(void **state)
{
    enum { LONGEST = 244 }; /* with the names of its locks */
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    char path[sizeof(fixture->folder) + LONGEST + 2];
    int length = snprintf(path, sizeof(path), "%s/", fixture->folder);
    memset(path + length, 'x', LONGEST);
    path[length + LONGEST] = '\0';
    given_file(fixture, fixture->path);
    assert_int_equal(rename(fixture->path, path), 0);
    assert_not_copied(fixture, path, "File name too long");
}

static void where_the_target_is_not_committed_the_source_is_taken_back(void **state)
{
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    given_file(fixture, fixture->path);
    postgresql_number(fixture->dsn, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                                    " $$ BEGIN RAISE EXCEPTION 'refused at the end'; END $$;"
                                    "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON removed_event"
                                    " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");
    assert_not_copied(fixture, fixture->path, "refused at the end");
}

/* It had no role, or had lost the session that held it, and did not know. */
static void a_process_that_stayed_connected_writes_nothing_more(void **state)
{
    static struct store_copy copy;
    char problem[STORE_ERROR_SIZE] = "";
    struct message_id id = message_id_new();
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    given_message(fixture, "+491511234567", "it waits");
    if (store_copy(fixture->dsn, fixture->path, &copy, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    assert_int_not_equal(enqueue_as(fixture, &id), ERROR_NONE);
    assert_int_equal(postgresql_number(fixture->dsn, "SELECT count(*) FROM message"), 1);
}

/* With '1' for each named parameter; two colons are a type's. */
static void fill_in(const char *sql, char *out)
{
    for (; *sql; sql++) {
        bool is_named = sql[0] == ':' && out[-1] != ':' && islower((unsigned char)sql[1]);
        if (!is_named) {
            *out++ = *sql;
            continue;
        }
        out = stpcpy(out, "'1'");
        while (islower((unsigned char)sql[1]) || sql[1] == '_')
            sql++;
    }
    *out = '\0';
}

/* It has looked at the schema just before. */
static void who_begins_at_that_moment_is_no_writer(void **state)
{
    static struct store_copy copy;
    char problem[STORE_ERROR_SIZE] = "", insert[1024] = " ";
    if (!is_postgresql())
        skip();
    struct store_fixture *fixture = *state;
    fill_in(postgresql_statement("INSERT_WRITER"), insert + 1);
    assert_true(postgresql_number(fixture->dsn, insert) > 0);
    store_fixture_close(fixture);
    if (store_copy(fixture->dsn, fixture->path, &copy, problem) != ERROR_NONE)
        fail_msg("%s", problem);
    assert_int_equal(postgresql_number(fixture->dsn, insert), 0);
}

#define COPY_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

UNIT_TESTS(COPY_TEST(messages_in_all_statuses_go_there_and_back),
           COPY_TEST(a_copy_that_is_not_what_was_copied_is_undone),
           COPY_TEST(what_cannot_be_set_aside_is_not_copied),
           COPY_TEST(where_the_target_is_not_committed_the_source_is_taken_back),
           COPY_TEST(a_process_that_stayed_connected_writes_nothing_more),
           COPY_TEST(who_begins_at_that_moment_is_no_writer))
