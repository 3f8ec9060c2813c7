/* The write verbs in SQLite. Each but enqueue runs inside a savepoint: it may return at the first error. */
#include "common/store/sqlite/transition.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

static enum error cancel(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->cancel.id, &moving, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    if (moving.status == MESSAGE_CANCELLED)
        return ERROR_NONE;
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

static enum error release_message(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    int64_t newest;
    const struct store_holder *phone = &write->release.phone;
    write->release.verdict = STORE_VERDICT_DROP;
    enum error error = find_session(connection, phone->device_id, &newest);
    if (error == ERROR_NONE)
        error = find_moving(connection, &write->release.id, &moving, &found);
    if (error != ERROR_NONE || !found)
        return error;
    unsigned facts = facts_of(&moving, phone, write->release.attempt);
    if (phone->session == newest)
        facts |= MESSAGE_OF_SESSION;
    return judge_offer(connection, &moving, facts, &write->release.verdict);
}

static enum error take_back(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->return_to_queue.id, &moving, &found);
    if (error != ERROR_NONE || !found)
        return error;
    struct store_holder phone = {.journal = moving.journal};
    strcpy(phone.device_id, write->return_to_queue.device_id);
    unsigned facts = facts_of(&moving, &phone, write->return_to_queue.attempt);
    /* The proof is the broker's own only where the frame itself was the release. */
    if (message_id_equal(&moving.journal, &no_journal))
        facts |= MESSAGE_NOTHING_SENT;
    write->return_to_queue.changed = message_may_become(moving.status, MESSAGE_QUEUED,
                                                        MESSAGE_ACTOR_BROKER, facts);
    if (!write->return_to_queue.changed)
        return ERROR_NONE;
    error = move_back(connection, &moving, write->return_to_queue.refused,
                      write->return_to_queue.spread, write->return_to_queue.error_code,
                      write->return_to_queue.error_message);
    if (error != ERROR_NONE || !write->return_to_queue.hopeless || moving.status != MESSAGE_QUEUED)
        return error;
    return move(connection, &moving, MESSAGE_FAILED, write->return_to_queue.error_code,
                write->return_to_queue.error_message);
}

/* A restored backup knows of what was open in it neither what became of it nor by whom: the first phone
   that has evidence has the message. */
static enum error claim(struct store_connection *connection, struct moving *moving,
                        const struct store_write *write)
{
    bool is_nobodys = moving->status == MESSAGE_UNKNOWN && *moving->device_id == '\0';
    if (!is_nobodys || !message_may_become(moving->status, write->report.status,
                                           MESSAGE_ACTOR_PHONE, MESSAGE_ALL_FACTS))
        return ERROR_NONE;
    strcpy(moving->device_id, write->report.phone.device_id);
    moving->journal = write->report.phone.journal;
    moving->attempt = MAX(write->report.attempt, moving->attempt);
    sqlite3_stmt *update = statement(connection, CLAIM);
    bind_integer(update, 1, moving->seq);
    bind_text(update, 2, moving->device_id);
    bind_integer(update, 3, moving->attempt);
    if (!message_id_equal(&moving->journal, &no_journal))
        bind_id(update, 4, &moving->journal);
    return run(connection, update);
}

static enum error report(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->report.id, &moving, &found);
    if (error == ERROR_NONE && found)
        error = claim(connection, &moving, write);
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
        return move_back(connection, &moving, true, write->report.spread, write->report.error_code,
                         write->report.error_message);
    /* What a phone has said since counts more than what comes late from an older connection. */
    bool late = write->report.seq >= 0 && facts & MESSAGE_OF_JOURNAL &&
                write->report.seq <= moving.report_seq;
    write->report.changed = !late && message_may_become(moving.status, write->report.status,
                                                        MESSAGE_ACTOR_PHONE, facts);
    if (!write->report.changed)
        return ERROR_NONE;
    if (write->report.seq >= 0)
        moving.report_seq = write->report.seq;
    return move(connection, &moving, write->report.status, write->report.error_code,
                write->report.error_message);
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
    struct moving *moving = workspace(connection, STORE_MAX_CLAIM * sizeof(*moving));
    unsigned limit = MIN(write->expire.limit, (unsigned)STORE_MAX_CLAIM);
    size_t count;

    if (!moving)
        return ERROR_INTERNAL;
    enum error error = write->expire.silent_since_ms > 0 ? correct_future(connection) : ERROR_NONE;
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *select = statement(connection, SELECT_SILENT);
    bind_integer(select, 1, write->expire.silent_since_ms);
    bind_integer(select, 2, limit);
    error = read_all_moving(connection, select, moving, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = move(connection, &moving[i], MESSAGE_UNKNOWN, "no_report",
                     "the phone has not said what became of the message");
    write->expire.unknown = (unsigned)count;
    if (error != ERROR_NONE)
        return error;

    select = statement(connection, SELECT_OFFERED);
    bind_integer(select, 1, write->expire.offered_since_ms);
    bind_integer(select, 2, limit);
    error = read_all_moving(connection, select, moving, &count);
    write->expire.queued = (unsigned)count;
    return error == ERROR_NONE ? queue_offered(connection, moving, count) : error;
}

