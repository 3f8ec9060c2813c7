#include "common/store/postgresql/guard.h"

#include "common/base/clock.h"
#include "common/model/message.h"

#include <stdio.h>
#include <string.h>

enum { PAIRS_SIZE = 1024, SQL_SIZE = PAIRS_SIZE + 3072 };

static bool may_follow(enum message_status from, enum message_status to)
{
    bool may = false;
    for (int actor = 0; actor < MESSAGE_ACTOR_COUNT; actor++)
        may |= message_may_become(from, to, (enum message_actor)actor, MESSAGE_ALL_FACTS);
    return may;
}

/* "(0,1),(0,2),...": the pairs of common/model/transitions.def. */
static void write_pairs(char pairs[PAIRS_SIZE])
{
    size_t length = 0;
    *pairs = '\0';
    for (int from = 0; from < MESSAGE_STATUS_COUNT; from++) {
        for (int to = 0; to < MESSAGE_STATUS_COUNT; to++) {
            if (may_follow((enum message_status)from, (enum message_status)to))
                length += (size_t)snprintf(pairs + length, PAIRS_SIZE - length, "%s(%d,%d)",
                                           length > 0 ? "," : "", from, to);
        }
    }
}

/* The same rules as message_keeps_the_rules in common/store/sqlite/sql. */
static void write_sql(bool on, char sql[SQL_SIZE])
{
    char pairs[PAIRS_SIZE];
    write_pairs(pairs);
    int length = snprintf(sql, SQL_SIZE,
                          "BEGIN; SET LOCAL lock_timeout = '10s';"
                          " DROP TRIGGER IF EXISTS message_keeps_the_rules ON message_state;"
                          " DROP FUNCTION IF EXISTS message_keeps_the_rules();");
    if (on)
        length += snprintf(
            sql + length, SQL_SIZE - (size_t)length,
            " CREATE FUNCTION message_keeps_the_rules() RETURNS trigger LANGUAGE plpgsql AS $$"
            " DECLARE reason text := CASE"
            " WHEN (NEW.status <> OLD.status OR NEW.event_count <> OLD.event_count)"
            "  AND (OLD.status, NEW.status) NOT IN (%s) THEN 'not a transition of a message'"
            " WHEN NEW.attempt <> OLD.attempt"
            "   + (OLD.status = 0 AND NEW.status BETWEEN 1 AND 2)::integer"
            "  AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)"
            "  THEN 'the attempt grows by one with each dispatch, and is constant otherwise'"
            " WHEN OLD.status >= 2 AND NEW.device_id IS DISTINCT FROM OLD.device_id"
            "  AND NEW.status <> 0 AND NOT (NEW.status = 9 AND NEW.device_id IS NULL)"
            "  AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)"
            "  THEN 'a message that was released stays with its device'"
            " WHEN NEW.status = 0 AND OLD.status >= 2 AND NEW.proved_attempt <> OLD.attempt THEN"
            "  'a message that was released returns only with the proof that nothing was sent'"
            " END; BEGIN IF reason IS NOT NULL THEN RAISE EXCEPTION '%%', reason"
            " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$;"
            " CREATE TRIGGER message_keeps_the_rules BEFORE UPDATE ON message_state FOR EACH ROW"
            " WHEN (current_setting('sms_gateway.writer', true) IS DISTINCT FROM 'yes')"
            " EXECUTE FUNCTION message_keeps_the_rules();",
            pairs);
    snprintf(sql + length, SQL_SIZE - (size_t)length, " COMMIT");
}

bool guard_set(const char *url, bool on, int timeout_ms, char problem[STORE_ERROR_SIZE])
{
    struct connection connection = {.timeout_ms = timeout_ms, .leads = true};
    char sql[SQL_SIZE];
    write_sql(on, sql);
    if (!connection_open(&connection, url, "SELECT 1", clock_monotonic_ms() + timeout_ms, problem))
        return false;
    PGresult *result = connection_query(&connection, sql, problem);
    PQclear(result);
    connection_close(&connection);
    return result;
}
