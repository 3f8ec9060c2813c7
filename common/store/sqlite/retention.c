/* Messages at their end: sent once more, or removed. */
#include "common/store/sqlite/transition.h"

#include <stdlib.h>
#include <string.h>

/* ---- Once more ---- */

struct ended_message {
    struct message message; /* as the new one shall be; its text is owned */
    int64_t seq;
    enum message_status status;
    struct message_id requeued_as; /* zero: never */
};

static enum error find_ended(struct store_connection *connection, const struct message_id *id,
                             struct ended_message *ended)
{
    bool found;
    sqlite3_stmt *select = statement(connection, SELECT_FOR_REQUEUE);
    bind_message(select, id);
    enum error error = step(connection, select, &found);
    if (error != ERROR_NONE || !found)
        return error != ERROR_NONE ? error : ERROR_MESSAGE_NOT_FOUND;
    ended->seq = sqlite3_column_int64(select, 0);
    column_text(select, 1, ended->message.phone_number, sizeof(ended->message.phone_number));
    const char *text = (const char *)sqlite3_column_text(select, 2);
    ended->message.text = text ? strdup(text) : NULL;
    ended->message.encoding = (enum sms_encoding)sqlite3_column_int(select, 3);
    ended->message.segments = (unsigned)sqlite3_column_int(select, 4);
    ended->status = (enum message_status)sqlite3_column_int(select, 5);
    (void)!column_id(select, 6, &ended->requeued_as);
    sqlite3_reset(select);
    return ended->message.text ? ERROR_NONE : ERROR_INTERNAL;
}

/* What nobody has sent, as far as anybody knows. */
static bool came_to_nothing(enum message_status status)
{
    return status == MESSAGE_FAILED || status == MESSAGE_EXPIRED || status == MESSAGE_CANCELLED ||
           status == MESSAGE_UNKNOWN;
}

static enum store_requeue_outcome judge_requeue(const struct ended_message *ended, bool again)
{
    static const struct message_id never;
    if (!came_to_nothing(ended->status))
        return STORE_REQUEUE_NOT_ENDED;
    if (!again && !message_id_equal(&ended->requeued_as, &never))
        return STORE_REQUEUE_DONE;
    return *ended->message.text ? STORE_REQUEUED : STORE_REQUEUE_NO_TEXT;
}

static enum error enqueue_again(struct store_connection *connection, struct ended_message *ended,
                                const struct message_id *new_id)
{
    ended->message.id = *new_id;
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &ended->message};
    enum error error = enqueue_at_once(connection, &write);
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *note = statement(connection, NOTE_REQUEUED);
    bind_integer(note, 1, ended->seq);
    bind_id(note, 2, new_id);
    return run(connection, note);
}

enum error requeue(struct store_connection *connection, struct store_write *write)
{
    struct ended_message ended = {0};
    enum error error = find_ended(connection, &write->requeue.id, &ended);
    if (error == ERROR_NONE) {
        write->requeue.outcome = judge_requeue(&ended, write->requeue.again);
        if (write->requeue.outcome == STORE_REQUEUED)
            error = enqueue_again(connection, &ended, &write->requeue.new_id);
        else
            write->requeue.new_id = ended.requeued_as;
    }
    message_fini(&ended.message);
    return error;
}

/* ---- Removed ---- */

static enum error delete_message(struct store_connection *connection, int64_t seq,
                                 enum message_status status)
{
    sqlite3_stmt *events = statement(connection, DELETE_EVENTS);
    bind_integer(events, 1, seq);
    enum error error = run(connection, events);
    if (error != ERROR_NONE)
        return error;
    sqlite3_stmt *message = statement(connection, DELETE_MESSAGE);
    bind_integer(message, 1, seq);
    error = run(connection, message);
    if (error == ERROR_NONE)
        connection->tally.count_delta[status] -= sqlite3_changes(connection->db);
    return error;
}

enum error erase(struct store_connection *connection, struct store_write *write)
{
    struct moving moving;
    bool found;
    enum error error = find_moving(connection, &write->erase.id, &moving, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    write->erase.erased = moving.status >= MESSAGE_SENT;
    return write->erase.erased ? delete_message(connection, moving.seq, moving.status) : ERROR_NONE;
}

static enum error purge_texts(struct store_connection *connection, struct store_write *write)
{
    sqlite3_stmt *update = statement(connection, PURGE_TEXTS);
    bind_integer(update, 1, write->purge.text_before_ms);
    bind_integer(update, 2, write->purge.limit);
    enum error error = run(connection, update);
    if (error == ERROR_NONE)
        write->purge.texts = sqlite3_changes(connection->db);
    return error;
}

struct old_message {
    int64_t seq;
    enum message_status status;
};

static enum error read_old(sqlite3_stmt *row, void *item)
{
    struct old_message *old = item;
    old->seq = sqlite3_column_int64(row, 0);
    old->status = (enum message_status)sqlite3_column_int(row, 1);
    return ERROR_NONE;
}

static enum error purge_messages(struct store_connection *connection, struct store_write *write)
{
    struct message_id first_kept = message_id_first_at(write->purge.message_before_ms);
    sqlite3_stmt *select = statement(connection, SELECT_OLD);
    bind_integer(select, 1, message_id_seq(&first_kept));
    bind_integer(select, 2, write->purge.message_before_ms);
    bind_integer(select, 3, write->purge.limit);
    void *items;
    size_t count;
    enum error error = read_list(connection, select, sizeof(struct old_message), read_old, &items,
                                 &count);
    const struct old_message *old = items;
    for (size_t i = 0; error == ERROR_NONE && i < count; i++)
        error = delete_message(connection, old[i].seq, old[i].status);
    free(items);
    write->purge.messages = (int64_t)count;
    return error;
}

/* A database that is an eighth free gets smaller, a little at a time; new messages will want the rest. A
   file from before schema 7 cannot, until store_file_compact has written it anew. */
static enum error give_space_back(struct store_connection *connection, bool *more)
{
    enum { WORTH_IT_PAGES = 2048, SHARE = 8, INCREMENTAL = 2 };
    int64_t mode = 0, free_pages = 0, pages = 0;
    enum error error = read_integer(connection, statement(connection, READ_AUTO_VACUUM), &mode);
    if (error == ERROR_NONE)
        error = read_integer(connection, statement(connection, READ_FREE_PAGES), &free_pages);
    if (error == ERROR_NONE)
        error = read_integer(connection, statement(connection, READ_PAGES), &pages);
    if (error != ERROR_NONE)
        return error;
    *more = mode == INCREMENTAL && free_pages > MAX(pages / SHARE, (int64_t)WORTH_IT_PAGES);
    bool row = *more;
    sqlite3_stmt *give = statement(connection, GIVE_SPACE_BACK);
    while (error == ERROR_NONE && row)
        error = step(connection, give, &row); /* a page with each */
    sqlite3_reset(give);
    return error;
}

enum error purge(struct store_connection *connection, struct store_write *write)
{
    bool space = false;
    enum error error = ERROR_NONE;
    if (write->purge.text_before_ms > 0)
        error = purge_texts(connection, write);
    if (error == ERROR_NONE && write->purge.message_before_ms > 0)
        error = purge_messages(connection, write);
    if (error == ERROR_NONE)
        error = give_space_back(connection, &space);
    write->purge.more = space || write->purge.texts == write->purge.limit ||
                        write->purge.messages == write->purge.limit;
    return error;
}
