/* The write verbs in SQLite. Each runs inside a savepoint: it may return at the first error. */
#include "store_sqlite.h"

#include "../log.h"

#include <stdlib.h>
#include <string.h>

/* A message about to move, as the statements with MOVING_COLUMNS give it. */
struct moving {
    int64_t seq;
    int64_t event_count;
    unsigned attempt;
    enum message_status status;
    char device_id[DEVICE_ID_SIZE];
    struct message_id id;
    struct message_id journal; /* zero: without one */
    unsigned failures;
    bool revoke; /* somebody wants it cancelled */
};

enum { MOVING_COLUMN_COUNT = 9 };

static void read_moving(sqlite3_stmt *row, struct moving *moving)
{
    *moving = (struct moving){
        .seq = sqlite3_column_int64(row, 0),
        .event_count = sqlite3_column_int64(row, 1),
        .attempt = (unsigned)sqlite3_column_int(row, 2),
        .status = (enum message_status)sqlite3_column_int(row, 3),
        .failures = (unsigned)sqlite3_column_int(row, 7),
        .revoke = sqlite3_column_int(row, 8),
    };
    column_text(row, 4, moving->device_id, sizeof(moving->device_id));
    (void)!column_id(row, 5, &moving->id);
    (void)!column_id(row, 6, &moving->journal);
}

static const struct message_id no_journal;

/* What is true of a wish of this phone, about that attempt (0: it does not say). */
static unsigned facts_of(const struct moving *moving, const struct store_slot *phone,
                         unsigned attempt)
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

/* Moves a queued message into a phone's hands. */
static enum error move_to_device(struct store_connection *connection, const struct moving *moving,
                                 const struct store_slot *phone)
{
    enum message_status to = phone->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    sqlite3_stmt *update = statement(connection, MOVE_TO_DEVICE);
    bind_text(update, 6, phone->device_id);
    if (phone->assured)
        bind_id(update, 7, &phone->journal);
    enum error error = run_move(connection, update, moving, to);
    if (error != ERROR_NONE)
        return error;
    return append_event(connection, moving->seq, moving->event_count + 1, to, moving->attempt + 1,
                        phone->device_id, NULL, NULL, connection->now_ms);
}

/* Moves a message out of a phone's hands: nothing of this attempt was sent. When somebody wants it
   cancelled it now is; when phones `failed` with it too often, it has failed itself. */
