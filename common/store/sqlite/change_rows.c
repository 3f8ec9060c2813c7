/* Transitions of messages, and their events: a statement each. */
#include "common/store/sql/message_rows.h"
#include "common/store/sql/rows.h"

#include <string.h>

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static enum error append_event(struct store_database *database, const struct message_row *row,
                               enum transition_reason reason,
                               const struct message_error *message_error)
{
    struct statement *insert = get(database, INSERT_EVENT);
    enum error error = event_rows_bind_next_id(database, insert);
    if (error != ERROR_NONE)
        return error;
    statement_bind_integer(insert, FIELD_SEQ, row->seq);
    statement_bind_integer(insert, FIELD_NUMBER, row->event_count);
    statement_bind_integer(insert, FIELD_STATUS, row->status);
    statement_bind_integer(insert, FIELD_ATTEMPT, row->attempt);
    statement_bind_integer(insert, FIELD_REASON, reason);
    statement_bind_text(insert, FIELD_DEVICE_ID, row->device_id);
    if (message_error) {
        statement_bind_text(insert, FIELD_ERROR_CODE, message_error->code);
        statement_bind_text(insert, FIELD_ERROR_MESSAGE, message_error->text);
    }
    statement_bind_integer(insert, FIELD_AT_MS, row->updated_at_ms);
    return run(database, insert);
}

static void bind_change(struct statement *update, const struct message_row *before,
                        const struct message_row *after, const struct message_error *error)
{
    statement_bind_integer(update, FIELD_SEQ, before->seq);
    statement_bind_integer(update, FIELD_OLD_STATUS, before->status);
    statement_bind_integer(update, FIELD_OLD_ATTEMPT, before->attempt);
    statement_bind_integer(update, FIELD_STATUS, after->status);
    statement_bind_integer(update, FIELD_EVENT_COUNT, after->event_count);
    statement_bind_integer(update, FIELD_UPDATED_AT_MS, after->updated_at_ms);
    statement_bind_integer(update, FIELD_REPORT_SEQ, after->report_seq);
    if (after->device_sim != 0)
        statement_bind_integer(update, FIELD_DEVICE_SIM, after->device_sim);
    statement_bind_times(update, after->reached_at_ms);
    if (error) {
        statement_bind_text(update, FIELD_ERROR_CODE, error->code);
        statement_bind_text(update, FIELD_ERROR_MESSAGE, error->text);
    }
}

static void bind_queued(struct statement *update, const struct message_row *after, bool keeps_error)
{
    statement_bind_integer(update, FIELD_ATTEMPT, after->attempt);
    statement_bind_text(update, FIELD_DEVICE_ID, after->device_id);
    statement_bind_id_if_any(update, FIELD_JOURNAL, &after->journal);
    statement_bind_integer(update, FIELD_FAILURES, after->failures);
    statement_bind_integer(update, FIELD_PROVED_ATTEMPT, after->proved_attempt);
    statement_bind_integer(update, FIELD_RETRY_AT_MS, after->retry_at_ms);
    statement_bind_integer(update, FIELD_KEEPS_ERROR, keeps_error);
    if (after->status == MESSAGE_QUEUED)
        message_rows_bind_place(update, &after->place);
}

/* What an update does not set, its indexes need not look at: a message has its lane, attempt and device from the moment when
   it leaves the queue until it is back, or until a restored backup takes it from its device. */
static enum statement_id choose_update(const struct message_row *before,
                                       const struct message_row *after)
{
    if (message_rows_moves(before, after))
        return CHANGE_QUEUED;
    return before->status < MESSAGE_SENT && after->status >= MESSAGE_SENT ? FINISH : CHANGE_STATUS;
}

enum error change_rows_one(struct store_database *database, const struct message_row *before,
                           const struct message_row *after, enum transition_reason reason,
                           const struct message_error *message_error)
{
    enum statement_id id = choose_update(before, after);
    struct statement *update = get(database, id);
    bind_change(update, before, after, message_error);
    if (id == CHANGE_QUEUED)
        bind_queued(update, after, !message_error);
    enum error error = statement_change_one(&database->handle, update);
    return error != ERROR_NONE ? error : append_event(database, after, reason, message_error);
}

enum error change_rows_add_to_count(struct store_database *database, enum message_status status,
                                    int64_t delta)
{
    struct statement *update = get(database, ADD_TO_COUNT);
    statement_bind_integer(update, FIELD_STATUS, status);
    statement_bind_integer(update, FIELD_DELTA, delta);
    return run(database, update);
}
