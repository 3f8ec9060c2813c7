/* Messages and their events, in memory. */
#include "common/store/memory/memory.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

static enum error put(struct store_database *database, struct memory_message *message)
{
    return table_put(&database->tables->messages, &database->undo, message);
}

static struct memory_message *find_current(const struct store_database *database, int64_t seq)
{
    struct memory_message key = {.row.seq = seq};
    return table_find(&database->tables->messages, &key);
}

static struct memory_message *copy_current(const struct store_database *database,
                                           const struct message_row *row)
{
    const struct memory_message *current = find_current(database, row->seq);
    return current ? table_copy_row(current, sizeof(*current)) : NULL;
}

/* ---- One message ---- */

static enum error insert(struct store_database *database, const struct message *message,
                         const struct message_place *place)
{
    int64_t seq = message_id_seq(&message->id);
    const struct memory_message *other = find_current(database, seq);
    bool same = other && message_id_equal(&other->row.id, &message->id);
    if (other && !same && seq < INT64_MAX) /* two processes made the ids in the same millisecond */
        other = find_current(database, ++seq);
    if (other) {
        log_error("the id of a message is taken");
        return ERROR_INTERNAL;
    }
    struct memory_message *row = malloc(sizeof(*row));
    char *text = message->text && *message->text ? strdup(message->text) : NULL;
    if (!row || !text || !*message->phone_number) {
        log_error("a message lacks its text or its number, or there is no memory for it");
        free(row);
        free(text);
        return ERROR_INTERNAL;
    }
    int64_t created_at_ms = message_id_time_ms(&message->id);
    *row = (struct memory_message){
        .row = {.seq = seq,
                .id = message->id,
                .request_id = message->request_id,
                .status = MESSAGE_QUEUED,
                .event_count = 1,
                .segments = message->segments,
                .report_seq = -1,
                .updated_at_ms = created_at_ms,
                .reached_at_ms = {[MESSAGE_QUEUED] = created_at_ms},
                .options = message->options,
                .batch_id = message->batch_id},
        .text = text,
        .encoding = message->encoding,
    };
    if (place)
        row->row.place = *place;
    strcpy(row->phone_number, message->phone_number);
    return put(database, row);
}

static enum error insert_many(struct store_database *database, const struct message messages[],
                              const struct message_place places[], size_t count)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = insert(database, &messages[i], &places[i]);
    return error;
}

static enum error find(struct store_database *database, const struct message_id *id,
                       struct message_row *row, bool *found)
{
    const struct memory_message *message = memory_find_message(database->tables, id);
    *found = message;
    if (message)
        *row = message->row;
    return ERROR_NONE;
}

static const char *append_text(char **end, const char *text)
{
    char *start = *end;
    size_t bytes = strlen(text) + 1;
    memcpy(start, text, bytes);
    *end += bytes;
    return start;
}

static struct memory_event *new_event(const struct message_row *row, enum transition_reason reason,
                                      const struct message_error *error, struct memory_event *older)
{
    const char *code = error && error->code ? error->code : "";
    const char *text = error && error->text ? error->text : "";
    struct memory_event *event = malloc(sizeof(*event) + strlen(row->device_id) + strlen(code) +
                                        strlen(text) + 3);
    if (!event)
        return NULL;
    char *end = (char *)(event + 1);
    *event = (struct memory_event){
        .older = older,
        .status = row->status,
        .attempt = row->attempt,
        .reason = reason,
        .at_ms = row->updated_at_ms,
        .device_id = append_text(&end, row->device_id),
        .error_code = append_text(&end, code),
        .error_text = append_text(&end, text),
    };
    return event;
}

