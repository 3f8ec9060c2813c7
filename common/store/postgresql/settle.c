#include "common/store/postgresql/settle.h"

#include "common/base/clock.h"
#include "common/model/event_types.h"
#include "common/store/postgresql/exclusive.h"
#include "common/store/postgresql/server_origin.h"

#include <stdio.h>

/* A follower never meets an id twice: fewer than a thousand events come in a millisecond. */
static bool skip_event_ids(struct exclusive *database, long long now_ms)
{
    char sql[256];
    int64_t last = 0;
    if (!exclusive_read_number(database, "SELECT last_value FROM event_id", &last))
        return false;
    snprintf(sql, sizeof(sql),
             "ALTER SEQUENCE event_id RESTART WITH %lld; SELECT nextval('event_id')",
             (long long)MAX(last, (int64_t)now_ms * 1000));
    return exclusive_run(database, sql);
}

static bool mark_open_unknown(struct exclusive *database, long long now_ms, int64_t *unknown)
{
    char sql[2048];
    snprintf(sql, sizeof(sql),
             "CREATE TEMPORARY TABLE open_message ON COMMIT DROP AS SELECT seq, batch_id"
             " FROM message_state JOIN message USING (seq) WHERE phase <= 1;"
             " INSERT INTO message_event (message_seq, number, status, attempt, device_id,"
             " error_code, at_ms, reason) SELECT seq, event_count + 1, %d, attempt, device_id,"
             " 'restored', %lld, %d FROM message_state JOIN open_message USING (seq) ORDER BY seq;"
             " UPDATE message_state SET status = %d, event_count = event_count + 1,"
             " updated_at_ms = %lld, unknown_at_ms = %lld, cancel_requested = 0, device_id = NULL,"
             " journal = NULL, lane = NULL, error_code = 'restored',"
             " error_message = 'It was open in a backup that was restored.'"
             " WHERE seq IN (SELECT seq FROM open_message);"
             " DELETE FROM message_count; INSERT INTO message_count (status, part, count)"
             " SELECT status, 0, count(*) FROM message_state GROUP BY status",
             MESSAGE_UNKNOWN, now_ms, TRANSITION_RESTORED, MESSAGE_UNKNOWN, now_ms, now_ms);
    return exclusive_run(database, sql) &&
           exclusive_read_number(database, "SELECT count(*) FROM open_message", unknown);
}

/* Their batches are finished, and no device is connected. */
static bool end_connections(struct exclusive *database, long long now_ms)
{
    char sql[2048];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO gateway_event (type, at_ms, subject, detail) SELECT %d, %lld,"
        " encode(batch_id, 'hex')::uuid::text, format('{\"statuses\":{\"sent\":%%s,"
        "\"delivered\":%%s,\"failed\":%%s,\"expired\":%%s,\"cancelled\":%%s,\"unknown\":%%s}}',"
        " count(*) FILTER (WHERE status = 4), count(*) FILTER (WHERE status = 5),"
        " count(*) FILTER (WHERE status = 6), count(*) FILTER (WHERE status = 7),"
        " count(*) FILTER (WHERE status = 8), count(*) FILTER (WHERE status = 9))"
        " FROM message JOIN message_state USING (seq) WHERE batch_id IN"
        " (SELECT batch_id FROM open_message) GROUP BY batch_id;"
        " INSERT INTO gateway_event (type, at_ms, device_id) SELECT %d, %lld, device_id"
        " FROM device WHERE broker_instance IS NOT NULL ORDER BY device_id;"
        " DELETE FROM broker; DELETE FROM superseded;"
        " UPDATE device SET broker_instance = NULL, token_revoked = 0",
        EVENT_BATCH_FINISHED, now_ms, EVENT_DEVICE_DISCONNECTED, now_ms);
    return exclusive_run(database, sql);
}

/* Writers of before the restore find no row of theirs. */
static bool settle(struct exclusive *database, bool keep, int64_t *unknown)
{
    long long now_ms = clock_wall_ms();
    return exclusive_open(database, EXCLUSIVE_CHANGE) &&
           (keep ||
            (skip_event_ids(database, now_ms) && mark_open_unknown(database, now_ms, unknown) &&
             end_connections(database, now_ms))) &&
           exclusive_run(database,
                         "DELETE FROM writer; UPDATE schema_version SET settled = settled + 1") &&
           (server_origin_note(&database->connection, database->failure->problem) ||
            exclusive_fail(database)) &&
           exclusive_run(database, "COMMIT");
}

enum error postgresql_settle(const char *url, bool keep, struct store_settled *settled,
                             char problem[STORE_ERROR_SIZE])
{
    struct copy_failure failure = {.problem = problem};
    struct exclusive database = {
        .url = url, .purpose = "sms-gateway database settle", .failure = &failure};
    (void)!settle(&database, keep, &settled->unknown);
    connection_close(&database.connection);
    return failure.error;
}
