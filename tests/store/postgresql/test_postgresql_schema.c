/* The window of versions, and migrations, with a schema made for the test. */
#include "common/base/clock.h"
#include "common/store/postgresql/server_schema.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#define SAYS(version, compatible_from)                                                             \
    "; UPDATE schema_version SET version = " #version ", compatible_from = " #compatible_from

static const char *const migrations[] = {
    "CREATE TABLE schema_version (version integer, compatible_from integer);"
    "INSERT INTO schema_version VALUES (1, 1); CREATE TABLE message_state (seq bigint);"
    "INSERT INTO message_state VALUES (1)",
    "ALTER TABLE message_state ADD COLUMN colour text DEFAULT 'red'" SAYS(2, 1),
    "ALTER TABLE message_state DROP COLUMN colour" SAYS(3, 3),
    "CREATE TABLE other (id integer); SELECT 1 / 0" SAYS(4, 4),
};
static const char *const silent[] = {"CREATE TABLE schema_version (version integer,"
                                     " compatible_from integer); INSERT INTO schema_version"
                                     " VALUES (2, 1); CREATE TABLE message_state (seq bigint)"};
static const struct server_schema first = {1, migrations}, second = {2, migrations},
                                  third = {3, migrations}, broken = {4, migrations},
                                  unsaid = {1, silent};

struct fixture {
    char dsn[256];
    struct connection connection;
    char problem[STORE_ERROR_SIZE];
};

static int setup(void **state)
{
    static struct fixture fixture;
    if (!is_postgresql())
        return 0;
    fixture = (struct fixture){.connection.timeout_ms = 20000};
    postgresql_create(fixture.dsn, sizeof(fixture.dsn));
    *state = &fixture;
    return connection_open(
               &fixture.connection, fixture.dsn,
               /* The gateway's own tables, by one of which they are known, are not there meanwhile. */
               "ALTER TABLE public.message_state RENAME TO aside;"
               " ALTER TABLE pristine.message_state RENAME TO aside;"
               " CREATE SCHEMA IF NOT EXISTS made; SET search_path = made",
               clock_monotonic_ms() + 20000, fixture.problem)
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (!is_postgresql())
        return 0;
    connection_close(&fixture->connection);
    postgresql_number(fixture->dsn, "DROP SCHEMA made CASCADE;"
                                    " ALTER TABLE public.aside RENAME TO message_state;"
                                    " ALTER TABLE pristine.aside RENAME TO message_state");
    postgresql_drop(fixture->dsn);
    return 0;
}

#define SCHEMA_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

static bool migrate(struct fixture *fixture, const struct server_schema *schema)
{
    return server_schema_migrate(&fixture->connection, schema, "ws-broker, process 1 on here",
                                 false, fixture->problem);
}

static void assert_migrates(struct fixture *fixture, const struct server_schema *schema)
{
    if (!migrate(fixture, schema))
        fail_msg("%s", fixture->problem);
}

static void assert_refuses(struct fixture *fixture, const struct server_schema *schema,
                           const char *expected)
{
    assert_false(migrate(fixture, schema));
    if (!strstr(fixture->problem, expected))
        fail_msg("%s: not %s", fixture->problem, expected);
}

static void assert_number(const struct fixture *fixture, const char *sql, int64_t expected)
{
    assert_int_equal(postgresql_number(fixture->dsn, sql), expected);
}

static void an_older_database_becomes_the_newest_and_keeps_its_rows(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_migrates(fixture, &first);
    assert_migrates(fixture, &second);
    assert_number(fixture, "SELECT count(*) FROM made.message_state WHERE colour = 'red'", 1);
    assert_migrates(fixture, &third);
    assert_number(fixture, "SELECT version + 10 * compatible_from FROM made.schema_version", 33);
    assert_number(fixture, "SELECT count(*) FROM made.message_state", 1);
    assert_migrates(fixture, &third); /* once */
}

static void a_program_works_with_a_newer_schema_that_says_so(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_migrates(fixture, &second);
    assert_migrates(fixture, &first);
    assert_true(server_schema_check(&fixture->connection, &first, fixture->problem));
    assert_number(fixture, "SELECT version FROM made.schema_version", 2); /* it goes not back */
}

static void a_program_does_not_start_with_one_that_it_does_not_know(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_migrates(fixture, &third);
    assert_refuses(fixture, &second, "install a newer gateway");
    assert_false(server_schema_check(&fixture->connection, &second, fixture->problem));
    assert_true(server_schema_check(&fixture->connection, &third, fixture->problem));
}

static void a_migration_that_older_programs_do_not_know_needs_them_to_be_stopped(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_migrates(fixture, &first);
    void *older = postgresql_open(fixture->dsn,
                                  "SET application_name = 'api-fcgi, process 7 on there';"
                                  "SELECT pg_advisory_lock(72362, 1)");
    assert_migrates(fixture, &second);
    assert_refuses(fixture, &third, "api-fcgi, process 7 on there");
    assert_number(fixture, "SELECT version FROM made.schema_version", 2);
    assert_number(fixture, "SELECT count(colour) FROM made.message_state", 1);
    postgresql_close(older, "SELECT 1");
    /* The one that migrates has the lock of its role, too. */
    void *own = postgresql_open(fixture->dsn,
                                "SET application_name = 'ws-broker, process 1 on here';"
                                "SELECT pg_advisory_lock(72362, 2)");
    while (!migrate(fixture, &third)) /* the server ends the other session in its own time */
        assert_non_null(strstr(fixture->problem, "process 7"));
    postgresql_close(own, "SELECT 1");
}

static void a_migration_that_fails_leaves_the_database_as_it_was(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_migrates(fixture, &third);
    assert_refuses(fixture, &broken, "division by zero");
    assert_number(fixture, "SELECT version FROM made.schema_version", 3);
    assert_number(fixture, "SELECT count(*) FROM pg_tables WHERE tablename = 'other'", 0);
    assert_migrates(fixture, &third);
}

static void a_migration_says_what_it_makes(void **state)
{
    need_postgresql();
    struct fixture *fixture = *state;
    assert_refuses(fixture, &unsaid, "do not say what they have made");
    assert_number(fixture, "SELECT count(*) FROM pg_tables WHERE schemaname = 'made'", 0);
}

UNIT_TESTS(SCHEMA_TEST(an_older_database_becomes_the_newest_and_keeps_its_rows),
           SCHEMA_TEST(a_program_works_with_a_newer_schema_that_says_so),
           SCHEMA_TEST(a_program_does_not_start_with_one_that_it_does_not_know),
           SCHEMA_TEST(a_migration_that_older_programs_do_not_know_needs_them_to_be_stopped),
           SCHEMA_TEST(a_migration_that_fails_leaves_the_database_as_it_was),
           SCHEMA_TEST(a_migration_says_what_it_makes))
