/* Messages and their events. */
#include "common/store/sql/message_rows.h"
#include "common/base/log.h"
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
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

/* Bound and read by those that need it alone: most messages have none. */
void message_rows_read_options(const struct statement *select, struct message_options *options)
{
    struct message_target *target = &options->target;
    if (statement_is_null(select, FIELD_HAS_OPTIONS))
        return;
    statement_text(select, FIELD_TARGET_DEVICE, target->device_id, sizeof(target->device_id));
    statement_text(select, FIELD_TARGET_GROUP, target->device_group, sizeof(target->device_group));
    target->sim = (unsigned)statement_integer(select, FIELD_TARGET_SIM);
    options->priority = (enum message_priority)statement_integer(select, FIELD_PRIORITY);
    options->send_at_ms = statement_integer(select, FIELD_SEND_AT_MS);
    options->expires_at_ms = statement_integer(select, FIELD_EXPIRES_AT_MS);
    options->no_delivery_report = statement_integer(select, FIELD_NO_REPORT) != 0;
    options->content = (enum message_content)statement_integer(select, FIELD_CONTENT);
    options->data_port = (unsigned)statement_integer(select, FIELD_DATA_PORT);
    if (statement_has_column(select, FIELD_REFERENCE))
        statement_text(select, FIELD_REFERENCE, options->reference, sizeof(options->reference));
}

static void read_place(const struct statement *select, struct message_place *place)
{
    statement_text(select, FIELD_LANE, place->lane, sizeof(place->lane));
    place->rank_ms = statement_integer(select, FIELD_RANK_MS);
    place->due_at_ms = statement_integer(select, FIELD_DUE_AT_MS);
}

void message_rows_read(const struct statement *select, struct message_row *row)
{
    *row = (struct message_row){
        .seq = statement_integer(select, FIELD_SEQ),
        .status = (enum message_status)statement_integer(select, FIELD_STATUS),
        .attempt = (unsigned)statement_integer(select, FIELD_ATTEMPT),
        .event_count = statement_integer(select, FIELD_EVENT_COUNT),
        .device_sim = (unsigned)statement_integer(select, FIELD_DEVICE_SIM),
        .segments = (unsigned)statement_integer(select, FIELD_SEGMENTS),
        .failures = (unsigned)statement_integer(select, FIELD_FAILURES),
        .proved_attempt = (unsigned)statement_integer(select, FIELD_PROVED_ATTEMPT),
        .cancel_requested = statement_integer(select, FIELD_CANCEL_REQUESTED),
        .report_seq = statement_integer(select, FIELD_REPORT_SEQ),
        .retry_at_ms = statement_integer(select, FIELD_RETRY_AT_MS),
        .updated_at_ms = statement_integer(select, FIELD_UPDATED_AT_MS),
    };
    statement_id(select, FIELD_ID, &row->id);
    statement_id(select, FIELD_JOURNAL, &row->journal);
    statement_request_id(select, FIELD_REQUEST_ID, &row->request_id);
    statement_text(select, FIELD_DEVICE_ID, row->device_id, sizeof(row->device_id));
    statement_times(select, row->reached_at_ms);
    message_rows_read_options(select, &row->options);
    if (!statement_is_null(select, FIELD_HAS_OPTIONS))
        statement_id(select, FIELD_BATCH_ID, &row->batch_id);
    read_place(select, &row->place);
}

