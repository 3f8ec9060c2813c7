/* Opening a PostgreSQL database: what is refused, with a sentence that says what to do; and every statement. */
#include "common/base/clock.h"
#include "common/store/postgresql/connection.h"
#include "common/store/postgresql/partitions.h"
#include "common/store/postgresql/server_clock.h"
#include "common/store/postgresql/session_setup.h"
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

static int teardown(void **state)
{
    return is_postgresql() ? store_fixture_teardown(state) : 0;
}

#define OPEN_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

static void assert_refused(struct store_options options, const char *expected)
{
    char problem[STORE_ERROR_SIZE] = "";
    struct store *store;
    options.timeout_ms = 2000;
    assert_int_equal(store_open(&options, &store, problem), ERROR_STORE_UNAVAILABLE);
    if (!strstr(problem, expected))
        fail_msg("%s: not %s", problem, expected);
}

static void what_is_no_database_of_a_gateway_is_refused(void **state)
{
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"UPDATE schema_version SET version = 1000, compatible_from = 1000",
         "install a newer gateway"},
        {"DROP TABLE schema_version", "give the gateway a database of its own"},
    };
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        postgresql_number(fixture->dsn, cases[i].sql);
        assert_refused(fixture->options, cases[i].expected);
    }
    postgresql_number(fixture->dsn, "DROP SCHEMA public, pristine CASCADE; CREATE SCHEMA public");
    struct store_options options = fixture->options;
    options.must_exist = true;
    assert_refused(options, "it is empty");
}

static void a_url_that_leads_nowhere_is_refused(void **state)
{
    (void)state;
    need_postgresql();
    assert_refused(
        (struct store_options){.dsn = "postgresql://nobody@/none?host=/tmp/no-such-folder"},
        "No such file");
    assert_refused((struct store_options){.dsn = "postgres://?nonsense=1"}, "nonsense");
}

/* While the first is open, and until then. */
static void a_role_has_one_process(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    char problem[STORE_ERROR_SIZE] = "";
    struct store *first, *again;
    fixture->options.role = "ws-broker";
    assert_int_equal(store_open(&fixture->options, &first, problem), ERROR_NONE);
    assert_refused(fixture->options, "there is only one ws-broker on");
    store_close(first);
    assert_int_equal(store_open(&fixture->options, &again, problem), ERROR_NONE);
    store_close(again);
    fixture->options.role = NULL;
}

/* Two gateways on one server: each has the locks of its own database. */
static void the_process_that_has_the_role_is_named(void **state)
{
#define LOCK "SELECT pg_advisory_lock(72362, hashtext('ws-broker@alpha')); SET application_name = "
    need_postgresql();
    struct store_fixture *fixture = *state;
    struct store_options options = fixture->options;
    void *other = postgresql_open(getenv("STORE_DSN"), LOCK "'the neighbour'");
    void *session = postgresql_open(fixture->dsn, LOCK "'ws-broker number 17'");
    options.role = "ws-broker";
    options.node = "alpha";
    assert_refused(options, "ws-broker number 17 has it open");
    postgresql_close(session, "SELECT pg_advisory_unlock_all()");
    postgresql_close(other, "SELECT pg_advisory_unlock_all()");
}

/* ---- Every statement ---- */

static const char *const statements[] = {
#define STATEMENT(id, use, sql) sql,
#include "common/store/postgresql/statements.def"
#undef STATEMENT
};

/* Raises an exception where a plan has `wrong` or not what is `expected`, whatever the parameters are. */
#define CHECK_PLAN                                                                                 \
    "; CREATE OR REPLACE FUNCTION pg_temp.check_plan(call text, wrong text, expected text) "       \
    "RETURNS void"                                                                                 \
    " LANGUAGE plpgsql AS $f$ DECLARE line text; plan text := ''; BEGIN"                           \
    " FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE ' || call"                                  \
    " LOOP plan := plan || E'\\n' || line; END LOOP; IF plan ~ wrong OR plan !~ expected THEN"     \
    " RAISE EXCEPTION 'not by %: %', expected, plan; END IF; END $f$;\n"
#define ANY_TABLE_THAT_GROWS                                                                       \
    "Seq Scan on (message|message_state|message_event\\w*|incoming|batch)\\M"

/* ":name" becomes "$1", each a parameter of its own: that they agree where they are one is checked when they are used. */
static char *prepare(const char *sql, const char *expected, char *out)
{
    bool quoted = false;
    int count = 0;
    out += sprintf(out, "PREPARE one AS ");
    for (; *sql; sql++) {
        quoted ^= *sql == '\'';
        if (quoted || *sql != ':' || sql[1] < 'a' || sql[1] > 'z') {
            *out++ = *sql;
            if (*sql == ':')
                *out++ = *++sql;
            continue;
        }
        out += sprintf(out, "$%d", ++count);
        sql += strspn(sql + 1, "abcdefghijklmnopqrstuvwxyz_");
    }
    out += sprintf(out, "; SELECT pg_temp.check_plan('one%s", count > 0 ? "(" : "");
    for (int i = 0; i < count; i++)
        out += sprintf(out, "NULL%s", i + 1 < count ? "," : ")");
    return out + sprintf(out, "', '" ANY_TABLE_THAT_GROWS "', '%s'); DEALLOCATE one;\n", expected);
}

static bool is_preparable(const char *sql)
{
    return strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "INSERT", 6) == 0 ||
           strncmp(sql, "UPDATE", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 ||
           strncmp(sql, "WITH", 4) == 0;
}

