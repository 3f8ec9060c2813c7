/* Events, in memory: written, and read. */
#include "common/store/memory/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum error put(struct store_database *database, const struct memory_any_event *event,
                      const char *detail)
{
    struct table *events = &database->tables->events;
    size_t detail_size = detail ? strlen(detail) + 1 : 0;
    struct memory_any_event *row = malloc(sizeof(*row) + detail_size);
    if (row) {
        *row = *event;
        row->id = ++database->tables->last_event_id;
        row->detail = detail ? memcpy(row + 1, detail, detail_size) : NULL;
    }
    return table_put(events, &database->undo, row);
}

enum error memory_put_message_event(struct store_database *database, int64_t seq, int64_t number,
                                    struct memory_event *event)
{
    struct memory_any_event row = {
        .of_message = event,
        .message_seq = seq,
        .number = number,
        .type = event_type_of_status(event->status),
        .at_ms = event->at_ms,
    };
    snprintf(row.device_id, sizeof(row.device_id), "%s", event->device_id);
    event->id = database->tables->last_event_id + 1;
    return put(database, &row, NULL);
}

static enum error remove_event(struct store_database *database, int64_t id)
{
    struct table *events = &database->tables->events;
    struct memory_any_event *row = table_find(events, &(struct memory_any_event){.id = id});
    return row ? table_remove(events, &database->undo, row) : ERROR_INTERNAL;
}

enum error memory_remove_message_events(struct store_database *database,
                                        const struct memory_event *newest)
{
    enum error error = ERROR_NONE;
    for (; newest && error == ERROR_NONE; newest = newest->older)
        error = remove_event(database, newest->id);
    return error;
}

static enum error insert(struct store_database *database, const struct event_row *event,
                         int64_t now_ms)
{
    struct memory_any_event row = {.type = event->type, .at_ms = now_ms};
    snprintf(row.device_id, sizeof(row.device_id), "%s", event->device_id ? event->device_id : "");
    snprintf(row.subject, sizeof(row.subject), "%s", event->subject ? event->subject : "");
    return put(database, &row, event->detail);
}

static enum error insert_for_broker(struct store_database *database, enum event_type type,
                                    const struct message_id *broker, int64_t now_ms, int64_t *count)
{
    const struct table *devices = &database->tables->devices;
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = 0; i < devices->count && error == ERROR_NONE; i++) {
        const struct memory_device *device = devices->rows[i];
        if (!memory_is_on_broker(database->tables, device->device_id, broker))
            continue;
        struct event_row event = {.type = type, .device_id = device->device_id};
        error = insert(database, &event, now_ms);
        ++*count;
    }
    return error;
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count, int64_t *last_id)
{
    const struct table *events = &database->tables->events;
    enum error error = ERROR_NONE;
    int64_t seen = 0;
    *count = *last_id = 0;
    for (size_t i = 0; i < events->count && seen < limit && error == ERROR_NONE;) {
        const struct memory_any_event *event = events->rows[i];
        bool is_old = !event->of_message && event->at_ms < before_ms;
        seen += !event->of_message;
        i += !is_old;
        if (!is_old)
            continue;
        *last_id = event->id;
        ++*count;
        error = remove_event(database, event->id); /* the next one takes its place */
    }
    return error;
}

static int64_t removed_of(const struct memory_tables *tables)
{
    const struct table *table = &tables->removed_events;
    return table->count > 0 ? *(const int64_t *)table->rows[0] : 0;
}

static enum error skip_ids(struct store_database *database, int64_t id)
{
    database->tables->last_event_id = MAX(database->tables->last_event_id, id);
    return ERROR_NONE;
}

static enum error note_removed(struct store_database *database, int64_t id)
{
    int64_t removed = MAX(id, removed_of(database->tables));
    return table_put(&database->tables->removed_events, &database->undo,
                     table_copy_row(&removed, sizeof(removed)));
}

const struct event_rows memory_event_rows = {
    .insert = insert,
    .insert_for_broker = insert_for_broker,
    .remove_old = remove_old,
    .skip_ids = skip_ids,
    .note_removed = note_removed,
};

/* ---- Reads ---- */

static const struct message_id none;

void memory_read_event_range(const struct memory_tables *tables, int64_t *oldest, int64_t *newest)
{
    *oldest = removed_of(tables) + 1;
    *newest = tables->last_event_id;
}

static const struct memory_message *message_of(const struct memory_tables *tables,
                                               const struct memory_any_event *event)
{
    struct memory_message key = {.row.seq = event->message_seq};
    return event->of_message ? table_find(&tables->messages, &key) : NULL;
}

static bool is_in_group(const struct memory_tables *tables, const char *device_id,
                        const char *group)
{
    const struct memory_device *device = table_find(&tables->devices, device_id);
    return device && device_groups_has(&device->configuration.groups, group);
}

