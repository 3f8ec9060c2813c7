/* The write verbs in SQLite. Each runs inside a savepoint: it may return at the first error. */
#include "store_sqlite.h"

#include "../log.h"

#include <stdlib.h>
#include <string.h>

/* A message about to move, as SELECT_FOR_MOVE and its like give it. */
struct moving {
    int64_t seq;
    int64_t event_count;
    unsigned attempt;
    enum message_status status;
    char device_id[DEVICE_ID_SIZE];
};

static void read_moving(sqlite3_stmt *row, struct moving *moving)
{
    moving->seq = sqlite3_column_int64(row, 0);
    moving->event_count = sqlite3_column_int64(row, 1);
    moving->attempt = (unsigned)sqlite3_column_int(row, 2);
    moving->status = (enum message_status)sqlite3_column_int(row, 3);
    column_text(row, 4, moving->device_id, sizeof(moving->device_id));
}

static enum error append_event(struct store_connection *connection, int64_t seq, int64_t number,
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

/* Runs one of the MOVE statements, of which the first five parameters are the same; everything
   about the message must still be as it was read. */
static enum error run_move(struct store_connection *connection, sqlite3_stmt *update,
                           const struct moving *moving, enum message_status to)
{
    bind_integer(update, 1, moving->seq);
    bind_integer(update, 2, moving->status);
    bind_integer(update, 3, moving->attempt);
    bind_integer(update, 4, to);
    bind_integer(update, 5, connection->now_ms);
    enum error error = run(connection, update);
    if (error != ERROR_NONE)
        return error;
    if (sqlite3_changes(connection->db) != 1) {
        log_error("a message is not as it was read", LOG_NUMBER("seq", moving->seq));
        return ERROR_INTERNAL;
    }
    connection->count_delta[moving->status]--;
    connection->count_delta[to]++;
    return ERROR_NONE;
}

/* Moves a message within the same phone's hands. */
static enum error move(struct store_connection *connection, const struct moving *moving,
                       enum message_status to, const char *error_code, const char *error_message)
{
    sqlite3_stmt *update = statement(connection, MOVE);
    bind_text(update, 6, error_code);
    bind_text(update, 7, error_message);
    enum error error = run_move(connection, update, moving, to);
    if (error != ERROR_NONE)
        return error;
    return append_event(connection, moving->seq, moving->event_count + 1, to, moving->attempt,
                        moving->device_id, error_code, error_message, connection->now_ms);
}

/* Moves a message into a phone's hands, or, with "", out of them. */
static enum error move_to_device(struct store_connection *connection, const struct moving *moving,
                                 enum message_status to, unsigned attempt, const char *device_id)
{
    sqlite3_stmt *update = statement(connection, MOVE_TO_DEVICE);
    bind_text(update, 6, device_id);
    bind_integer(update, 7, attempt);
    enum error error = run_move(connection, update, moving, to);
    if (error != ERROR_NONE)
        return error;
    return append_event(connection, moving->seq, moving->event_count + 1, to, attempt, device_id,
                        NULL, NULL, connection->now_ms);
}

static enum error find_moving(struct store_connection *connection, const struct message_id *id,
                              struct moving *moving, bool *found)
{
    sqlite3_stmt *select = statement(connection, SELECT_FOR_MOVE);
    bind_id(select, 1, id);
    enum error error = step(connection, select, found);
    if (error == ERROR_NONE && *found)
        read_moving(select, moving);
    sqlite3_reset(select);
    return error;
}

/* ---- Messages ---- */

static enum error enqueue(struct store_connection *connection, struct store_write *write)
{
    const struct message *message = write->enqueue.message;
    int64_t created_at_ms = message_id_time_ms(&message->id);
    sqlite3_stmt *insert = statement(connection, INSERT_MESSAGE);
    bind_id(insert, 1, &message->id);
    bind_text(insert, 2, message->phone_number);
    bind_text(insert, 3, message->text);
    bind_integer(insert, 4, message->encoding);
    bind_integer(insert, 5, message->segments);
    bind_integer(insert, 6, created_at_ms);
    enum error error = run(connection, insert);
    if (error != ERROR_NONE)
        return error;
    connection->count_delta[MESSAGE_QUEUED]++;
    return append_event(connection, sqlite3_last_insert_rowid(connection->db), 1, MESSAGE_QUEUED, 0,
                        NULL, NULL, NULL, created_at_ms);
}

static enum error read_queued(sqlite3_stmt *row, struct moving *moving, struct message *message)
{
    *moving = (struct moving){
        .seq = sqlite3_column_int64(row, 0),
        .event_count = sqlite3_column_int64(row, 1),
        .attempt = (unsigned)sqlite3_column_int(row, 2),
        .status = MESSAGE_QUEUED,
    };
    *message = (struct message){0};
    if (!column_id(row, 3, &message->id))
        return ERROR_INTERNAL;
    column_text(row, 4, message->phone_number, sizeof(message->phone_number));
    const char *text = (const char *)sqlite3_column_text(row, 5);
    message->text = text ? strdup(text) : NULL;
    message->encoding = (enum sms_encoding)sqlite3_column_int(row, 6);
    message->segments = (unsigned)sqlite3_column_int(row, 7);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error hand_over(struct store_connection *connection, struct store_write *write)
{
    static _Thread_local struct moving moving[STORE_MAX_HAND_OVER];
    struct message *messages = write->hand_over.messages;
    size_t *count = &write->hand_over.message_count;
    bool row = true;

    /* All are read before the first is moved, because moving changes the index that is read. */
    sqlite3_stmt *select = statement(connection, SELECT_QUEUED);
    bind_integer(select, 1, (int64_t)write->hand_over.slot_count);
    *count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        error = read_queued(select, &moving[*count], &messages[*count]);
        ++*count;
        if (error == ERROR_NONE)
            error = step(connection, select, &row);
    }
    sqlite3_reset(select);

    for (size_t i = 0; i < *count && error == ERROR_NONE; i++) {
        messages[i].attempt = moving[i].attempt + 1;
        messages[i].status = MESSAGE_ACCEPTED;
        strcpy(messages[i].device_id, write->hand_over.slots[i]);
        error = move_to_device(connection, &moving[i], MESSAGE_ACCEPTED, messages[i].attempt,
                               messages[i].device_id);
    }
    return error;
}

static enum error take_back(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->take_back.id, &moving, &found);
    if (error != ERROR_NONE || !found || moving.status != MESSAGE_ACCEPTED ||
        strcmp(moving.device_id, write->take_back.device_id) != 0)
        return error;
    return move_to_device(connection, &moving, MESSAGE_QUEUED, moving.attempt, "");
}

