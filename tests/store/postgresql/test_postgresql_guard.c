/* The guard: what the database refuses of those who write it past the store. */
#include "tests/store/postgresql_fixture.h"
#include "tests/store/store_fixture.h"

static int setup(void **state)
{
    return is_postgresql() ? store_fixture_setup(state) : 0;
}

static int teardown(void **state)
{
    struct store_fixture *fixture = *state;
    char problem[STORE_ERROR_SIZE];
    if (!is_postgresql())
        return 0;
    postgresql_number(fixture->dsn, "DROP FUNCTION IF EXISTS refused(text)");
    (void)!store_set_guard(fixture->store, false, problem);
    return store_fixture_teardown(state);
}

#define GUARD_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_postgresql(void)
{
    if (!is_postgresql())
        skip();
}

static void set_guard(const struct store_fixture *fixture, bool on)
{
    char problem[STORE_ERROR_SIZE] = "";
    if (!store_set_guard(fixture->store, on, problem))
        fail_msg("%s", problem);
}

enum { STATUS_SIZE = 80 };

/* With what goes with it. */
static const char *status_sql(char sql[STATUS_SIZE], int status, const char *plain_lane)
{
    const char *phase = status == MESSAGE_QUEUED ? "0" : status <= MESSAGE_SENDING ? "1" : "2";
    snprintf(sql, STATUS_SIZE, "status = %d, phase = %s, rare = nullif(%d, 0), lane = %s", status,
             phase, status >= 6 ? status : 0, status == MESSAGE_QUEUED ? plain_lane : "NULL");
    return sql;
}

/* As the gateway, and then as another: whether the change was refused. */
#define REFUSED                                                                                    \
    "CREATE FUNCTION refused(change text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN"            \
    " PERFORM set_config('sms_gateway.writer', '', false);"                                        \
    " EXECUTE 'UPDATE message_state SET ' || change; RETURN 0;"                                    \
    " EXCEPTION WHEN restrict_violation THEN RETURN 1; END $$"

static void place(const struct store_fixture *fixture, enum message_status status)
{
    char sql[400], part[STATUS_SIZE];
    snprintf(sql, sizeof(sql),
             "SET sms_gateway.writer = 'yes'; UPDATE message_state SET %s,"
             " event_count = 9, attempt = 3, device_id = 'phone', proved_attempt = 3",
             status_sql(part, (int)status, "''"));
    postgresql_number(fixture->dsn, sql);
}

static bool is_refused(const struct store_fixture *fixture, const char *change)
{
    char sql[320];
    snprintf(sql, sizeof(sql), "SELECT refused('event_count = 10, %s')", change);
    return postgresql_number(fixture->dsn, sql);
}

static bool may_follow(enum message_status from, enum message_status to)
{
    bool may = false;
    for (int actor = 0; actor < MESSAGE_ACTOR_COUNT; actor++)
        may |= message_may_become(from, to, (enum message_actor)actor, MESSAGE_ALL_FACTS);
    return may;
}

static void only_transitions_of_the_table_are_taken(void **state)
{
    need_postgresql();
    struct store_fixture *fixture = *state;
    given_message(fixture, "+1234567890", "text");
    postgresql_number(fixture->dsn, REFUSED);
    set_guard(fixture, true);
    set_guard(fixture, true); /* once more does no harm */
    for (int from = 0; from < MESSAGE_STATUS_COUNT; from++) {
        for (int to = 0; to < MESSAGE_STATUS_COUNT; to++) {
            char change[128], part[STATUS_SIZE];
            bool dispatches = from == MESSAGE_QUEUED && (to == 1 || to == 2);
            snprintf(change, sizeof(change), "%s, attempt = %d", status_sql(part, to, "''''"),
                     dispatches ? 4 : 3);
            place(fixture, (enum message_status)from);
            if (is_refused(fixture, change) ==
                may_follow((enum message_status)from, (enum message_status)to))
                fail_msg("%d to %d", from, to);
        }
    }
}

static void attempts_and_devices_are_kept(void **state)
{
    static const struct {
        enum message_status from;
        const char *change;
    } cases[] = {
        {MESSAGE_QUEUED, "status = 2, phase = 1, lane = NULL"}, /* without an attempt of its own */
        {MESSAGE_ACCEPTED, "status = 4, phase = 2, attempt = 4"},
        {MESSAGE_ACCEPTED, "status = 4, phase = 2, device_id = ''other''"},
        {MESSAGE_SENDING,
         "status = 0, phase = 0, lane = '''', device_id = NULL, proved_attempt = 2"},
    };
    need_postgresql();
    struct store_fixture *fixture = *state;
    given_message(fixture, "+1234567890", "text");
    postgresql_number(fixture->dsn, REFUSED);
    for (int on = 1; on >= 0; on--) {
        set_guard(fixture, on);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
            place(fixture, cases[i].from);
            assert_int_equal(is_refused(fixture, cases[i].change), on);
        }
    }
}

UNIT_TESTS(GUARD_TEST(only_transitions_of_the_table_are_taken),
           GUARD_TEST(attempts_and_devices_are_kept))