static enum error change(struct store_database *database, const struct message_row *before,
                         const struct message_row *after, enum transition_reason reason,
                         const struct message_error *error)
{
    struct memory_message *message = copy_current(database, before);
    struct memory_event *event = message ? new_event(after, reason, error, message->newest_event)
                                         : NULL;
    bool as_read = message && message->row.status == before->status &&
                   message->row.attempt == before->attempt;
    if (!event || !as_read) {
        log_error("a message is not as it was read, or there is no memory");
        free(event);
        free(message);
        return ERROR_INTERNAL;
    }
    message->row = *after;
    message->newest_event = event;
    if (error)
        message->error = *event->error_code || *event->error_text ? event : NULL;
    enum error result = put(database, message);
    return result == ERROR_NONE
               ? memory_put_message_event(database, after->seq, after->event_count, event)
               : result;
}

static enum error assign(struct store_database *database, const struct message_row *row)
{
    struct memory_message *message = copy_current(database, row);
    if (message) {
        strcpy(message->row.device_id, row->device_id);
        message->row.attempt = row->attempt;
        message->row.journal = row->journal;
    }
    return put(database, message);
}

static enum error set_place(struct store_database *database, const struct message_row *row)
{
    struct memory_message *message = copy_current(database, row);
    if (message) {
        message->row.place = row->place;
        message->row.retry_at_ms = row->retry_at_ms;
    }
    return put(database, message);
}

/* All of them: there are few in memory. */
static enum error list_in_flight_to(struct store_database *database, const char *phone_number,
                                    int64_t most, size_t limit, struct message_row rows[],
                                    size_t *count)
{
    (void)most;
    *count = 0;
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_SENDING; status++) {
        const struct table *table = &database->tables->messages_in[status];
        for (size_t i = 0; i < table->count && *count < limit; i++) {
            const struct memory_message *message = table->rows[i];
            if (!message->row.cancel_requested && strcmp(message->phone_number, phone_number) == 0)
                rows[(*count)++] = message->row;
        }
    }
    return ERROR_NONE;
}

static enum error request_cancel(struct store_database *database, const struct message_row *row)
{
    struct memory_message *message = copy_current(database, row);
    if (message)
        message->row.cancel_requested = true;
    return put(database, message);
}

static enum error set_confirmed(struct store_database *database, const struct message_row *row)
{
    struct memory_message *message = copy_current(database, row);
    if (message)
        message->row.report_seq = row->report_seq;
    return put(database, message);
}

static enum error remove_message(struct store_database *database, const struct message_row *row)
{
    struct memory_message *message = find_current(database, row->seq);
    enum error error = message ? memory_remove_message_events(database, message->newest_event)
                               : ERROR_INTERNAL;
    return error == ERROR_NONE ? table_remove(&database->tables->messages, &database->undo, message)
                               : error;
}

static enum error purge(struct store_database *database, const struct message_row rows[],
                        size_t count, int64_t *newest_event)
{
    enum error error = ERROR_NONE;
    *newest_event = 0;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        const struct memory_message *message = find_current(database, rows[i].seq);
        if (message && message->newest_event)
            *newest_event = MAX(*newest_event, message->newest_event->id);
        error = remove_message(database, &rows[i]);
    }
    return error;
}

