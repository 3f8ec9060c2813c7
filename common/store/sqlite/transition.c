/* Messages on the move: every change of a message's status, with its event. */
#include "common/store/sqlite/transition.h"

#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void read_moving(sqlite3_stmt *row, struct moving *moving)
{
    *moving = (struct moving){
        .seq = sqlite3_column_int64(row, 0),
        .event_count = sqlite3_column_int64(row, 1),
        .attempt = (unsigned)sqlite3_column_int(row, 2),
        .status = (enum message_status)sqlite3_column_int(row, 3),
        .failures = (unsigned)sqlite3_column_int(row, 7),
        .revoke = sqlite3_column_int(row, 8),
        .report_seq = sqlite3_column_int64(row, 9),
        .segments = (unsigned)sqlite3_column_int(row, 11),
    };
    column_text(row, 4, moving->device_id, sizeof(moving->device_id));
    column_text(row, 10, moving->times, sizeof(moving->times));
    (void)!column_id(row, 5, &moving->id);
    (void)!column_id(row, 6, &moving->journal);
    column_request_id(row, 12, &moving->request_id);
}

const struct message_id no_journal;

unsigned facts_of(const struct moving *moving, const struct store_holder *phone, unsigned attempt)
{
    unsigned facts = 0;
    if (strcmp(moving->device_id, phone->device_id) == 0)
        facts |= MESSAGE_BY_HOLDER;
    if (attempt == moving->attempt || attempt == 0)
        facts |= MESSAGE_OF_ATTEMPT;
    if (message_id_equal(&moving->journal, &phone->journal))
        facts |= MESSAGE_OF_JOURNAL;
    return facts;
}

enum error append_event(struct store_connection *connection, int64_t seq, int64_t number,
                        enum message_status status, unsigned attempt, const char *device_id,
                        const char *error_code, const char *error_message, int64_t at_ms)
{
    sqlite3_stmt *insert = statement(connection, INSERT_EVENT);
    bind_integer(insert, 1, seq);
    bind_integer(insert, 2, number);
    bind_integer(insert, 3, status);
    bind_integer(insert, 4, attempt);
    bind_text(insert, 5, device_id);
    bind_text(insert, 6, error_code);
    bind_text(insert, 7, error_message);
    bind_integer(insert, 8, at_ms);
    return run(connection, insert);
}

/* ---- Times: "2:1700000000123,5:1700000000456", a status and when it was last reached ---- */

void sqlite_read_times(const char *times, int64_t reached_at_ms[MESSAGE_STATUS_COUNT])
{
    while (times && *times) {
        int status = *times++ - '0';
        int64_t at_ms = 0;
        if (*times == ':')
            times++;
        for (; *times >= '0' && *times <= '9'; times++)
            at_ms = at_ms * 10 + (*times - '0');
        if (status >= 0 && status < MESSAGE_STATUS_COUNT)
            reached_at_ms[status] = MAX(reached_at_ms[status], at_ms);
        times = *times == ',' ? times + 1 : NULL;
    }
}

_Static_assert(MESSAGE_STATUS_COUNT <= 10, "a status is one digit in `times`");

/* Where it was reached before, that is forgotten. */
static void note_time(char times[SQLITE_TIMES_SIZE], enum message_status status, int64_t at_ms)
{
    char digit = (char)('0' + status);
    for (char *entry = times; *entry;) {
        char *next = entry + strcspn(entry, ",");
        next += *next == ',';
        if (*entry == digit && entry[1] == ':')
            memmove(entry, next, strlen(next) + 1);
        else
            entry = next;
    }
    size_t length = strlen(times);
    bool needs_comma = length > 0 && times[length - 1] != ',';
    snprintf(times + length, SQLITE_TIMES_SIZE - length, "%s%c:%lld", needs_comma ? "," : "", digit,
             (long long)at_ms);
}

/* ---- Moves ---- */

/* How long ago it was accepted; a clock may have gone back. */
static uint64_t age_us(const struct store_connection *connection, const struct moving *moving)
{
    return (uint64_t)MAX(connection->now_ms - message_id_time_ms(&moving->id), 0) * 1000;
}