static char *begin_checks(size_t text_length, char **end)
{
    char *checks = malloc(SESSION_SETUP_SIZE + sizeof(CHECK_PLAN) + text_length);
    session_setup_write(checks, 20000);
    *end = stpcpy(checks + strlen(checks), CHECK_PLAN);
    return checks;
}

static void the_server_understands_every_statement_and_has_an_index_for_it(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    size_t length = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(statements); i++)
        length += 4 * strlen(statements[i]) + 256;
    char *end, *all = begin_checks(length, &end);
    for (size_t i = 0; i < ARRAY_LENGTH(statements); i++) {
        if (is_preparable(statements[i]))
            end = prepare(statements[i], "", end);
    }
    postgresql_number(fixture->dsn, all);
    free(all);
}

/* The filters of lists, what a claim asks, and retention: each by its own index, not by the one of all messages. */
static void what_is_asked_of_many_messages_has_an_index_of_its_own(void **state)
{
    static const struct {
        const char *statement, *index;
    } cases[] = {
        {"OLDER_BY_NUMBER", "message_by_phone_number.*message_queued"},
        {"NEWER_BY_NUMBER", "message_by_phone_number.*message_queued"},
        {"COUNT_BY_NUMBER", "message_by_phone_number.*message_queued"},
        {"LIST_IN_FLIGHT_TO", "message_by_phone_number"},
        {"LIST_QUEUED_TO", "message_queued.*message_by_phone_number"},
        {"FIND_QUEUED_AFTER", "message_queued"},
        {"FIND_LAST_DEVICE", "message_by_phone_number"},
        {"LIST_DUE_AND_LAST", "message_queued.*message_by_phone_number"},
        {"LIST_DUE", "message_queued"},
        {"LIST_LANE", "message_in_lane"},
        {"LIST_WAITED", "message_waiting"},
        {"LIST_RETRIED", "message_retried"},
        {"LIST_EXPIRED", "message_expiring"},
        {"LIST_SILENT", "message_in_flight"},
        {"REMOVE_TEXTS", "message_with_text"},
        {"POLL_CANCEL_REQUESTS", "message_to_cancel"},
        {"OLDER_BY_DEVICE", "message_by_device"},
        {"OLDER_BY_BATCH", "message_by_batch"},
        {"OLDER_BY_REFERENCE", "message_by_reference"},
        {"OLDER_BY_GROUP", "message_by_group"},
    };
    need_postgresql();
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *sql = postgresql_statement(cases[i].statement);
        char *end, *check = begin_checks(4 * strlen(sql) + 256, &end);
        prepare(sql, cases[i].index, end);
        postgresql_number(fixture->dsn, check);
        free(check);
    }
}

/* An operator's settings for other programs. With one a session at rest would be ended, with another no COMMIT would warn that a standby
   was not waited for. */
static void a_session_takes_nothing_from_its_role_that_could_harm_it(void **state)
{
    static const char *const wanted[][2] = {
        {"idle_session_timeout", "0"}, {"client_min_messages", "warning"},
        {"extra_float_digits", "1"},   {"statement_timeout", "0"},
        {"synchronous_commit", "on"},  {"standard_conforming_strings", "on"},
        {"bytea_output", "hex"},       {"default_transaction_isolation", "read committed"},
    };
    need_postgresql();
    struct store_fixture *fixture = *state;
    char setup[SESSION_SETUP_SIZE], problem[STORE_ERROR_SIZE] = "", sql[128];
    postgresql_number(
        fixture->dsn,
        "DO $$ DECLARE setting text; BEGIN FOREACH setting IN ARRAY ARRAY["
        "'idle_session_timeout = 50', 'client_min_messages = error', 'extra_float_digits = -5',"
        "'statement_timeout = 60000', 'synchronous_commit = off',"
        "'standard_conforming_strings = off', 'bytea_output = escape',"
        "'default_transaction_isolation = serializable']"
        " LOOP EXECUTE format('ALTER DATABASE %I SET ', current_database()) || setting; END LOOP;"
        " END $$; SELECT 1");
    struct connection connection = {.timeout_ms = 20000};
    session_setup_write(setup, connection.timeout_ms);
    if (!connection_open(&connection, fixture->dsn, setup, clock_monotonic_ms() + 20000, problem))
        fail_msg("%s", problem);
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        snprintf(sql, sizeof(sql), "SHOW %s", wanted[i][0]);
        PGresult *result = connection_query(&connection, sql, problem);
        if (!result)
            fail_msg("%s: %s", sql, problem);
        if (strcmp(PQgetvalue(result, 0, 0), wanted[i][1]) != 0)
            fail_msg("%s is %s", wanted[i][0], PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    connection_close(&connection);
    postgresql_number(fixture->dsn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL',"
                                    " current_database()); END $$; SELECT 1");
}

UNIT_TESTS(OPEN_TEST(what_is_no_database_of_a_gateway_is_refused),
           OPEN_TEST(a_url_that_leads_nowhere_is_refused), OPEN_TEST(a_role_has_one_process),
           OPEN_TEST(the_process_that_has_the_role_is_named),
           OPEN_TEST(the_server_understands_every_statement_and_has_an_index_for_it),
           OPEN_TEST(what_is_asked_of_many_messages_has_an_index_of_its_own),
           OPEN_TEST(a_session_takes_nothing_from_its_role_that_could_harm_it))