enum error memory_read_content(struct store_database *database, const struct message_row *row,
                               struct message *message)
{
    const struct memory_message *current = find_current(database, row->seq);
    if (!current)
        return ERROR_INTERNAL;
    *message = (struct message){
        .id = row->id,
        .resent_as = current->resent_as,
        .text = strdup(current->text),
        .encoding = current->encoding,
        .segments = row->segments,
        .options = current->row.options,
    };
    strcpy(message->phone_number, current->phone_number);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error set_resent(struct store_database *database, const struct message_row *row,
                             const struct message_id *new_id)
{
    struct memory_message *message = copy_current(database, row);
    if (message)
        message->resent_as = *new_id;
    return put(database, message);
}

/* ---- Lists ---- */

typedef bool condition(const struct store_database *database, const struct memory_message *message,
                       const void *value);

/* Appends the messages of a status that meet the condition; `value` is its argument. */
static void list(struct store_database *database, enum message_status status, condition *holds,
                 const void *value, size_t limit, struct message_row rows[], size_t *count)
{
    const struct table *table = &database->tables->messages_in[status];
    for (size_t i = 0; i < table->count && *count < limit; i++) {
        const struct memory_message *message = table->rows[i];
        if (holds(database, message, value))
            rows[(*count)++] = message->row;
    }
}

static bool is_unchanged_since(const struct store_database *database,
                               const struct memory_message *message, const void *value)
{
    (void)database;
    return message->row.updated_at_ms < *(const int64_t *)value;
}

static bool is_on_broker(const struct store_database *database,
                         const struct memory_message *message, const void *value)
{
    return memory_is_on_broker(database->tables, message->row.device_id, value);
}

static enum error list_silent(struct store_database *database, int64_t before_ms, size_t limit,
                              struct message_row rows[], size_t *count)
{
    *count = 0;
    list(database, MESSAGE_ACCEPTED, is_unchanged_since, &before_ms, limit, rows, count);
    list(database, MESSAGE_SENDING, is_unchanged_since, &before_ms, limit, rows, count);
    return ERROR_NONE;
}

static enum error list_offered(struct store_database *database, int64_t before_ms, size_t limit,
                               struct message_row rows[], size_t *count)
{
    *count = 0;
    list(database, MESSAGE_DISPATCHED, is_unchanged_since, &before_ms, limit, rows, count);
    return ERROR_NONE;
}

static enum error list_offered_by(struct store_database *database, const struct message_id *broker,
                                  size_t limit, struct message_row rows[], size_t *count)
{
    *count = 0;
    list(database, MESSAGE_DISPATCHED, is_on_broker, broker, limit, rows, count);
    return ERROR_NONE;
}

static bool is_changed_later(const struct message_row *row, const struct message_row *other)
{
    return row->updated_at_ms != other->updated_at_ms ? row->updated_at_ms > other->updated_at_ms
                                                      : row->seq > other->seq;
}

/* Inserts a row into those of the latest changes, latest first; drops the one beyond the limit. */
static void insert_by_change(const struct message_row *row, size_t limit, struct message_row rows[],
                             size_t *count)
{
    size_t index = *count;
    while (index > 0 && is_changed_later(row, &rows[index - 1]))
        index--;
    if (index == limit)
        return;
    if (*count < limit)
        ++*count;
    memmove(rows + index + 1, rows + index, (*count - index - 1) * sizeof(*rows));
    rows[index] = *row;
}

static enum error list_in_flight(struct store_database *database, const char *device_id,
                                 size_t limit, struct message_row rows[], size_t *count)
{
    *count = 0;
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_SENDING; status++) {
        const struct table *table = &database->tables->messages_in[status];
        for (size_t i = 0; i < table->count; i++) {
            const struct memory_message *message = table->rows[i];
            if (strcmp(message->row.device_id, device_id) == 0)
                insert_by_change(&message->row, limit, rows, count);
        }
    }
    return ERROR_NONE;
}

static enum error list_open(struct store_database *database, int64_t after, size_t limit,
                            struct message_row rows[], size_t *count)
{
    const struct table *messages = &database->tables->messages;
    const struct memory_message first = {.row.seq = after + 1};
    *count = 0;
    for (size_t i = table_lower_bound(messages, &first); i < messages->count && *count < limit;
         i++) {
        const struct message_row *row = &((const struct memory_message *)messages->rows[i])->row;
        if (row->status < MESSAGE_SENT)
            rows[(*count)++] = *row;
    }
    return ERROR_NONE;
}