static enum error report(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->report.id, &moving, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found || strcmp(moving.device_id, write->report.device_id) != 0)
        return ERROR_MESSAGE_NOT_HELD;
    write->report.changed = message_status_may_become(moving.status, write->report.status,
                                                      MESSAGE_ACTOR_PHONE);
    if (!write->report.changed)
        return ERROR_NONE;
    return move(connection, &moving, write->report.status, write->report.error_code,
                write->report.error_message);
}

static enum error give_up(struct store_connection *connection, struct store_write *write)
{
    static _Thread_local struct moving moving[STORE_MAX_HAND_OVER];
    unsigned count = 0;
    bool row = true;

    sqlite3_stmt *select = statement(connection, SELECT_SILENT);
    bind_integer(select, 1, write->give_up.silent_since_ms);
    bind_integer(select, 2, MIN(write->give_up.limit, (unsigned)STORE_MAX_HAND_OVER));
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row))
        read_moving(select, &moving[count++]);
    sqlite3_reset(select);

    for (unsigned i = 0; i < count && error == ERROR_NONE; i++)
        error = move(connection, &moving[i], MESSAGE_UNKNOWN, "no_report",
                     "the phone has not said what became of the message");
    write->give_up.count = count;
    return error;
}

/* ---- Phones and brokers ---- */

/* Parameters 1 to 7 of CONNECT_DEVICE and UPDATE_DEVICE. */
static void bind_device(sqlite3_stmt *change, const char *device_id, const struct device_info *info)
{
    bind_text(change, 1, device_id);
    bind_text(change, 2, info->name);
    bind_text(change, 3, info->android_version);
    if (info->battery_level >= 0)
        sqlite3_bind_double(change, 4, info->battery_level);
    if (info->charging >= 0)
        bind_integer(change, 5, info->charging);
    if (info->has_signal_strength)
        bind_integer(change, 6, info->signal_strength);
    bind_text(change, 7, info->extra);
}

static enum error read_held(struct store_connection *connection, struct store_write *write)
{
    bool row = true;
    sqlite3_stmt *select = statement(connection, SELECT_HELD);
    bind_text(select, 1, write->connect.device_id);
    bind_integer(select, 2, (int64_t)write->connect.held_capacity);
    write->connect.held_count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        struct store_held_message *held = &write->connect.held[write->connect.held_count++];
        held->silent_ms = MAX(0, connection->now_ms - sqlite3_column_int64(select, 1));
        error = column_id(select, 0, &held->id) ? step(connection, select, &row) : ERROR_INTERNAL;
    }
    sqlite3_reset(select);
    return error;
}

