#include "common/store/postgresql/change_rows.h"

#include "common/base/grow_list.h"
#include "common/store/postgresql/database.h"
#include "common/store/postgresql/own_rows.h"
#include "common/store/sql/message_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_COLUMNS = 30, EVENT_COLUMNS = 9 };

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

/* ---- What is kept ---- */

static void forget_kept(struct changes *changes)
{
    changes->count = changes->events.count = 0;
    seq_places_clear(&changes->places);
}

void change_rows_clear(struct store_database *database)
{
    struct changes *changes = &database->changes;
    forget_kept(changes);
    memset(changes->count_deltas, 0, sizeof(changes->count_deltas));
    database->handle.deferred.tables = 0;
    database->last_devices.count = 0;
    database->has_event_lock = false;
}

void change_rows_init(struct store_database *database)
{
    database->handle.deferred.send = change_rows_send;
    database->handle.deferred.database = database;
    for (size_t i = 0; i < ARRAY_LENGTH(database->arrays); i++)
        buffer_init(&database->arrays[i], INT32_MAX);
}

void change_rows_fini(struct store_database *database)
{
    struct changes *changes = &database->changes;
    for (size_t i = 0; i < ARRAY_LENGTH(database->arrays); i++)
        buffer_fini(&database->arrays[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(database->wanted); i++)
        free(database->wanted[i].ids);
    last_devices_fini(&database->last_devices);
    free(changes->rows);
    seq_places_fini(&changes->places);
    records_fini(&database->added);
    records_fini(&changes->messages);
    records_fini(&changes->events);
}

static struct changed_row *find(struct changes *changes, int64_t seq)
{
    ptrdiff_t place = seq_places_find(&changes->places, seq);
    return place == SEQ_NOWHERE ? NULL : &changes->rows[place];
}

/* NULL without memory. */
static struct changed_row *add(struct changes *changes, const struct message_row *before)
{
    if (changes->count == changes->capacity) {
        void *more = grow_list(changes->rows, &changes->capacity, sizeof(*changes->rows));
        if (!more)
            return NULL;
        changes->rows = more;
    }
    if (!seq_places_put(&changes->places, before->seq, changes->count))
        return NULL;
    struct changed_row *changed = &changes->rows[changes->count++];
    changed->old_status = before->status;
    changed->old_attempt = before->attempt;
    changed->keeps_error = true;
    changed->error_code[0] = changed->error_message[0] = '\0';
    return changed;
}

static void copy_text(char *copy, size_t size, const char *text)
{
    snprintf(copy, size, "%s", text ? text : "");
}

static void add_event(struct store_database *database, const struct message_row *row,
                      enum transition_reason reason, const struct message_error *error)
{
    struct records *events = &database->changes.events;
    if (events->count == 0)
        records_begin(events, database->types.new_message_event);
    records_begin_row(events, EVENT_COLUMNS);
    records_add_integer(events, TYPE_INT8, row->seq);
    records_add_integer(events, TYPE_INT4, row->event_count);
    records_add_integer(events, TYPE_INT2, row->status);
    records_add_integer(events, TYPE_INT4, row->attempt);
    records_add_text(events, row->device_id);
    records_add_text(events, error ? error->code : NULL);
    records_add_text(events, error ? error->text : NULL);
    records_add_integer(events, TYPE_INT8, row->updated_at_ms);
    records_add_integer(events, TYPE_INT2, reason);
    records_end_row(events);
}

enum error change_rows_one(struct store_database *database, const struct message_row *before,
                           const struct message_row *after, enum transition_reason reason,
                           const struct message_error *error)
{
    struct changes *changes = &database->changes;
    bool moves = message_rows_moves(before, after);
    struct changed_row *changed = find(changes, before->seq);
    if (!changed)
        changed = add(changes, before);
    if (!changed)
        return ERROR_INTERNAL;
    changed->after = *after;
    if (error) {
        changed->keeps_error = false;
        copy_text(changed->error_code, sizeof(changed->error_code), error->code);
        copy_text(changed->error_message, sizeof(changed->error_message), error->text);
    }
    add_event(database, after, reason, error);
    handle_note_change(&database->handle, moves ? prefetch_messages() : prefetch_in_flight());
    return ERROR_NONE;
}

enum error change_rows_add_to_count(struct store_database *database, enum message_status status,
                                    int64_t delta)
{
    database->changes.count_deltas[status] += delta;
    return ERROR_NONE;
}

/* ---- Sending ---- */

static void add_message(struct records *messages, const struct changed_row *changed)
{
    const struct message_row *row = &changed->after;
    bool is_queued = row->status == MESSAGE_QUEUED;
    records_begin_row(messages, CHANGE_COLUMNS);
    records_add_integer(messages, TYPE_INT8, row->seq);
    records_add_integer(messages, TYPE_INT2, changed->old_status);
    records_add_integer(messages, TYPE_INT4, changed->old_attempt);
    records_add_integer(messages, TYPE_INT2, row->status);
    records_add_integer(messages, TYPE_INT4, row->attempt);
    records_add_integer(messages, TYPE_INT4, row->event_count);
    records_add_text(messages, row->device_id);
    records_add_number(messages, TYPE_INT2, row->device_sim);
    records_add_id_if_any(messages, &row->journal);
    records_add_integer(messages, TYPE_INT4, row->failures);
    records_add_integer(messages, TYPE_INT4, row->proved_attempt);
    records_add_integer(messages, TYPE_INT8, row->report_seq);
    records_add_integer(messages, TYPE_INT8, row->retry_at_ms);
    records_add_integer(messages, TYPE_INT8, row->updated_at_ms);
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++)
        records_add_number(messages, TYPE_INT8, row->reached_at_ms[status]);
    records_add_integer(messages, TYPE_BOOL, changed->keeps_error);
    records_add_text(messages, changed->error_code);
    records_add_text(messages, changed->error_message);
    records_add_text(messages, is_queued ? row->place.lane : NULL);
    records_add_number(messages, TYPE_INT8, is_queued && *row->place.lane ? row->place.rank_ms : 0);
    records_add_number(messages, TYPE_INT8, is_queued ? row->place.due_at_ms : 0);
    records_end_row(messages);
}

