/*
 * Brakes in SQLite: how much is accepted, how much a phone is given, and whether anything is sent.
 *
 * The counts of all messages and of a key are read once in a transaction, added up beside it, and written
 * at its end: the write lock makes that exact. A phone number's are a row of their own for each message,
 * and so are counted at once.
 */
#include "common/store/sqlite/transition.h"

#include "common/base/log.h"

#include <string.h>

enum kind { KIND_DAY, KIND_KEY, KIND_RECIPIENT, KIND_MINUTE };

enum { TIDY_ROWS = 200, MINUTE_MS = 60000, DAY_MS = 86400000 };

static const char burst_reason[] = "more messages than PAUSE_AFTER_MESSAGES within ten minutes";

/* ---- A transaction's counts ---- */

void sqlite_begin_brakes(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    brakes->looked = brakes->pauses = false;
    brakes->today = connection->now_ms / DAY_MS;
    brakes->minute = connection->now_ms / MINUTE_MS;
    brakes->refusal = ERROR_NONE;
    brakes->day = brakes->burst = (struct brakes_count){0};
    brakes->key_count = 0;
}

static enum error read_accepted(struct store_connection *connection, enum kind kind,
                                const char *name, int64_t *count)
{
    sqlite3_stmt *select = statement(connection, READ_ACCEPTED);
    bind_integer(select, 1, kind);
    bind_integer(select, 2, connection->brakes.today);
    bind_text(select, 3, name);
    return read_integer(connection, select, count);
}

static enum error add_accepted(struct store_connection *connection, enum kind kind, int64_t period,
                               struct brakes_count *count)
{
    if (count->added == 0)
        return ERROR_NONE;
    sqlite3_stmt *insert = statement(connection, ADD_ACCEPTED);
    bind_integer(insert, 1, kind);
    bind_integer(insert, 2, period);
    bind_text(insert, 3, count->key_id);
    bind_integer(insert, 4, count->added);
    enum error error = run(connection, insert);
    if (error == ERROR_NONE) {
        count->stored += count->added;
        count->added = 0;
    }
    return error;
}

static enum error flush_keys(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < brakes->key_count && error == ERROR_NONE; i++)
        error = add_accepted(connection, KIND_KEY, brakes->today, &brakes->keys[i]);
    if (error == ERROR_NONE)
        brakes->key_count = 0;
    return error;
}

static enum error find_key_count(struct store_connection *connection, const char *key_id,
                                 struct brakes_count **count)
{
    struct brakes *brakes = &connection->brakes;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < brakes->key_count; i++) {
        *count = &brakes->keys[i];
        if (strcmp((*count)->key_id, key_id) == 0)
            return ERROR_NONE;
    }
    if (brakes->key_count == ARRAY_LENGTH(brakes->keys))
        error = flush_keys(connection);
    if (error != ERROR_NONE)
        return error;
    *count = &brakes->keys[brakes->key_count];
    **count = (struct brakes_count){0};
    strcpy((*count)->key_id, key_id);
    error = read_accepted(connection, KIND_KEY, key_id, &(*count)->stored);
    brakes->key_count += error == ERROR_NONE;
    return error;
}

/* ---- New messages ---- */

enum error brakes_read_paused(struct store_connection *connection, bool *paused)
{
    int64_t number = 0;
    enum error error = read_integer(connection, statement(connection, IS_PAUSED), &number);
    *paused = number != 0;
    return error;
}

static enum error is_queue_old(struct store_connection *connection, bool *old)
{
    int64_t since_ms = connection->now_ms;
    sqlite3_stmt *select = statement(connection, READ_QUEUED_SINCE);
    bind_integer(select, 1, connection->now_ms);
    enum error error = read_integer(connection, select, &since_ms);
    *old = connection->now_ms - since_ms > connection->brakes.limits.max_queue_age_ms;
    return error;
}

static enum error read_burst(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    sqlite3_stmt *select = statement(connection, READ_BURST);
    bind_integer(select, 1, brakes->minute - STORE_BURST_MINUTES);
    bind_integer(select, 2,
                 brakes->minute + STORE_BURST_MINUTES); /* a clock may go back a little */
    return read_integer(connection, select, &brakes->burst.stored);
}

/* What is the same for all new messages of a transaction. */
static enum error look(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    bool paused = false, old = false;
    enum error error = brakes_read_paused(connection, &paused);
    if (error == ERROR_NONE && brakes->limits.max_queue_age_ms > 0)
        error = is_queue_old(connection, &old);
    if (error == ERROR_NONE && brakes->limits.daily_messages > 0)
        error = read_accepted(connection, KIND_DAY, NULL, &brakes->day.stored);
    if (error == ERROR_NONE && brakes->limits.pause_after_messages > 0)
        error = read_burst(connection);
    if (error != ERROR_NONE)
        return error;
    brakes->looked = true;
    brakes->refusal = paused ? ERROR_SENDING_PAUSED : old ? ERROR_QUEUE_FULL : ERROR_NONE;
    return ERROR_NONE;
}

static bool is_full(const struct brakes_count *count, int64_t most)
{
    return most > 0 && count->stored + count->added >= most;
}