static void tally_move(struct store_connection *connection, const struct moving *moving,
                       enum message_status to)
{
    struct tally *tally = &connection->tally;
    tally->count_delta[moving->status]--;
    tally->count_delta[to]++;
    tally->reached[to]++;
    if (moving->status == MESSAGE_QUEUED && moving->attempt == 0 &&
        (to == MESSAGE_DISPATCHED || to == MESSAGE_ACCEPTED))
        METRICS_OBSERVE(tally, message_dispatch_seconds, age_us(connection, moving));
    if (to == MESSAGE_DELIVERED)
        METRICS_OBSERVE(tally, message_delivery_seconds, age_us(connection, moving));
}

void sqlite_report_tally(struct store_connection *connection)
{
    struct tally *tally = &connection->tally;
    struct metrics *metrics = connection->metrics;
    if (!metrics)
        return;
    for (int i = MESSAGE_DELIVERED; i < MESSAGE_STATUS_COUNT; i++) {
        if (tally->reached[i] > 0)
            METRICS_ADD(metrics, messages_finished_total, i, tally->reached[i]);
    }
    if (tally->reached[MESSAGE_SENT] > 0)
        METRICS_ADD(metrics, messages_sent_total, 0, tally->reached[MESSAGE_SENT]);
    metrics_move(&metrics->message_dispatch_seconds, &tally->message_dispatch_seconds);
    metrics_move(&metrics->message_delivery_seconds, &tally->message_delivery_seconds);
}

/* Runs one of the MOVE statements, of which the first six parameters are the same; everything about
   the message must still be as it was read. */
static enum error run_move(struct store_connection *connection, sqlite3_stmt *update,
                           struct moving *moving, enum message_status to)
{
    note_time(moving->times, to, connection->now_ms);
    bind_integer(update, 1, moving->seq);
    bind_integer(update, 2, moving->status);
    bind_integer(update, 3, moving->attempt);
    bind_integer(update, 4, to);
    bind_integer(update, 5, connection->now_ms);
    bind_text(update, 6, moving->times);
    enum error error = run(connection, update);
    if (error != ERROR_NONE)
        return error;
    if (sqlite3_changes(connection->db) != 1) {
        log_error("a message is not as it was read", LOG_NUMBER("seq", moving->seq));
        return ERROR_INTERNAL;
    }
    tally_move(connection, moving, to);
    moving->status = to;
    moving->event_count++;
    return ERROR_NONE;
}

/* For options.moved. Without memory the log lacks a line, and no more. */
static void note_move(struct store_connection *connection, const struct moving *moving,
                      enum message_status from, const char *error_code, int64_t session)
{
    if (!connection->notes_moves)
        return;
    if (connection->move_count == connection->move_capacity) {
        size_t capacity = MAX(64, connection->move_capacity * 2);
        void *more = reallocarray(connection->moves, capacity, sizeof(*connection->moves));
        if (!more)
            return;
        connection->moves = more;
        connection->move_capacity = capacity;
    }
    struct store_transition *note = &connection->moves[connection->move_count++];
    *note = (struct store_transition){
        .verb = connection->verb,
        .from = from,
        .to = moving->status,
        .attempt = moving->attempt,
        .id = moving->id,
        .request_id = moving->request_id,
        .session = session,
    };
    strcpy(note->device_id, moving->device_id);
    strcpy(note->error_code, error_code ? error_code : "");
}

enum error move(struct store_connection *connection, struct moving *moving, enum message_status to,
                const char *error_code, const char *error_message)
{
    sqlite3_stmt *update = statement(connection, MOVE);
    bind_text(update, 7, error_code);
    bind_text(update, 8, error_message);
    bind_integer(update, 9, moving->report_seq);
    enum message_status from = moving->status;
    enum error error = ERROR_NONE;
    if (to == MESSAGE_CANCELLED && from != MESSAGE_QUEUED) /* a phone had it, and sent nothing */
        error = uncount_device(connection, moving);
    if (error == ERROR_NONE)
        error = run_move(connection, update, moving, to);
    if (error != ERROR_NONE)
        return error;
    note_move(connection, moving, from, error_code, 0);
    return append_event(connection, moving->seq, moving->event_count, to, moving->attempt,
                        moving->device_id, error_code, error_message, connection->now_ms);
}