static bool is_of_batch(const struct memory_any_event *event, const struct memory_message *message,
                        const struct message_id *batch_id)
{
    char text[MESSAGE_ID_TEXT_SIZE];
    if (message)
        return message_id_equal(&message->row.batch_id, batch_id);
    message_id_format(batch_id, text);
    return event->type == EVENT_BATCH_FINISHED && strcmp(event->subject, text) == 0;
}

static bool matches(const struct memory_tables *tables, const struct store_event_query *query,
                    const struct memory_any_event *event, const struct memory_message *message)
{
    const char *group = query->device_group;
    if (query->types != 0 && !(query->types & EVENT_BIT(event->type)))
        return false;
    if (*query->device_id && strcmp(query->device_id, event->device_id) != 0)
        return false;
    if (!message_id_equal(&query->message_id, &none) &&
        !(message && message_id_equal(&query->message_id, &message->row.id)))
        return false;
    if (!message_id_equal(&query->batch_id, &none) &&
        !is_of_batch(event, message, &query->batch_id))
        return false;
    return !*group || is_in_group(tables, event->device_id, group) ||
           (message && strcmp(message->row.options.target.device_group, group) == 0);
}

/* One that is no longer there tells only its id. False without memory. */
static bool add_incoming(const struct memory_tables *tables, struct store_event *event,
                         bool with_text)
{
    struct message_id id;
    struct incoming_sms sms;
    if (!message_id_parse(event->subject, &id))
        return true;
    enum error error = memory_read_incoming(tables, &id, &sms);
    if (error != ERROR_NONE)
        return error == ERROR_INCOMING_NOT_FOUND;
    bool good = store_event_add_incoming(event, &sms, with_text);
    incoming_sms_fini(&sms);
    return good;
}

/* False without memory. */
static bool copy_event(const struct memory_tables *tables, const struct memory_any_event *row,
                       const struct memory_message *message, bool with_text,
                       struct store_event *event)
{
    *event = (struct store_event){.id = row->id, .type = row->type, .at_ms = row->at_ms};
    strcpy(event->device_id, row->device_id);
    strcpy(event->subject, row->subject);
    event->detail = row->detail ? strdup(row->detail) : NULL;
    if (event->type == EVENT_INBOX_RECEIVED)
        return add_incoming(tables, event, with_text);
    if (!message)
        return event->detail || !row->detail;
    event->message_id = message->row.id;
    event->number = row->number;
    event->status = row->of_message->status;
    event->attempt = row->of_message->attempt;
    event->reason = row->of_message->reason;
    snprintf(event->error_code, sizeof(event->error_code), "%s", row->of_message->error_code);
    snprintf(event->error_message, sizeof(event->error_message), "%s", row->of_message->error_text);
    strcpy(event->phone_number, message->phone_number);
    strcpy(event->reference, message->row.options.reference);
    event->batch_id = message->row.batch_id;
    event->encoding = message->encoding;
    event->text = with_text ? strdup(message->text) : NULL;
    return event->text || !with_text;
}

/* Appends the event to the page. *full: the page ends before it. */
static enum error append(const struct memory_tables *tables, const struct memory_any_event *row,
                         const struct memory_message *message,
                         const struct store_event_query *query, struct store_event_page *page,
                         size_t *text_bytes, bool *full)
{
    struct store_event *event = &page->events[page->count];
    *full = page->count == query->limit;
    if (*full)
        return ERROR_NONE;
    bool good = copy_event(tables, row, message, query->with_text, event);
    *text_bytes += good && event->text ? strlen(event->text) : 0;
    *full = page->count > 0 && query->max_text_bytes > 0 && *text_bytes > query->max_text_bytes;
    if (!good || *full)
        store_event_fini(event);
    else
        page->count++;
    return good ? ERROR_NONE : ERROR_INTERNAL;
}

enum error memory_list_events(const struct memory_tables *tables,
                              const struct store_event_query *query, struct store_event_page *page)
{
    const struct table *events = &tables->events;
    size_t first = table_lower_bound(events, &(struct memory_any_event){.id = query->after + 1});
    size_t end = events->count, text_bytes = 0;
    bool full = false, of_one = !message_id_equal(&query->message_id, &none);
    enum error error = ERROR_NONE;
    if (store_event_query_has_filter(query) && !of_one)
        end = MIN(end, first + STORE_MAX_EVENTS_EXAMINED);
    page->events = malloc(query->limit * sizeof(*page->events));
    if (!page->events)
        return ERROR_INTERNAL;
    page->last = MAX(query->after, tables->last_event_id);
    for (size_t i = first; i < end && error == ERROR_NONE && !full; i++) {
        const struct memory_any_event *event = events->rows[i];
        const struct memory_message *message = message_of(tables, event);
        if (matches(tables, query, event, message))
            error = append(tables, event, message, query, page, &text_bytes, &full);
    }
    if (full)
        page->last = page->events[page->count - 1].id;
    else if (end < events->count)
        page->last = ((const struct memory_any_event *)events->rows[end - 1])->id;
    page->more = page->last < tables->last_event_id;
    return error;
}
