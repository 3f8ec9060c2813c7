/* Migrations up and down, with a schema made for the test. */
#include "common/store/sqlite/schema.h"
#include "tests/unit/unit.h"

static const char *const migrations[] = {
    "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "INSERT INTO note VALUES (1, 'kept')",
    "ALTER TABLE note ADD COLUMN colour TEXT; UPDATE note SET colour = 'red'",
    "CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT",
};
static const char *const broken_migrations[] = {
    "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "INSERT INTO note VALUES (1, 'kept')",
    "ALTER TABLE note ADD COLUMN colour TEXT; INSERT INTO nothing VALUES (1)",
};
static const char *const ways_back[] = {NULL, NULL, "ALTER TABLE note DROP COLUMN colour",
                                        "DROP TABLE other"};
static const struct schema first = {1, migrations, ways_back};
static const struct schema third = {3, migrations, ways_back};
static const struct schema broken = {2, broken_migrations, ways_back};

static int setup(void **state)
{
    return sqlite3_open(":memory:", (sqlite3 **)state);
}

static int teardown(void **state)
{
    return sqlite3_close(*state);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    int64_t number = -1;
    assert_true(schema_query_number(db, sql, &number));
    return number;
}

static bool migrate(sqlite3 *db, const struct schema *schema)
{
    char problem[STORE_ERROR_SIZE] = "";
    return schema_migrate(db, schema, problem);
}

static void an_older_database_becomes_the_newest_and_keeps_its_rows(void **state)
{
    sqlite3 *db = *state;
    assert_true(migrate(db, &first));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_true(migrate(db, &third));
    assert_int_equal(number(db, "PRAGMA user_version"), 3);
    assert_int_equal(number(db, "SELECT count(*) FROM note WHERE text = 'kept' AND colour = 'red'"),
                     1);
    assert_int_equal(number(db, "SELECT count(*) FROM other"), 0);
    assert_true(migrate(db, &third)); /* it runs only once */
}

static void a_migrated_database_is_as_a_new_one(void **state)
{
    static const char columns[] =
        "SELECT sum(length(name) * (cid + 1)) FROM pragma_table_info('note')";
    sqlite3 *db = *state, *fresh = NULL;
    assert_int_equal(sqlite3_open(":memory:", &fresh), SQLITE_OK);
    assert_true(migrate(db, &first));
    assert_true(migrate(db, &third));
    assert_true(migrate(fresh, &third));
    assert_int_equal(number(db, columns), number(fresh, columns));
    assert_int_equal(number(db, "PRAGMA application_id"), number(fresh, "PRAGMA application_id"));
    assert_int_equal(sqlite3_close(fresh), SQLITE_OK);
}

static void the_newest_goes_back_and_forth(void **state)
{
    sqlite3 *db = *state;
    char problem[STORE_ERROR_SIZE] = "";
    assert_true(migrate(db, &third));
    assert_true(schema_migrate_back(db, &third, 1, problem));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_table_info('note')"), 2);
    assert_int_equal(number(db, "SELECT count(*) FROM note WHERE text = 'kept'"), 1);
    assert_true(migrate(db, &third));
    assert_int_equal(number(db, "PRAGMA user_version"), 3);
}

static void there_is_no_way_back_beyond_the_last_that_has_one(void **state)
{
    sqlite3 *db = *state;
    char problem[STORE_ERROR_SIZE] = "";
    assert_true(migrate(db, &third));
    assert_false(schema_migrate_back(db, &third, 0, problem));
    assert_non_null(strstr(problem, "no way back"));
    assert_int_equal(number(db, "PRAGMA user_version"), 3); /* nothing has changed */
    assert_false(schema_migrate_back(db, &third, 4, problem));
    assert_non_null(strstr(problem, "which is older"));
}

static void a_newer_database_is_refused(void **state)
{
    sqlite3 *db = *state;
    char problem[STORE_ERROR_SIZE] = "";
    int64_t version;
    assert_true(migrate(db, &third));
    assert_false(schema_read_version(db, &first, &version, problem));
    assert_non_null(strstr(problem, "version 3"));
    assert_false(migrate(db, &first));
}

static void a_migration_that_fails_leaves_the_version_before_it(void **state)
{
    sqlite3 *db = *state;
    assert_false(migrate(db, &broken));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_table_info('note')"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

UNIT_TESTS(TEST(an_older_database_becomes_the_newest_and_keeps_its_rows),
           TEST(a_migrated_database_is_as_a_new_one), TEST(the_newest_goes_back_and_forth),
           TEST(there_is_no_way_back_beyond_the_last_that_has_one),
           TEST(a_newer_database_is_refused),
           TEST(a_migration_that_fails_leaves_the_version_before_it))