enum error move_to_device(struct store_connection *connection, struct moving *moving,
                          const struct store_holder *phone)
{
    enum message_status to = phone->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    enum message_status from = moving->status;
    sqlite3_stmt *update = statement(connection, MOVE_TO_DEVICE);
    bind_text(update, 7, phone->device_id);
    if (phone->assured)
        bind_id(update, 8, &phone->journal);
    enum error error = run_move(connection, update, moving, to);
    if (error != ERROR_NONE)
        return error;
    moving->attempt++;
    strcpy(moving->device_id, phone->device_id);
    moving->journal = phone->assured ? phone->journal : no_journal;
    moving->report_seq = -1;
    note_move(connection, moving, from, NULL, phone->session);
    return append_event(connection, moving->seq, moving->event_count, to, moving->attempt,
                        phone->device_id, NULL, NULL, connection->now_ms);
}

enum error move_back(struct store_connection *connection, struct moving *moving, bool failed,
                     double spread, const char *error_code, const char *error_message)
{
    int64_t pause_ms = failed ? store_backoff_ms(moving->failures + 1, spread) : 0;
    enum message_status from = moving->status;
    enum error error = uncount_device(connection, moving);
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *update = statement(connection, MOVE_BACK);
    bind_text(update, 7, error_code);
    bind_text(update, 8, error_message);
    bind_integer(update, 9, failed);
    bind_integer(update, 10, failed ? connection->now_ms + pause_ms : 0);
    error = run_move(connection, update, moving, MESSAGE_QUEUED);
    if (error != ERROR_NONE)
        return error;
    note_move(connection, moving, from, error_code, 0);
    moving->failures += failed;
    moving->device_id[0] = '\0';
    moving->journal = no_journal;
    error = append_event(connection, moving->seq, moving->event_count, MESSAGE_QUEUED,
                         moving->attempt, NULL, error_code, error_message, connection->now_ms);
    bool exhausted = failed && moving->failures >= STORE_MAX_FAILURES;
    if (error != ERROR_NONE || (!moving->revoke && !exhausted))
        return error;
    return move(connection, moving, moving->revoke ? MESSAGE_CANCELLED : MESSAGE_FAILED, error_code,
                error_message);
}

enum error find_moving(struct store_connection *connection, const struct message_id *id,
                       struct moving *moving, bool *found)
{
    sqlite3_stmt *select = statement(connection, SELECT_FOR_MOVE);
    bind_message(select, id);
    enum error error = step(connection, select, found);
    if (error == ERROR_NONE && *found)
        read_moving(select, moving);
    sqlite3_reset(select);
    return error;
}

enum error judge_offer(struct store_connection *connection, struct moving *moving, unsigned facts,
                       enum store_verdict *verdict)
{
    const unsigned all = MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL |
                         MESSAGE_OF_SESSION;
    *verdict = STORE_VERDICT_DROP;
    if (moving->status == MESSAGE_ACCEPTED && facts == all) {
        *verdict = STORE_VERDICT_RELEASE; /* it did not arrive the first time */
        return ERROR_NONE;
    }
    if (!message_may_become(moving->status, MESSAGE_ACCEPTED, MESSAGE_ACTOR_BROKER, facts) ||
        moving->status != MESSAGE_DISPATCHED)
        return ERROR_NONE;
    *verdict = STORE_VERDICT_RELEASE;
    return move(connection, moving, MESSAGE_ACCEPTED, NULL, NULL);
}

enum error read_all_moving(struct store_connection *connection, sqlite3_stmt *select,
                           struct moving moving[STORE_MAX_CLAIM], size_t *count)
{
    bool row = true;
    *count = 0;
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row))
        read_moving(select, &moving[(*count)++]);
    sqlite3_reset(select);
    return error;
}

enum error queue_offered(struct store_connection *connection, struct moving moving[STORE_MAX_CLAIM],
                         size_t count)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = move_back(connection, &moving[i], false, 0, NULL, NULL);
    return error;
}