enum error message_rows_find(struct store_database *database, const struct message_id *id,
                             struct message_row *row, bool *found)
{
    struct statement *select = get(database, FIND_ROW);
    statement_bind_message(select, id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        message_rows_read(select, row);
    statement_reset(select);
    return error;
}

/* ---- Changes that are no transitions ---- */

static void bind_if_any(struct statement *statement, enum field field, int64_t value)
{
    if (value != 0)
        statement_bind_integer(statement, field, value);
}

bool message_rows_moves(const struct message_row *before, const struct message_row *after)
{
    return before->status == MESSAGE_QUEUED || after->status == MESSAGE_QUEUED ||
           strcmp(before->device_id, after->device_id) != 0;
}

void message_rows_bind_place(struct statement *statement, const struct message_place *place)
{
    statement_bind_text(statement, FIELD_LANE, place->lane);
    bind_if_any(statement, FIELD_RANK_MS, *place->lane ? place->rank_ms : 0);
    bind_if_any(statement, FIELD_DUE_AT_MS, place->due_at_ms);
}

static enum error assign_message(struct store_database *database, const struct message_row *row)
{
    struct statement *update = get(database, ASSIGN);
    statement_bind_integer(update, FIELD_SEQ, row->seq);
    statement_bind_text(update, FIELD_DEVICE_ID, row->device_id);
    statement_bind_integer(update, FIELD_ATTEMPT, row->attempt);
    statement_bind_id_if_any(update, FIELD_JOURNAL, &row->journal);
    return run(database, update);
}

static enum error set_place(struct store_database *database, const struct message_row *row)
{
    struct statement *update = get(database, SET_PLACE);
    statement_bind_integer(update, FIELD_SEQ, row->seq);
    statement_bind_integer(update, FIELD_RETRY_AT_MS, row->retry_at_ms);
    message_rows_bind_place(update, &row->place);
    return run(database, update);
}

static enum error run_on_row(struct store_database *database, enum statement_id id,
                             const struct message_row *row)
{
    struct statement *statement = get(database, id);
    statement_bind_integer(statement, FIELD_SEQ, row->seq);
    return run(database, statement);
}

static enum error request_cancel(struct store_database *database, const struct message_row *row)
{
    return run_on_row(database, REQUEST_CANCEL, row);
}

static enum error set_confirmed(struct store_database *database, const struct message_row *row)
{
    struct statement *update = get(database, SET_CONFIRMED);
    statement_bind_integer(update, FIELD_SEQ, row->seq);
    statement_bind_integer(update, FIELD_REPORT_SEQ, row->report_seq);
    return run(database, update);
}

static enum error remove_message(struct store_database *database, const struct message_row *row)
{
    enum error error = run_on_row(database, DELETE_EVENTS, row);
    return error == ERROR_NONE ? run_on_row(database, DELETE_MESSAGE, row) : error;
}

/* ---- Content ---- */

enum error message_rows_read_content(const struct statement *row, struct message *message)
{
    statement_text(row, FIELD_PHONE_NUMBER, message->phone_number, sizeof(message->phone_number));
    message->encoding = (enum sms_encoding)statement_integer(row, FIELD_ENCODING);
    message->segments = (unsigned)statement_integer(row, FIELD_SEGMENTS);
    message_rows_read_options(row, &message->options);
    message->text = statement_copy_text(row, FIELD_TEXT);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error read_content(struct store_database *database, const struct message_row *row,
                               struct message *message)
{
    bool found;
    *message = (struct message){0};
    struct statement *select = get(database, READ_CONTENT);
    statement_bind_integer(select, FIELD_SEQ, row->seq);
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE && !found)
        error = ERROR_INTERNAL;
    if (error == ERROR_NONE) {
        statement_id(select, FIELD_RESENT_AS, &message->resent_as);
        error = message_rows_read_content(select, message);
    }
    statement_reset(select);
    return error;
}

static enum error set_resent(struct store_database *database, const struct message_row *row,
                             const struct message_id *new_id)
{
    struct statement *update = get(database, SET_RESENT);
    statement_bind_integer(update, FIELD_SEQ, row->seq);
    statement_bind_id(update, FIELD_ID, new_id);
    return run(database, update);
}

static enum error remove_texts(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count)
{
    struct statement *update = get(database, REMOVE_TEXTS);
    statement_bind_integer(update, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(update, FIELD_LIMIT, limit);
    enum error error = run(database, update);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

/* ---- Lists: all rows are read before the first is changed, because that changes the index that is read ---- */

enum error message_rows_read_list(struct store_database *database, struct statement *select,
                                  size_t limit, struct message_row list[], size_t *count)
{
    bool row;
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    enum error error = statement_step(&database->handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(&database->handle, select, &row))
        message_rows_read(select, &list[(*count)++]);
    statement_reset(select);
    return error;
}

/* Of a select whose other parameters are bound. */
static enum error read_rows(struct store_database *database, struct statement *select, size_t limit,
                            struct message_row list[], size_t *count)
{
    *count = 0;
    return message_rows_read_list(database, select, limit, list, count);
}

static enum error list_in_flight_to(struct store_database *database, const char *phone_number,
                                    int64_t most, size_t limit, struct message_row rows[],
                                    size_t *count)
{
    struct statement *select = get(database, LIST_IN_FLIGHT_TO);
    statement_bind_text(select, FIELD_PHONE_NUMBER, phone_number);
    statement_bind_integer(select, FIELD_MOST, most);
    return read_rows(database, select, limit, rows, count);
}

static enum error list_queued_to(struct store_database *database, const char *phone_number,
                                 int64_t after, int64_t most, size_t limit,
                                 struct message_row rows[], size_t *count, int64_t *reached)
{
    int64_t end = INT64_MAX;
    struct statement *find = get(database, FIND_QUEUED_AFTER);
    statement_bind_integer(find, FIELD_AFTER, after);
    statement_bind_integer(find, FIELD_MOST, most);
    enum error error = statement_read_integer(&database->handle, find, &end);
    if (error != ERROR_NONE)
        return error;
    struct statement *select = get(database, LIST_QUEUED_TO);
    statement_bind_integer(select, FIELD_AFTER, after);
    statement_bind_integer(select, FIELD_END, end);
    statement_bind_text(select, FIELD_PHONE_NUMBER, phone_number);
    error = read_rows(database, select, limit, rows, count);
    *reached = *count == limit    ? rows[limit - 1].seq
               : end == INT64_MAX ? OPT_OUT_CANCELLED
                                  : end - 1;
    return error;
}

static enum error list_open(struct store_database *database, int64_t after, size_t limit,
                            struct message_row list[], size_t *count)
{
    struct statement *select = get(database, LIST_OPEN);
    statement_bind_integer(select, FIELD_AFTER, after);
    return read_rows(database, select, limit, list, count);
}

static enum error list_silent(struct store_database *database, int64_t before_ms, size_t limit,
                              struct message_row list[], size_t *count)
{
    struct statement *select = get(database, LIST_SILENT);
    statement_bind_integer(select, FIELD_BEFORE_MS, before_ms);
    return read_rows(database, select, limit, list, count);
}

static enum error list_offered(struct store_database *database, int64_t before_ms, size_t limit,
                               struct message_row list[], size_t *count)
{
    struct statement *select = get(database, LIST_OFFERED);
    statement_bind_integer(select, FIELD_BEFORE_MS, before_ms);
    return read_rows(database, select, limit, list, count);
}

static enum error list_offered_by(struct store_database *database, const struct message_id *broker,
                                  size_t limit, struct message_row list[], size_t *count)
{
    struct statement *select = get(database, LIST_OFFERED_BY);
    statement_bind_id(select, FIELD_BROKER, broker);
    return read_rows(database, select, limit, list, count);
}

static enum error list_in_flight(struct store_database *database, const char *device_id,
                                 size_t limit, struct message_row list[], size_t *count)
{
    struct statement *select = get(database, LIST_HELD);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    return read_rows(database, select, limit, list, count);
}

static enum error list_finished(struct store_database *database, int64_t before_ms, size_t limit,
                                struct message_row list[], size_t *count)
{
    struct message_id first_kept = message_id_first_at(before_ms);
    struct statement *select = get(database, LIST_FINISHED);
    statement_bind_integer(select, FIELD_SEQ, message_id_seq(&first_kept));
    statement_bind_integer(select, FIELD_BEFORE_MS, before_ms);
    return read_rows(database, select, limit, list, count);
}

/* ---- Times and counts ---- */

static enum error correct_future(struct store_database *database, int64_t latest_ms, int64_t now_ms)
{
    struct statement *update = get(database, CORRECT_FUTURE);
    statement_bind_integer(update, FIELD_LATEST_MS, latest_ms);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

static enum error read_queued_since(struct store_database *database, int64_t now_ms,
                                    int64_t *since_ms)
{
    struct statement *select = get(database, FIND_QUEUED_SINCE);
    statement_bind_integer(select, FIELD_NOW_MS, now_ms);
    return statement_read_integer(&database->handle, select, since_ms);
}

enum error message_rows_insert(struct store_database *database, const struct message *message,
                               const struct message_place *place)
{
    int64_t seq = message_id_seq(&message->id);
    struct message_row row;
    bool taken, known = false;
    enum error error = insert_rows_at(database, message, place, seq, &taken);
    if (error != ERROR_NONE || !taken)
        return error;
    error = message_rows_find(database, &message->id, &row, &known);
    if (error == ERROR_NONE && !known && seq < INT64_MAX)
        error = insert_rows_at(database, message, place, seq + 1, &taken);
    if (error != ERROR_NONE || !taken)
        return error;
    log_error("the id of a message is taken");
    return ERROR_INTERNAL;
}

const struct message_rows sql_message_rows = {
    .insert = insert_rows_one,
    .insert_many = insert_rows_many,
    .find = message_rows_find,
    .change = change_rows_one,
    .assign = assign_message,
    .set_place = set_place,
    .request_cancel = request_cancel,
    .set_confirmed = set_confirmed,
    .remove = remove_message,
    .purge = purge_rows,
    .read_content = read_content,
    .set_resent = set_resent,
    .list_due = queue_rows_list_due,
    .find_lane = queue_rows_find_lane,
    .list_lane = queue_rows_list_lane,
    .load_due = queue_rows_load_due,
    .list_waited = queue_rows_list_waited,
    .list_expired = queue_rows_list_expired,
    .find_last_device = queue_rows_find_last_device,
    .list_queued_to = list_queued_to,
    .list_in_flight_to = list_in_flight_to,
    .list_silent = list_silent,
    .list_offered = list_offered,
    .list_offered_by = list_offered_by,
    .list_in_flight = list_in_flight,
    .list_open = list_open,
    .list_finished = list_finished,
    .correct_future = correct_future,
    .remove_texts = remove_texts,
    .add_to_count = change_rows_add_to_count,
    .read_queued_since = read_queued_since,
};