static enum error connect_device(struct store_connection *connection, struct store_write *write)
{
    bool row;
    sqlite3_stmt *upsert = statement(connection, CONNECT_DEVICE);
    bind_device(upsert, write->connect.device_id, &write->connect.info);
    bind_id(upsert, 8, &write->connect.broker);
    bind_integer(upsert, 9, connection->now_ms);
    enum error error = step(connection, upsert, &row);
    if (error != ERROR_NONE)
        return error;
    if (!row)
        return ERROR_INTERNAL;
    write->connect.session = sqlite3_column_int64(upsert, 0);
    error = run(connection, upsert);
    return error == ERROR_NONE ? read_held(connection, write) : error;
}

static enum error update_device(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, UPDATE_DEVICE);
    bind_device(update, write->update.device_id, &write->update.info);
    bind_integer(update, 8, write->update.session);
    bind_integer(update, 9, connection->now_ms);
    return run(connection, update);
}

static enum error disconnect_device(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, DISCONNECT_DEVICE);
    bind_text(update, 1, write->disconnect.device_id);
    bind_integer(update, 2, write->disconnect.session);
    bind_integer(update, 3, connection->now_ms);
    return run(connection, update);
}

/* Ends a broker instance: its phones are no longer connected. */
static enum error end_broker(struct store_connection *connection, const struct message_id *instance)
{
    sqlite3_stmt *disconnect = statement(connection, DISCONNECT_BROKER);
    bind_id(disconnect, 1, instance);
    bind_integer(disconnect, 2, connection->now_ms);
    enum error error = run(connection, disconnect);
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *delete = statement(connection, DELETE_BROKER);
    bind_id(delete, 1, instance);
    return run(connection, delete);
}

static enum error lease_broker(struct store_connection *connection, struct store_write *write)
{
    if (write->lease.lease_ms == 0)
        return end_broker(connection, &write->lease.instance);

    struct message_id before = write->lease.instance;
    bool found;
    sqlite3_stmt *select = statement(connection, SELECT_BROKER);
    bind_text(select, 1, write->lease.name);
    enum error error = step(connection, select, &found);
    if (error == ERROR_NONE && found && !column_id(select, 0, &before))
        error = ERROR_INTERNAL;
    sqlite3_reset(select);
    if (error == ERROR_NONE && !message_id_equal(&before, &write->lease.instance))
        error = end_broker(connection, &before);
    if (error != ERROR_NONE)
        return error;

    sqlite3_stmt *upsert = statement(connection, LEASE_BROKER);
    bind_text(upsert, 1, write->lease.name);
    bind_id(upsert, 2, &write->lease.instance);
    bind_integer(upsert, 3, connection->now_ms + write->lease.lease_ms);
    return run(connection, upsert);
}

static enum error write_probe(struct store_connection *connection, struct store_write *write)
{
    (void)write;
    sqlite3_stmt *update = statement(connection, WRITE_PROBE);
    bind_integer(update, 1, connection->now_ms);
    return run(connection, update);
}

/* ---- */

enum error sqlite_run_write(struct store_connection *connection, struct store_write *write)
{
    static enum error (*const verbs[STORE_VERB_COUNT])(struct store_connection *,
                                                       struct store_write *) = {
        [STORE_ENQUEUE] = enqueue,
        [STORE_HAND_OVER] = hand_over,
        [STORE_TAKE_BACK] = take_back,
        [STORE_REPORT] = report,
        [STORE_GIVE_UP] = give_up,
        [STORE_DEVICE_CONNECT] = connect_device,
        [STORE_DEVICE_UPDATE] = update_device,
        [STORE_DEVICE_DISCONNECT] = disconnect_device,
        [STORE_BROKER_LEASE] = lease_broker,
        [STORE_PROBE] = write_probe,
    };
    return verbs[write->verb](connection, write);
}

enum error sqlite_flush_counts(struct store_connection *connection)
{
    enum error error = ERROR_NONE;
    for (int i = 0; i < MESSAGE_STATUS_COUNT && error == ERROR_NONE; i++) {
        if (connection->count_delta[i] == 0)
            continue;
        sqlite3_stmt *update = statement(connection, ADD_TO_COUNT);
        bind_integer(update, 1, i);
        bind_integer(update, 2, connection->count_delta[i]);
        error = run(connection, update);
    }
    return error;
}