static enum error send_messages(struct store_database *database)
{
    struct changes *changes = &database->changes;
    struct records *messages = &changes->messages;
    records_begin(messages, database->types.changed_message);
    for (size_t i = 0; i < changes->count; i++)
        add_message(messages, &changes->rows[i]);
    struct statement *update = get(database, CHANGE_MESSAGES);
    statement_bind_integer(update, FIELD_COUNT, (int64_t)changes->count);
    statement_bind_blob(update, FIELD_MESSAGES, messages->bytes.data, (int)messages->bytes.length);
    return messages->bytes.failed ? ERROR_INTERNAL : statement_run(&database->handle, update);
}

static enum error send_events(struct store_database *database)
{
    struct records *events = &database->changes.events;
    enum error error = events->bytes.failed ? ERROR_INTERNAL : event_ids_lock(database);
    if (error != ERROR_NONE)
        return error;
    struct statement *insert = get(database, ADD_EVENTS);
    statement_bind_blob(insert, FIELD_EVENTS, events->bytes.data, (int)events->bytes.length);
    return statement_run(&database->handle, insert);
}

enum error change_rows_send(struct store_database *database)
{
    struct changes *changes = &database->changes;
    database->handle.deferred.tables = 0;
    if (changes->count == 0)
        return ERROR_NONE;
    enum error error = send_messages(database);
    if (error == ERROR_NONE)
        error = send_events(database);
    forget_kept(changes);
    return error;
}

static enum error send_counts(struct store_database *database)
{
    struct changes *changes = &database->changes;
    struct buffer *statuses = &database->arrays[0], *deltas = &database->arrays[1];
    size_t count = 0;
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++)
        count += changes->count_deltas[status] != 0;
    if (count == 0)
        return ERROR_NONE;
    array_begin(statuses, TYPE_INT2, count);
    array_begin(deltas, TYPE_INT8, count);
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        if (changes->count_deltas[status] == 0)
            continue;
        array_add_integer(statuses, TYPE_INT2, status);
        array_add_integer(deltas, TYPE_INT8, changes->count_deltas[status]);
        changes->count_deltas[status] = 0;
    }
    struct statement *upsert = get(database, ADD_TO_COUNTS);
    statement_bind_blob(upsert, FIELD_STATUS, statuses->data, (int)statuses->length);
    statement_bind_blob(upsert, FIELD_DELTA, deltas->data, (int)deltas->length);
    return statuses->failed || deltas->failed ? ERROR_INTERNAL
                                              : statement_run(&database->handle, upsert);
}

enum error change_rows_finish(struct store_database *database)
{
    enum error error = insert_rows_waiting(database);
    if (error == ERROR_NONE)
        error = transaction_flush(&database->transaction);
    if (error == ERROR_NONE)
        error = change_rows_send(database);
    if (error == ERROR_NONE)
        error = send_counts(database);
    return error == ERROR_NONE ? database->handle.failure.error : error;
}