static enum error count_recipient(struct store_connection *connection, const char *number)
{
    bool below;
    sqlite3_stmt *count = statement(connection, COUNT_RECIPIENT);
    bind_integer(count, 1, connection->brakes.today);
    bind_text(count, 2, number);
    bind_integer(count, 3, connection->brakes.limits.recipient_daily_messages);
    enum error error = step(connection, count, &below);
    sqlite3_reset(count);
    return error == ERROR_NONE && !below ? ERROR_RECIPIENT_CAP_REACHED : error;
}

static void count_burst(struct brakes *brakes, int number)
{
    int64_t most = brakes->limits.pause_after_messages;
    if (most == 0)
        return;
    brakes->burst.added += number;
    bool pauses = brakes->burst.stored + brakes->burst.added > most;
    if (pauses != brakes->pauses)
        brakes->refusal = pauses ? ERROR_SENDING_PAUSED : ERROR_NONE;
    brakes->pauses = pauses;
}

static bool has_key_limit(const struct store_write *write)
{
    return write->enqueue.key_daily_messages > 0 && *write->enqueue.key_id;
}

enum error brakes_admit(struct store_connection *connection, const struct store_write *write)
{
    struct brakes *brakes = &connection->brakes;
    struct brakes_count *key = NULL;
    enum error error = brakes->looked ? ERROR_NONE : look(connection);
    if (error == ERROR_NONE)
        error = brakes->refusal;
    if (error == ERROR_NONE && is_full(&brakes->day, brakes->limits.daily_messages))
        error = ERROR_DAILY_CAP_REACHED;
    if (error == ERROR_NONE && has_key_limit(write)) {
        error = find_key_count(connection, write->enqueue.key_id, &key);
        if (error == ERROR_NONE && is_full(key, write->enqueue.key_daily_messages))
            error = ERROR_KEY_CAP_REACHED;
    }
    if (error == ERROR_NONE && brakes->limits.recipient_daily_messages > 0)
        error = count_recipient(connection, write->enqueue.message->phone_number);
    if (error != ERROR_NONE)
        return error;
    brakes->day.added += brakes->limits.daily_messages > 0;
    if (key)
        key->added++;
    count_burst(brakes, 1);
    return ERROR_NONE;
}

static enum error uncount_recipient(struct store_connection *connection, const char *number)
{
    sqlite3_stmt *uncount = statement(connection, UNCOUNT_RECIPIENT);
    bind_integer(uncount, 1, connection->brakes.today);
    bind_text(uncount, 2, number);
    return run(connection, uncount);
}

void brakes_take_back(struct store_connection *connection, const struct store_write *write)
{
    struct brakes *brakes = &connection->brakes;
    struct brakes_count *key;
    enum error error = ERROR_NONE;
    brakes->day.added -= brakes->limits.daily_messages > 0;
    count_burst(brakes, -1);
    if (has_key_limit(write)) {
        error = find_key_count(connection, write->enqueue.key_id, &key);
        if (error == ERROR_NONE)
            key->added--;
    }
    if (error == ERROR_NONE && brakes->limits.recipient_daily_messages > 0)
        error = uncount_recipient(connection, write->enqueue.message->phone_number);
    if (error == ERROR_NONE || sqlite3_get_autocommit(connection->db))
        return;
    /* Then none of the transaction may stand. */
    error = run(connection, statement(connection, ROLLBACK_WRITE));
    (void)error;
}

/* ---- The end of a transaction ---- */

static enum error delete_old(struct store_connection *connection, enum kind kind, int64_t before,
                             bool *more)
{
    sqlite3_stmt *delete = statement(connection, DELETE_OLD_ACCEPTED);
    bind_integer(delete, 1, kind);
    bind_integer(delete, 2, before);
    bind_integer(delete, 3, TIDY_ROWS);
    enum error error = run(connection, delete);
    *more |= error == ERROR_NONE && sqlite3_changes(connection->db) == TIDY_ROWS;
    return error;
}

/* Yesterday's stay, for a clock that goes back over midnight. */
static enum error tidy(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    bool more = false;
    enum error error = ERROR_NONE;
    for (enum kind kind = KIND_DAY; kind <= KIND_MINUTE && error == ERROR_NONE; kind++)
        error = delete_old(
            connection, kind,
            kind == KIND_MINUTE ? brakes->minute - STORE_BURST_MINUTES : brakes->today - 1, &more);
    if (error == ERROR_NONE && !more)
        brakes->tidied_minute = brakes->minute;
    return error;
}

enum error sqlite_flush_brakes(struct store_connection *connection)
{
    struct brakes *brakes = &connection->brakes;
    if (!brakes->looked)
        return ERROR_NONE;
    enum error error = flush_keys(connection);
    if (error == ERROR_NONE)
        error = add_accepted(connection, KIND_DAY, brakes->today, &brakes->day);
    if (error == ERROR_NONE)
        error = add_accepted(connection, KIND_MINUTE, brakes->minute, &brakes->burst);
    if (error == ERROR_NONE && brakes->pauses) {
        sqlite3_stmt *pause = statement(connection, PAUSE_SENDING);
        bind_integer(pause, 1, connection->now_ms);
        bind_text(pause, 2, burst_reason);
        error = run(connection, pause);
    }
    if (error == ERROR_NONE && brakes->minute != brakes->tidied_minute)
        error = tidy(connection);
    return error;
}