static enum error move_back(struct store_connection *connection, const struct moving *moving,
                            bool failed, int64_t pause_ms, const char *error_code,
                            const char *error_message)
{
    sqlite3_stmt *update = statement(connection, MOVE_BACK);
    bind_text(update, 6, error_code);
    bind_text(update, 7, error_message);
    bind_integer(update, 8, failed);
    bind_integer(update, 9, pause_ms > 0 ? connection->now_ms + pause_ms : 0);
    enum error error = run_move(connection, update, moving, MESSAGE_QUEUED);
    if (error == ERROR_NONE)
        error = append_event(connection, moving->seq, moving->event_count + 1, MESSAGE_QUEUED,
                             moving->attempt, NULL, error_code, error_message, connection->now_ms);
    bool exhausted = failed && moving->failures + 1 >= STORE_MAX_FAILURES;
    if (error != ERROR_NONE || (!moving->revoke && !exhausted))
        return error;
    struct moving queued = *moving;
    queued.status = MESSAGE_QUEUED;
    queued.event_count++;
    queued.device_id[0] = '\0';
    return move(connection, &queued, moving->revoke ? MESSAGE_CANCELLED : MESSAGE_FAILED,
                error_code, error_message);
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

static enum error cancel(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->cancel.id, &moving, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    if (message_may_become(moving.status, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0))
        return move(connection, &moving, MESSAGE_CANCELLED, NULL, NULL);
    write->cancel.asked = moving.status == MESSAGE_ACCEPTED &&
                          !message_id_equal(&moving.journal, &no_journal);
    if (!write->cancel.asked)
        return ERROR_NOT_CANCELLABLE;
    sqlite3_stmt *want = statement(connection, WANT_REVOKED);
    bind_integer(want, 1, moving.seq);
    return run(connection, want);
}

static enum error read_queued(sqlite3_stmt *row, struct moving *moving, struct message *message)
{
    read_moving(row, moving);
    *message = (struct message){.id = moving->id};
    column_text(row, MOVING_COLUMN_COUNT, message->phone_number, sizeof(message->phone_number));
    const char *text = (const char *)sqlite3_column_text(row, MOVING_COLUMN_COUNT + 1);
    message->text = text ? strdup(text) : NULL;
    message->encoding = (enum sms_encoding)sqlite3_column_int(row, MOVING_COLUMN_COUNT + 2);
    message->segments = (unsigned)sqlite3_column_int(row, MOVING_COLUMN_COUNT + 3);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error hand_over(struct store_connection *connection, struct store_write *write)
{
    static _Thread_local struct moving moving[STORE_MAX_HAND_OVER];
    struct message *messages = write->hand_over.messages;
    size_t *count = &write->hand_over.message_count;
    bool row = true;

    /* All are read before the first is moved, because moving changes the index that is read. A
       pause that is longer than any can be was made by a clock that was wrong. */
    sqlite3_stmt *select = statement(connection, SELECT_QUEUED);
    bind_integer(select, 1, (int64_t)write->hand_over.slot_count);
    bind_integer(select, 2, connection->now_ms);
    bind_integer(select, 3, connection->now_ms + STORE_MAX_PAUSE_MS);
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
        const struct store_slot *slot = &write->hand_over.slots[i];
        messages[i].attempt = moving[i].attempt + 1;
        messages[i].status = slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
        strcpy(messages[i].device_id, slot->device_id);
        error = move_to_device(connection, &moving[i], slot);
    }
    return error;
}

static enum error find_session(struct store_connection *connection, const char *device_id,
                               int64_t *session)
{
    bool found;
    sqlite3_stmt *select = statement(connection, SELECT_SESSION);
    bind_text(select, 1, device_id);
    enum error error = step(connection, select, &found);
    *session = error == ERROR_NONE && found ? sqlite3_column_int64(select, 0) : 0;
    sqlite3_reset(select);
    return error;
}

/* What a phone that holds an offer is to be told, after the move that may follow from it. */
static enum error judge_offer(struct store_connection *connection, const struct moving *moving,
                              unsigned facts, enum store_verdict *verdict)
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

static enum error release_message(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    int64_t newest;
    const struct store_slot *phone = &write->release.phone;
    write->release.verdict = STORE_VERDICT_DROP;
    enum error error = find_session(connection, phone->device_id, &newest);
    if (error == ERROR_NONE)
        error = find_moving(connection, &write->release.id, &moving, &found);
    if (error != ERROR_NONE || !found)
        return error;
    unsigned facts = facts_of(&moving, phone, write->release.attempt);
    if (write->release.session == newest)
        facts |= MESSAGE_OF_SESSION;
    return judge_offer(connection, &moving, facts, &write->release.verdict);
}

static enum error take_back(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->take_back.id, &moving, &found);
    if (error != ERROR_NONE || !found)
        return error;
    struct store_slot phone = {.journal = moving.journal};
    strcpy(phone.device_id, write->take_back.device_id);
    unsigned facts = facts_of(&moving, &phone, write->take_back.attempt);
    /* The proof is the broker's own only where the frame itself was the release. */
    if (message_id_equal(&moving.journal, &no_journal))
        facts |= MESSAGE_NOTHING_SENT;
    if (!message_may_become(moving.status, MESSAGE_QUEUED, MESSAGE_ACTOR_BROKER, facts))
        return ERROR_NONE;
    return move_back(connection, &moving, write->take_back.refused, write->take_back.pause_ms,
                     write->take_back.error_code, NULL);
}

static enum error report(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->report.id, &moving, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found || strcmp(moving.device_id, write->report.phone.device_id) != 0)
        return ERROR_MESSAGE_NOT_HELD;
    unsigned facts = facts_of(&moving, &write->report.phone, write->report.attempt);
    if (write->report.nothing_sent)
        facts |= MESSAGE_NOTHING_SENT;
    write->report.changed = true;
    if (write->report.status == MESSAGE_FAILED && write->report.nothing_sent &&
        message_may_become(moving.status, MESSAGE_QUEUED, MESSAGE_ACTOR_PHONE, facts))
        return move_back(connection, &moving, true, write->report.pause_ms,
                         write->report.error_code, write->report.error_message);
    write->report.changed = message_may_become(moving.status, write->report.status,
                                               MESSAGE_ACTOR_PHONE, facts);
    if (!write->report.changed)
        return ERROR_NONE;
    return move(connection, &moving, write->report.status, write->report.error_code,
                write->report.error_message);
}

/* Reads the messages of a statement with MOVING_COLUMNS, of which the parameters are bound but the
   last, the limit. All of them, before the first is moved. */
static enum error read_all_moving(struct store_connection *connection, sqlite3_stmt *select,
                                  struct moving moving[STORE_MAX_HAND_OVER], size_t *count)
{
    bool row = true;
    *count = 0;
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row))
        read_moving(select, &moving[(*count)++]);
    sqlite3_reset(select);
    return error;
}