static enum error list_finished(struct store_database *database, int64_t before_ms, size_t limit,
                                struct message_row rows[], size_t *count)
{
    const struct table *messages = &database->tables->messages;
    struct message_id first_kept = message_id_first_at(before_ms);
    int64_t end = message_id_seq(&first_kept);
    *count = 0;
    for (size_t i = 0; i < messages->count && *count < limit; i++) {
        const struct message_row *row = &((const struct memory_message *)messages->rows[i])->row;
        if (row->seq >= end)
            break;
        if (row->status >= MESSAGE_SENT && row->updated_at_ms < before_ms)
            rows[(*count)++] = *row;
    }
    return ERROR_NONE;
}

/* ---- Many messages ---- */

static enum error correct_future(struct store_database *database, int64_t latest_ms, int64_t now_ms)
{
    enum error error = ERROR_NONE;
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_SENDING; status++) {
        const struct table *table = &database->tables->messages_in[status];
        for (size_t i = 0; i < table->count && error == ERROR_NONE; i++) {
            const struct memory_message *message = table->rows[i];
            if (message->row.updated_at_ms <= latest_ms)
                continue;
            struct memory_message *corrected = copy_current(database, &message->row);
            if (corrected)
                corrected->row.updated_at_ms = now_ms;
            error = put(database, corrected);
        }
    }
    return error;
}

static enum error remove_texts(struct store_database *database, int64_t before_ms, int64_t limit,
                               int64_t *count)
{
    const struct table *messages = &database->tables->messages;
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = 0; i < messages->count && *count < limit && error == ERROR_NONE; i++) {
        const struct memory_message *message = messages->rows[i];
        if (message->row.status < MESSAGE_SENT || message->row.updated_at_ms >= before_ms ||
            *message->text == '\0')
            continue;
        struct memory_message *without = copy_current(database, &message->row);
        if (without)
            without->text = strdup("");
        if (without && !without->text) {
            free(without);
            without = NULL;
        }
        error = put(database, without);
        ++*count;
    }
    return error;
}

/* The tables by status have the counts. */
static enum error add_to_count(struct store_database *database, enum message_status status,
                               int64_t delta)
{
    (void)database, (void)status, (void)delta;
    return ERROR_NONE;
}

void memory_count_stuck(const struct memory_tables *tables, int64_t since_ms,
                        int64_t counts[MESSAGE_STATUS_COUNT])
{
    for (int status = MESSAGE_QUEUED; status <= MESSAGE_SENDING; status++) {
        const struct table *table = &tables->messages_in[status];
        counts[status] = 0;
        for (size_t i = 0; i < table->count; i++) {
            const struct memory_message *message = table->rows[i];
            bool waits = status == MESSAGE_QUEUED && message->row.place.due_at_ms != 0;
            counts[status] += !waits && message->row.updated_at_ms < since_ms;
        }
    }
}

static enum error read_queued_since(struct store_database *database, int64_t now_ms,
                                    int64_t *since_ms)
{
    memory_read_queued_since(database->tables, now_ms, since_ms);
    return ERROR_NONE;
}

const struct message_rows memory_message_rows = {
    .insert = insert,
    .insert_many = insert_many,
    .find = find,
    .change = change,
    .assign = assign,
    .set_place = set_place,
    .request_cancel = request_cancel,
    .set_confirmed = set_confirmed,
    .remove = remove_message,
    .purge = purge,
    .read_content = memory_read_content,
    .set_resent = set_resent,
    .list_due = memory_list_due,
    .find_lane = memory_find_lane,
    .list_lane = memory_list_lane,
    .load_due = memory_load_due,
    .list_waited = memory_list_waited,
    .list_expired = memory_list_expired,
    .find_last_device = memory_find_last_device,
    .list_queued_to = memory_list_queued_to,
    .list_in_flight_to = list_in_flight_to,
    .list_silent = list_silent,
    .list_offered = list_offered,
    .list_offered_by = list_offered_by,
    .list_in_flight = list_in_flight,
    .list_open = list_open,
    .list_finished = list_finished,
    .correct_future = correct_future,
    .remove_texts = remove_texts,
    .add_to_count = add_to_count,
    .read_queued_since = read_queued_since,
};
