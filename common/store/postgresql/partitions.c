#include "common/store/postgresql/partitions.h"

#include "common/store/activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SQL_SIZE = 4096,
    NAME_SIZE = 72,
    DAY_MS = 86400000,
    IN_ALL = 12,         /* of the time for which messages are kept */
    DAYS_FOR_EVER = 400, /* where they are kept for ever */
    MOST_ROUNDS = 2 * IN_ALL,
    MOST_SPLIT = 20000, /* rows that are moved while others wait: some of a wrong clock */
    MOST_LEFT = 1000,   /* messages, which are not finished, or were reported late */
};

/* A number of the gateway's own: one process at a time. */
#define LOCK "7236270945302"
/* As one message: a process that stops in the middle leaves no lock. The table is locked before its partitions, as by all others.
   Nobody waits for a standby meanwhile: what is committed later does not get there without this. */
#define BEGIN_CHANGE                                                                               \
    "BEGIN; SET LOCAL lock_timeout = '100ms'; SET LOCAL synchronous_commit = local; DO $$ BEGIN "  \
    "IF NOT pg_try_advisory_xact_lock(" LOCK                                                       \
    ") THEN RETURN; END IF; LOCK TABLE ONLY message_event IN ACCESS EXCLUSIVE MODE; "
#define END_CHANGE "INSERT INTO message_event SELECT * FROM kept; END $$; COMMIT"
#define KEEP       "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT e.* "
#define FIRST      "message_event_first"
#define LAST       "message_event_last"

struct state {
    int64_t last_ms; /* where `last` begins */
    bool has_oldest; /* of the others but `first`: */
    int64_t oldest_end_ms;
    char oldest[NAME_SIZE];
};

static long long seq_at(int64_t ms)
{
    return store_seq_first_at(ms);
}

static int64_t width_ms(int64_t message_age_ms)
{
    int64_t days = message_age_ms / DAY_MS;
    return MAX((days ? days : DAYS_FOR_EVER) / IN_ALL, 1) * DAY_MS;
}

static bool read_state(struct connection *connection, struct state *state,
                       char problem[STORE_ERROR_SIZE])
{
    PGresult *result = connection_query(
        connection,
        "SELECT l.first_ms, o.end_ms, quote_ident(o.name) FROM " EVENT_PARTITIONS
        " AS l LEFT JOIN LATERAL (SELECT p.name, p.end_ms FROM " EVENT_PARTITIONS
        " AS p WHERE first_ms IS NOT NULL AND end_ms IS NOT NULL ORDER BY first_ms LIMIT 1) AS o"
        " ON true WHERE l.name = '" LAST "' AND l.end_ms IS NULL",
        problem);
    bool good = result && PQntuples(result) == 1;
    if (result && !good)
        snprintf(problem, STORE_ERROR_SIZE, "there is no partition " LAST);
    if (good) {
        *state = (struct state){.last_ms = strtoll(PQgetvalue(result, 0, 0), NULL, 10),
                                .has_oldest = !PQgetisnull(result, 0, 1),
                                .oldest_end_ms = strtoll(PQgetvalue(result, 0, 1), NULL, 10)};
        snprintf(state->oldest, NAME_SIZE, "%s", PQgetvalue(result, 0, 2));
    }
    PQclear(result);
    return good;
}

/* *more: it has more rows than that. */
static bool has_more(struct connection *connection, const char *from, int count, bool *more,
                     char problem[STORE_ERROR_SIZE])
{
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT FROM %s OFFSET %d LIMIT 1", from, count);
    PGresult *result = connection_query(connection, sql, problem);
    *more = result && PQntuples(result) > 0;
    PQclear(result);
    return result;
}

/* *busy: the others did not let go of the table in time. */
static bool change(struct connection *connection, const char *sql, bool *busy,
                   char problem[STORE_ERROR_SIZE])
{
    char ignored[STORE_ERROR_SIZE];
    PGresult *result = connection_query(connection, sql, problem);
    PQclear(result);
    if (result)
        return true;
    *busy = strstr(problem, "lock timeout");
    if (connection->pg)
        PQclear(connection_query(connection, "ROLLBACK", ignored));
    return *busy;
}

/* ---- Making ---- */

static bool needs_split(const struct state *state, int64_t now_ms, int64_t message_age_ms)
{
    return state->last_ms < now_ms + width_ms(message_age_ms);
}