static enum error find_revoked(struct store_connection *connection, struct store_write *write)
{
    bool row = true;
    sqlite3_stmt *select = statement(connection, SELECT_TO_REVOKE);
    bind_integer(select, 1, (int64_t)write->find_cancel_requests.capacity);
    bind_integer(select, 2, write->find_cancel_requests.after);
    write->find_cancel_requests.count = 0;
    enum error error = step(connection, select, &row);
    while (error == ERROR_NONE && row) {
        struct store_cancel_request *message =
            &write->find_cancel_requests.messages[write->find_cancel_requests.count++];
        message->attempt = (unsigned)sqlite3_column_int(select, 1);
        column_text(select, 2, message->device_id, sizeof(message->device_id));
        write->find_cancel_requests.last = sqlite3_column_int64(select, 3);
        error = column_id(select, 0, &message->id) ? step(connection, select, &row)
                                                   : ERROR_INTERNAL;
    }
    sqlite3_reset(select);
    return error;
}

static enum error count_stuck(struct store_connection *connection, struct store_write *write)
{
    return read_stuck(connection, COUNT_STUCK, write->count_stuck.since_ms,
                      write->count_stuck.counts);
}

static enum error check_schema(struct store_connection *connection)
{
    bool row;
    sqlite3_stmt *select = statement(connection, READ_SCHEMA);
    enum error error = step(connection, select, &row);
    if (error == ERROR_NONE && (!row || sqlite3_column_int64(select, 0) != sqlite_schema_version()))
        error = ERROR_SCHEMA_CHANGED;
    sqlite3_reset(select);
    return error;
}

static enum error write_probe(struct store_connection *connection, struct store_write *write)
{
    enum error troubles[] = {
        write->probe.schema = check_schema(connection),
        write->probe.disk = connection->disk_trouble,
        write->probe.log = connection->log_trouble,
    };
    write->probe.looked = true;
    for (size_t i = 0; i < ARRAY_LENGTH(troubles); i++) {
        if (troubles[i] != ERROR_NONE)
            return troubles[i];
    }
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
        [STORE_CLAIM] = hand_over,
        [STORE_RELEASE] = release_message,
        [STORE_RETURN_TO_QUEUE] = take_back,
        [STORE_REPORT] = report,
        [STORE_EXPIRE] = give_up,
        [STORE_FIND_CANCEL_REQUESTS] = find_revoked,
        [STORE_COUNT_STUCK] = count_stuck,
        [STORE_DEVICE_CONNECT] = connect_device,
        [STORE_DEVICE_UPDATE] = update_device,
        [STORE_DEVICE_DISCONNECT] = disconnect_device,
        [STORE_BROKER_LEASE] = lease_broker,
        [STORE_CREATE_KEY] = create_key,
        [STORE_REVOKE_KEY] = revoke_key,
        [STORE_CREATE_PAIRING] = create_pairing,
        [STORE_PAIR] = pair,
        [STORE_CREATE_TOKEN] = create_token,
        [STORE_REVOKE_TOKEN] = end_token,
        [STORE_FIND_REVOKED_TOKENS] = find_dismissed,
        [STORE_COUNT_TAKEOVER] = count_takeover,
        [STORE_SET_SENDING] = set_sending,
        [STORE_REQUEUE] = requeue,
        [STORE_ERASE] = erase,
        [STORE_PURGE] = purge,
        [STORE_PROBE] = write_probe,
    };
    return verbs[write->verb](connection, write);
}

enum error sqlite_flush_counts(struct store_connection *connection)
{
    enum error error = ERROR_NONE;
    for (int i = 0; i < MESSAGE_STATUS_COUNT && error == ERROR_NONE; i++) {
        if (connection->tally.count_delta[i] == 0)
            continue;
        sqlite3_stmt *update = statement(connection, ADD_TO_COUNT);
        bind_integer(update, 1, i);
        bind_integer(update, 2, connection->tally.count_delta[i]);
        error = run(connection, update);
    }
    return error;
}
