/* Phones and brokers in SQLite: who is there, and what becomes of what a phone had. */
#include "common/store/sqlite/transition.h"

#include <string.h>

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

/* The entry of a message's current attempt in a phone's journal; NULL without one. There may be
   others of the same message: attempts of which a report is not acknowledged yet. */
static struct store_journal_entry *find_entry(struct store_write *write,
                                              const struct moving *moving)
{
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        struct store_journal_entry *entry = &write->connect.entries[i];
        if (message_id_equal(&entry->id, &moving->id) && entry->attempt == moving->attempt)
            return entry;
    }
    return NULL;
}

/* What becomes of a message that a phone had when it connects anew; *held: it still has it. */
static enum error settle(struct store_connection *connection, struct store_write *write,
                         struct moving *moving, bool *held)
{
    const struct store_holder *phone = &write->connect.phone;
    struct store_journal_entry *entry = find_entry(write, moving);
    bool basic = message_id_equal(&moving->journal, &no_journal);
    *held = false;
    if (!basic && !message_id_equal(&moving->journal, &phone->journal)) {
        if (moving->status == MESSAGE_DISPATCHED)
            return move_back(connection, moving, false, 0, NULL, NULL);
        return move(connection, moving, MESSAGE_UNKNOWN, "journal_lost",
                    "the phone came back without the journal that knew the message");
    }
    if (entry) {
        enum store_verdict verdict;
        unsigned facts = facts_of(moving, phone, entry->attempt) | MESSAGE_OF_SESSION;
        enum error error = judge_offer(connection, moving, facts, &verdict);
        if (entry->offered)
            entry->verdict = verdict;
        *held = verdict == STORE_VERDICT_RELEASE;
        if (error != ERROR_NONE || *held)
            return error;
    }
    *held = moving->status != MESSAGE_DISPATCHED;
    return *held ? ERROR_NONE : move_back(connection, moving, false, 0, NULL, NULL);
}

/* Everything the phone had: what it still has goes into `held`, and its journal is judged. */
static enum error settle_all(struct store_connection *connection, struct store_write *write)
{
    enum { MOST = 1024 };
    struct found {
        struct moving moving;
        int64_t silent_ms;
    } *found = workspace(connection, MOST * sizeof(*found));
    size_t count = 0;
    bool row = true;

    if (!found)
        return ERROR_INTERNAL;
    sqlite3_stmt *select = statement(connection, SELECT_IN_HAND);
    bind_text(select, 1, write->connect.phone.device_id);
    bind_integer(select, 2, MOST);
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row)) {
        read_moving(select, &found[count].moving);
        found[count].silent_ms = MAX(0, connection->now_ms -
                                            sqlite3_column_int64(select, MOVING_COLUMN_COUNT));
        count++;
    }
    sqlite3_reset(select);

    for (size_t i = 0; i < write->connect.entry_count; i++)
        write->connect.entries[i].verdict = write->connect.entries[i].offered ? STORE_VERDICT_DROP
                                                                              : STORE_VERDICT_NONE;
    write->connect.held_count = 0;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        bool held;
        error = settle(connection, write, &found[i].moving, &held);
        if (held && write->connect.held_count < write->connect.held_capacity)
            write->connect.held[write->connect.held_count++] = (struct store_held_message){
                .id = found[i].moving.id,
                .attempt = found[i].moving.attempt,
                .silent_ms = found[i].silent_ms,
                .revoke = found[i].moving.revoke,
            };
    }
    return error;
}

enum error connect_device(struct store_connection *connection, struct store_write *write)
{
    bool row;
    const char *device_id = write->connect.phone.device_id;
    enum error error = ERROR_NONE;
    write->connect.quarantined = false;
    if (*write->connect.token_id)
        error = check_token(connection, write->connect.token_id, device_id);
    if (error == ERROR_NONE && *write->connect.token_id)
        error = note_identity(connection, &write->connect.phone, write->connect.token_id,
                              write->connect.info.name, &write->connect.quarantined);
    if (error != ERROR_NONE || write->connect.quarantined)
        return error;
    sqlite3_stmt *upsert = statement(connection, CONNECT_DEVICE);
    bind_device(upsert, device_id, &write->connect.info);
    bind_id(upsert, 8, &write->connect.broker);
    bind_integer(upsert, 9, connection->now_ms);
    error = step(connection, upsert, &row);
    if (error != ERROR_NONE)
        return error;
    if (!row)
        return ERROR_INTERNAL;
    write->connect.session = sqlite3_column_int64(upsert, 0);
    error = run(connection, upsert);
    if (error == ERROR_NONE && connection->brakes.limits.device_window_ms > 0) {
        struct device_use use;
        error = read_device_use(connection, device_id, &use);
        write->connect.recent_segments = use.in_window + use.before_window;
    }
    return error == ERROR_NONE ? settle_all(connection, write) : error;
}

enum error update_device(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, UPDATE_DEVICE);
    bind_device(update, write->update.device_id, &write->update.info);
    bind_integer(update, 8, write->update.session);
    bind_integer(update, 9, connection->now_ms);
    return run(connection, update);
}

enum error disconnect_device(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, DISCONNECT_DEVICE);
    bind_text(update, 1, write->disconnect.device_id);
    bind_integer(update, 2, write->disconnect.session);
    bind_integer(update, 3, connection->now_ms);
    return run(connection, update);
}

/* Ends a broker instance: what it had offered is queued again, its phones are not connected. */
static enum error end_broker(struct store_connection *connection, const struct message_id *instance)
{
    struct moving *moving = workspace(connection, STORE_MAX_CLAIM * sizeof(*moving));
    size_t count;
    if (!moving)
        return ERROR_INTERNAL;
    do {
        sqlite3_stmt *select = statement(connection, SELECT_OFFERED_BY_BROKER);
        bind_id(select, 1, instance);
        bind_integer(select, 2, STORE_MAX_CLAIM);
        enum error failure = read_all_moving(connection, select, moving, &count);
        if (failure == ERROR_NONE)
            failure = queue_offered(connection, moving, count);
        if (failure != ERROR_NONE)
            return failure;
    } while (count == STORE_MAX_CLAIM);

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

enum error lease_broker(struct store_connection *connection, struct store_write *write)
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