/* What `last` has is divided between its two parts. */
static bool split(struct connection *connection, const struct state *state, int64_t end_ms,
                  bool *busy, char problem[STORE_ERROR_SIZE])
{
    char sql[SQL_SIZE], day[16];
    struct tm date;
    time_t begin = (time_t)(state->last_ms / 1000);
    strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&begin, &date));
    snprintf(sql, sizeof(sql),
             BEGIN_CHANGE
             "IF NOT EXISTS (SELECT FROM " EVENT_PARTITIONS " AS p WHERE name = '" LAST
             "' AND first_ms = %lld) OR EXISTS (SELECT FROM " LAST
             " OFFSET %d LIMIT 1) THEN RETURN; END IF; " KEEP "FROM " LAST
             " e WHERE EXISTS (SELECT FROM message m WHERE m.seq = e.message_seq);"
             " DROP TABLE " LAST "; CREATE TABLE message_event_%s PARTITION OF message_event"
             " FOR VALUES FROM (%lld) TO (%lld); CREATE TABLE " LAST " PARTITION OF message_event"
             " FOR VALUES FROM (%lld) TO (MAXVALUE); " END_CHANGE,
             (long long)state->last_ms, MOST_SPLIT, day, seq_at(state->last_ms), seq_at(end_ms),
             seq_at(end_ms));
    return change(connection, sql, busy, problem);
}

static bool make_next(struct connection *connection, const struct state *state, int64_t now_ms,
                      int64_t message_age_ms, struct partition_changes *changes,
                      char problem[STORE_ERROR_SIZE])
{
    int64_t width = width_ms(message_age_ms);
    int64_t end_ms = MAX(state->last_ms, now_ms / DAY_MS * DAY_MS) + width;
    if (!has_more(connection, LAST, MOST_SPLIT, &changes->overfilled, problem))
        return false;
    return changes->overfilled || split(connection, state, end_ms, &changes->busy, problem);
}

/* ---- Dropping ---- */

static bool is_over(struct connection *connection, const struct state *state, int64_t now_ms,
                    int64_t message_age_ms, bool *over, char problem[STORE_ERROR_SIZE])
{
    char from[96];
    bool more = true;
    *over = false;
    if (message_age_ms == 0 || !state->has_oldest || state->oldest_end_ms > now_ms - message_age_ms)
        return true;
    snprintf(from, sizeof(from), "message WHERE seq < %lld", seq_at(state->oldest_end_ms));
    if (!has_more(connection, from, MOST_LEFT, &more, problem))
        return false;
    *over = !more;
    return true;
}

/* The few messages of its time that are still there have their events in `first` from now on. */
static bool drop_oldest(struct connection *connection, const struct state *state, bool *busy,
                        char problem[STORE_ERROR_SIZE])
{
    char sql[SQL_SIZE];
    long long end = seq_at(state->oldest_end_ms);
    snprintf(sql, sizeof(sql),
             BEGIN_CHANGE
             "IF NOT EXISTS (SELECT FROM " EVENT_PARTITIONS
             " AS p WHERE quote_ident(name) = '%s' AND end_ms = %lld)"
             " OR EXISTS (SELECT FROM message WHERE seq < %lld OFFSET %d LIMIT 1)"
             " THEN RETURN; END IF; " KEEP
             "FROM (SELECT seq FROM message WHERE seq < %lld OFFSET 0) AS m CROSS JOIN LATERAL"
             " (SELECT * FROM message_event WHERE message_seq = m.seq OFFSET 0) AS e;"
             " DROP TABLE " FIRST ", %s; CREATE TABLE " FIRST " PARTITION OF message_event"
             " FOR VALUES FROM (MINVALUE) TO (%lld); " END_CHANGE,
             state->oldest, (long long)state->oldest_end_ms, end, MOST_LEFT, end, state->oldest,
             end);
    return change(connection, sql, busy, problem);
}

/* ---- Both ---- */

static bool is_same(const struct state *a, const struct state *b)
{
    return a->last_ms == b->last_ms && strcmp(a->oldest, b->oldest) == 0;
}

/* One change, if one is due: *tried. */
static bool keep_one(struct connection *connection, const struct state *state, int64_t now_ms,
                     int64_t message_age_ms, struct partition_changes *changes, bool *tried,
                     char problem[STORE_ERROR_SIZE])
{
    *tried = true;
    if (!changes->overfilled && needs_split(state, now_ms, message_age_ms)) {
        if (!make_next(connection, state, now_ms, message_age_ms, changes, problem))
            return false;
        if (!changes->overfilled)
            return true;
    }
    return is_over(connection, state, now_ms, message_age_ms, tried, problem) &&
           (!*tried || drop_oldest(connection, state, &changes->busy, problem));
}

bool partitions_keep(struct connection *connection, int64_t now_ms, int64_t message_age_ms,
                     struct partition_changes *changes, char problem[STORE_ERROR_SIZE])
{
    struct state before, after;
    bool tried = true;
    *changes = (struct partition_changes){0};
    bool good = read_state(connection, &before, problem);
    for (int round = 0; good && tried && !changes->busy && round < MOST_ROUNDS; round++) {
        good = keep_one(connection, &before, now_ms, message_age_ms, changes, &tried, problem) &&
               read_state(connection, &after, problem);
        if (!good)
            break;
        changes->busy |= tried && is_same(&before, &after);
        changes->made += before.last_ms != after.last_ms;
        changes->dropped += strcmp(before.oldest, after.oldest) != 0;
        before = after;
    }
    return good;
}