void sqlite_report_brakes(const struct store_connection *connection)
{
    if (connection->brakes.pauses)
        log_error(
            "sending is paused; `sms-gateway sending resume` ends that",
            LOG_TEXT("reason", burst_reason),
            LOG_NUMBER("pause_after_messages", connection->brakes.limits.pause_after_messages));
}

/* ---- Pausing by hand ---- */

enum error set_sending(struct store_connection *connection, struct store_write *write)
{
    struct brakes *brakes = &connection->brakes;
    bool pause = write->set_sending.pause;
    sqlite3_stmt *update = statement(connection, pause ? PAUSE_SENDING : RESUME_SENDING);
    if (pause) {
        bind_integer(update, 1, connection->now_ms);
        bind_text(update, 2, write->set_sending.reason);
    }
    enum error error = run(connection, update);
    write->set_sending.changed = error == ERROR_NONE && sqlite3_changes(connection->db) == 1;
    if (error == ERROR_NONE && !pause)
        error = run(connection, statement(connection, END_BURST));
    if (error != ERROR_NONE)
        return error;
    if (pause) {
        brakes->refusal = ERROR_SENDING_PAUSED;
        return ERROR_NONE;
    }
    brakes->burst = (struct brakes_count){0};
    brakes->pauses = false;
    brakes->refusal = ERROR_NONE;
    return ERROR_NONE;
}

enum error sqlite_read_sending(struct store_connection *connection, struct store_sending *sending)
{
    bool row;
    *sending = (struct store_sending){0};
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, READ_SENDING);
    enum error error = step(connection, select, &row);
    if (error == ERROR_NONE && row) {
        sending->paused_since_ms = sqlite3_column_int64(select, 0);
        column_text(select, 1, sending->reason, sizeof(sending->reason));
    }
    sqlite3_reset(select);
    return error;
}

/* ---- Phones ---- */

enum error read_device_use(struct store_connection *connection, const char *device_id,
                           struct device_use *use)
{
    const struct brakes *brakes = &connection->brakes;
    int64_t window_ms = brakes->limits.device_window_ms;
    bool row;
    *use = (struct device_use){
        .device_id = device_id,
        .day = brakes->today,
        .window = window_ms > 0 ? connection->now_ms / window_ms : 0,
    };
    sqlite3_stmt *select = statement(connection, READ_DEVICE_USE);
    bind_text(select, 1, device_id);
    enum error error = step(connection, select, &row);
    if (error == ERROR_NONE && row) {
        int64_t day = sqlite3_column_int64(select, 0), window = sqlite3_column_int64(select, 2);
        /* The one that follows is this one too: a clock may go back a little. */
        if (day == use->day || day == use->day + 1) {
            use->day = day;
            use->in_day = sqlite3_column_int64(select, 1);
        }
        if (window == use->window || window == use->window + 1) {
            use->window = window;
            use->in_window = sqlite3_column_int64(select, 3);
            use->before_window = sqlite3_column_int64(select, 4);
        } else if (window == use->window - 1) {
            use->before_window = sqlite3_column_int64(select, 3);
        }
    }
    sqlite3_reset(select);
    return error;
}

enum error write_device_use(struct store_connection *connection, const struct device_use *use)
{
    sqlite3_stmt *upsert = statement(connection, WRITE_DEVICE_USE);
    bind_text(upsert, 1, use->device_id);
    bind_integer(upsert, 2, use->day);
    bind_integer(upsert, 3, use->in_day);
    bind_integer(upsert, 4, use->window);
    bind_integer(upsert, 5, use->in_window);
    bind_integer(upsert, 6, use->before_window);
    return run(connection, upsert);
}

bool limits_devices(const struct store_connection *connection)
{
    const struct store_limits *limits = &connection->brakes.limits;
    return limits->device_daily_segments > 0 || limits->device_window_ms > 0;
}

enum error uncount_device(struct store_connection *connection, const struct moving *moving)
{
    int64_t reached_at_ms[MESSAGE_STATUS_COUNT] = {0};
    int64_t window_ms = connection->brakes.limits.device_window_ms;
    if (!limits_devices(connection))
        return ERROR_NONE;
    bool basic = message_id_equal(&moving->journal, &no_journal);
    sqlite_read_times(moving->times, reached_at_ms);
    sqlite3_stmt *uncount = statement(connection, UNCOUNT_DEVICE);
    bind_text(uncount, 1, moving->device_id);
    int64_t given_at_ms = reached_at_ms[basic ? MESSAGE_ACCEPTED : MESSAGE_DISPATCHED];
    bind_integer(uncount, 2, given_at_ms / DAY_MS);
    bind_integer(uncount, 3, moving->segments);
    bind_integer(uncount, 4, window_ms > 0 ? given_at_ms / window_ms : -1);
    return run(connection, uncount);
}
