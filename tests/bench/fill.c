/*
 * bench-fill DATABASE DELIVERED QUEUED SCHEDULED DAYS: fills a database that the gateway has just made with messages
 * that were delivered, one each 20 ms up to so many days ago, behind them some that are queued, and before them some
 * that are to be sent 30 days from now and later. Triggers and indexes are taken away meanwhile and made again, or ten
 * million rows would take an hour.
 */
#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/model/lane.h"
#include "common/model/message.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MS = 20, DEVICES = 100, MOST_OBJECTS = 32, ROWS_PER_COMMIT = 100000 };
#define DAY_MS             ((int64_t)24 * 3600 * 1000)
#define SCHEDULED_AHEAD_MS (30 * DAY_MS)

static sqlite3 *db;
static uint64_t random_state = 88172645463325252ull;

static void check(int code)
{
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "bench-fill: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static void execute(const char *sql)
{
    check(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
    return statement;
}

static void run(sqlite3_stmt *statement)
{
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
}

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* ---- Triggers and indexes ---- */

static struct {
    char *name, *type, *sql;
} objects[MOST_OBJECTS];
static int object_count;

static void take_objects_away(void)
{
    sqlite3_stmt *select = prepare("SELECT name, type, sql FROM sqlite_schema"
                                   " WHERE type IN ('trigger', 'index') AND sql IS NOT NULL");
    while (sqlite3_step(select) == SQLITE_ROW && object_count < MOST_OBJECTS) {
        objects[object_count].name = strdup((const char *)sqlite3_column_text(select, 0));
        objects[object_count].type = strdup((const char *)sqlite3_column_text(select, 1));
        objects[object_count++].sql = strdup((const char *)sqlite3_column_text(select, 2));
    }
    sqlite3_finalize(select);
    for (int i = 0; i < object_count; i++) {
        char sql[256];
        snprintf(sql, sizeof(sql), "DROP %s %s", objects[i].type, objects[i].name);
        execute(sql);
    }
}

static void bring_objects_back(void)
{
    for (int i = 0; i < object_count; i++)
        execute(objects[i].sql);
}

/* ---- Rows ---- */

/* As message_id_new would have made it then. */
static struct message_id id_at(int64_t wall_ms)
{
    struct message_id id = message_id_first_at(wall_ms);
    uint64_t bits = next_random();
    memcpy(id.bytes + 8, &bits, 8);
    id.bytes[6] = 0x70;
    id.bytes[8] = (unsigned char)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static void add_event(sqlite3_stmt *event, int64_t seq, int number, enum message_status status,
                      const char *device_id, int64_t at_ms)
{
    sqlite3_bind_int64(event, 1, seq);
    sqlite3_bind_int(event, 2, number);
    sqlite3_bind_int(event, 3, status);
    sqlite3_bind_int(event, 4, 1);
    sqlite3_bind_text(event, 5, device_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(event, 6, at_ms);
    run(event);
}

enum kind { SCHEDULED, DELIVERED, QUEUED };

static void bind_schedule(sqlite3_stmt *message, enum kind kind, int64_t send_at_ms)
{
    if (kind != SCHEDULED) {
        for (int parameter = 15; parameter <= 18; parameter++)
            sqlite3_bind_null(message, parameter);
        sqlite3_bind_text(message, 19, kind == QUEUED ? "" : NULL, -1, SQLITE_STATIC);
        return;
    }
    sqlite3_bind_int(message, 15, 1);
    for (int parameter = 16; parameter <= 18; parameter++)
        sqlite3_bind_int64(message, parameter, send_at_ms);
    sqlite3_bind_text(message, 19, LANE_WAITING, -1, SQLITE_STATIC);
}

static void add_message(sqlite3_stmt *message, sqlite3_stmt *event, int64_t place, int64_t at_ms,
                        enum kind kind)
{
    bool delivered = kind == DELIVERED;
    char number[24], text[80], device_id[DEVICE_ID_SIZE];
    struct message_id id = id_at(at_ms);
    int64_t seq = message_id_seq(&id);
    snprintf(number, sizeof(number), "+49151%08u", (unsigned)(next_random() % 100000000));
    snprintf(text, sizeof(text), "#%010u %-52s", (unsigned)place,
             "Your code is 4711. It is valid for ten minutes.");
    snprintf(device_id, sizeof(device_id), "bench-%u", (unsigned)(next_random() % DEVICES));
    sqlite3_bind_int64(message, 1, seq);
    sqlite3_bind_blob(message, 2, id.bytes, MESSAGE_ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(message, 3, number, -1, SQLITE_STATIC);
    sqlite3_bind_text(message, 4, text, -1, SQLITE_STATIC);
    sqlite3_bind_int(message, 5, delivered ? MESSAGE_DELIVERED : MESSAGE_QUEUED);
    sqlite3_bind_int(message, 6, delivered);
    sqlite3_bind_text(message, 7, delivered ? device_id : NULL, -1, SQLITE_STATIC);
    sqlite3_bind_int(message, 8, delivered ? 6 : 1);
    sqlite3_bind_int64(message, 9, at_ms + (delivered ? 5 : 0));
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_DELIVERED; status++) {
        int parameter = 10 + status - MESSAGE_DISPATCHED;
        if (!delivered) {
            sqlite3_bind_null(message, parameter);
            continue;
        }
        add_event(event, seq, status + 1, (enum message_status)status, device_id, at_ms + status);
        sqlite3_bind_int64(message, parameter, at_ms + status);
    }
    bind_schedule(message, kind, at_ms + SCHEDULED_AHEAD_MS);
    run(message);
}

static void set_count(enum message_status status, int64_t count)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE message_count SET count = %lld WHERE status = %d",
             (long long)count, status);
    execute(sql);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench-fill DATABASE DELIVERED QUEUED SCHEDULED DAYS\n");
        return 2;
    }
    int64_t delivered = atoll(argv[2]), queued = atoll(argv[3]), scheduled = atoll(argv[4]);
    int64_t count = scheduled + delivered + queued;
    check(sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL));
    execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;"
            "PRAGMA temp_store = MEMORY; BEGIN");
    take_objects_away();
    sqlite3_stmt *message = prepare(
        "INSERT INTO message (seq, id, phone_number, text, encoding, segments, status, attempt,"
        " device_id, event_count, updated_at_ms, dispatched_at_ms, accepted_at_ms, sending_at_ms,"
        " sent_at_ms, delivered_at_ms, has_options, send_at_ms, rank_ms, due_at_ms, lane, phase)"
        " VALUES (?1, ?2, ?3, ?4, 0, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        " ?18, ?19, iif(?5 = 5, 2, 0))");
    sqlite3_stmt *event = prepare(
        "INSERT INTO message_event (message_seq, number, status, attempt, device_id, at_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    int64_t start_ms = clock_wall_ms() - (count + 1) * INTERVAL_MS - atoll(argv[5]) * DAY_MS;
    for (int64_t place = 1; place <= count; place++) {
        enum kind kind = place <= scheduled               ? SCHEDULED
                         : place <= scheduled + delivered ? DELIVERED
                                                          : QUEUED;
        add_message(message, event, place, start_ms + place * INTERVAL_MS, kind);
        if (place % ROWS_PER_COMMIT == 0)
            execute("COMMIT; BEGIN");
    }
    sqlite3_finalize(message);
    sqlite3_finalize(event);
    set_count(MESSAGE_DELIVERED, delivered);
    set_count(MESSAGE_QUEUED, queued + scheduled);
    execute("UPDATE last_event SET id = (SELECT count(*) FROM message_event)");
    bring_objects_back();
    execute("COMMIT; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(db);
    return 0;
}