static enum error queue_offered(struct store_connection *connection,
                                const struct moving moving[STORE_MAX_HAND_OVER], size_t count)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = move_back(connection, &moving[i], false, 0, NULL, NULL);
    return error;
}

/* A time that has yet to come was written by a clock that was wrong: its message would be waited for
   until then. It counts as news of now. */
static enum error correct_future(struct store_connection *connection)
{
    enum { SLACK_MS = 60000 };
    sqlite3_stmt *update = statement(connection, CORRECT_FUTURE);
    bind_integer(update, 1, connection->now_ms);
    bind_integer(update, 2, connection->now_ms + SLACK_MS);
    return run(connection, update);
}

static enum error give_up(struct store_connection *connection, struct store_write *write)
{
    static _Thread_local struct moving moving[STORE_MAX_HAND_OVER];
    unsigned limit = MIN(write->give_up.limit, (unsigned)STORE_MAX_HAND_OVER);
    size_t count;

    enum error error = write->give_up.silent_since_ms > 0 ? correct_future(connection) : ERROR_NONE;
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *select = statement(connection, SELECT_SILENT);
    bind_integer(select, 1, write->give_up.silent_since_ms);
    bind_integer(select, 2, limit);
    error = read_all_moving(connection, select, moving, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = move(connection, &moving[i], MESSAGE_UNKNOWN, "no_report",
                     "the phone has not said what became of the message");
    write->give_up.unknown = (unsigned)count;
    if (error != ERROR_NONE)
        return error;

    select = statement(connection, SELECT_OFFERED);
    bind_integer(select, 1, write->give_up.offered_since_ms);
    bind_integer(select, 2, limit);
    error = read_all_moving(connection, select, moving, &count);
    write->give_up.queued = (unsigned)count;
    return error == ERROR_NONE ? queue_offered(connection, moving, count) : error;
}

static enum error find_revoked(struct store_connection *connection, struct store_write *write)
{
    bool row = true;
    sqlite3_stmt *select = statement(connection, SELECT_TO_REVOKE);
    bind_integer(select, 1, (int64_t)write->find_revoked.capacity);
    write->find_revoked.count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        struct store_revoked_message *message =
            &write->find_revoked.messages[write->find_revoked.count++];
        message->attempt = (unsigned)sqlite3_column_int(select, 1);
        column_text(select, 2, message->device_id, sizeof(message->device_id));
        error = column_id(select, 0, &message->id) ? step(connection, select, &row)
                                                   : ERROR_INTERNAL;
    }
    sqlite3_reset(select);
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
                         const struct moving *moving, bool *held)
{
    const struct store_slot *phone = &write->connect.phone;
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
    static _Thread_local struct {
        struct moving moving;
        int64_t silent_ms;
    } found[MOST];
    size_t count = 0;
    bool row = true;

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

static enum error connect_device(struct store_connection *connection, struct store_write *write)
{
    bool row;
    sqlite3_stmt *upsert = statement(connection, CONNECT_DEVICE);
    bind_device(upsert, write->connect.phone.device_id, &write->connect.info);
    bind_id(upsert, 8, &write->connect.broker);
    bind_integer(upsert, 9, connection->now_ms);
    enum error error = step(connection, upsert, &row);
    if (error != ERROR_NONE)
        return error;
    if (!row)
        return ERROR_INTERNAL;
    write->connect.session = sqlite3_column_int64(upsert, 0);
    error = run(connection, upsert);
    return error == ERROR_NONE ? settle_all(connection, write) : error;
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

/* Ends a broker instance: what it had offered is queued again, its phones are not connected. */
static enum error end_broker(struct store_connection *connection, const struct message_id *instance)
{
    static _Thread_local struct moving moving[STORE_MAX_HAND_OVER];
    size_t count;
    do {
        sqlite3_stmt *select = statement(connection, SELECT_OFFERED_BY_BROKER);
        bind_id(select, 1, instance);
        bind_integer(select, 2, STORE_MAX_HAND_OVER);
        enum error failure = read_all_moving(connection, select, moving, &count);
        if (failure == ERROR_NONE)
            failure = queue_offered(connection, moving, count);
        if (failure != ERROR_NONE)
            return failure;
    } while (count == STORE_MAX_HAND_OVER);

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
        [STORE_CANCEL] = cancel,
        [STORE_HAND_OVER] = hand_over,
        [STORE_RELEASE] = release_message,
        [STORE_TAKE_BACK] = take_back,
        [STORE_REPORT] = report,
        [STORE_GIVE_UP] = give_up,
        [STORE_FIND_REVOKED] = find_revoked,
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
