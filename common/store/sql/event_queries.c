/* Reading events. */
#include "common/store/sql/backend.h"
#include "common/store/sql/incoming_rows.h"
#include "common/store/sql/queries.h"

#include <stdlib.h>
#include <string.h>

/* The ids of the last event, and of the last that retention has removed. */
static enum error read_range(struct store_database_reader *reader, int64_t *newest,
                             int64_t *removed)
{
    bool row;
    struct statement *select = statement_get(&reader->handle, READ_EVENT_RANGE);
    enum error error = statement_step(&reader->handle, select, &row);
    if (error == ERROR_NONE && row) {
        *newest = statement_integer(select, FIELD_EVENT_ID);
        *removed = statement_integer(select, FIELD_REMOVED);
    }
    statement_reset(select);
    return error;
}

enum error queries_read_event_range(struct store_database_reader *reader, int64_t *oldest,
                                    int64_t *newest)
{
    int64_t removed = 0;
    *newest = 0;
    reader_begin(reader);
    enum error error = read_range(reader, newest, &removed);
    *oldest = removed + 1;
    reader_end(reader);
    return error;
}

/* ---- Rows ---- */

static enum error read_message_event(const struct statement *row, struct store_event *event)
{
    *event = (struct store_event){
        .id = statement_integer(row, FIELD_EVENT_ID),
        .at_ms = statement_integer(row, FIELD_AT_MS),
        .number = statement_integer(row, FIELD_NUMBER),
        .status = (enum message_status)statement_integer(row, FIELD_STATUS),
        .attempt = (unsigned)statement_integer(row, FIELD_ATTEMPT),
        .reason = (enum transition_reason)statement_integer(row, FIELD_REASON),
        .encoding = (enum sms_encoding)statement_integer(row, FIELD_ENCODING),
    };
    event->type = event_type_of_status(event->status);
    statement_id(row, FIELD_ID, &event->message_id);
    statement_id(row, FIELD_BATCH_ID, &event->batch_id);
    statement_text(row, FIELD_DEVICE_ID, event->device_id, sizeof(event->device_id));
    statement_text(row, FIELD_ERROR_CODE, event->error_code, sizeof(event->error_code));
    statement_text(row, FIELD_ERROR_MESSAGE, event->error_message, sizeof(event->error_message));
    statement_text(row, FIELD_PHONE_NUMBER, event->phone_number, sizeof(event->phone_number));
    statement_text(row, FIELD_REFERENCE, event->reference, sizeof(event->reference));
    if (statement_is_null(row, FIELD_TEXT))
        return ERROR_NONE;
    event->text = statement_copy_text(row, FIELD_TEXT);
    return event->text ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error read_gateway_event(const struct statement *row, struct store_event *event)
{
    *event = (struct store_event){
        .id = statement_integer(row, FIELD_EVENT_ID),
        .type = (enum event_type)statement_integer(row, FIELD_TYPE),
        .at_ms = statement_integer(row, FIELD_AT_MS),
    };
    statement_text(row, FIELD_DEVICE_ID, event->device_id, sizeof(event->device_id));
    statement_text(row, FIELD_SUBJECT, event->subject, sizeof(event->subject));
    if (statement_is_null(row, FIELD_DETAIL))
        return ERROR_NONE;
    event->detail = statement_copy_text(row, FIELD_DETAIL);
    return event->detail ? ERROR_NONE : ERROR_INTERNAL;
}

/* One that is no longer there tells only its id. */
static enum error add_incoming(struct handle *handle, struct store_event *event, bool with_text)
{
    struct message_id id;
    struct incoming_sms sms = {0};
    bool found = message_id_parse(event->subject, &id);
    struct statement *select = statement_get(handle, FIND_INCOMING);
    enum error error = ERROR_NONE;
    if (!found)
        return ERROR_NONE;
    statement_bind_message(select, &id);
    error = statement_step(handle, select, &found);
    if (error == ERROR_NONE && found)
        error = incoming_rows_read(select, &sms);
    if (error == ERROR_NONE && found && !store_event_add_incoming(event, &sms, with_text))
        error = ERROR_INTERNAL;
    incoming_sms_fini(&sms);
    statement_reset(select);
    return error;
}

/* ---- Lists ---- */

static const struct message_id none;

/* The events of one of the two tables, one after the other. */
struct cursor {
    struct handle *handle;
    struct statement *select;
    enum error (*read)(const struct statement *row, struct store_event *event);
    bool row;                           /* there is a next one */
    char subject[MESSAGE_ID_TEXT_SIZE]; /* bound to the statement */
};

static enum error advance(struct cursor *cursor)
{
    return statement_step(cursor->handle, cursor->select, &cursor->row);
}

static uint32_t types_of(const struct store_event_query *query)
{
    return query->types ? query->types & EVENT_TYPES_ALL : EVENT_TYPES_ALL;
}

static void begin(struct cursor *cursor, struct store_database_reader *reader,
                  const struct store_event_query *query, enum statement_id id, int64_t end)
{
    cursor->handle = &reader->handle;
    cursor->select = statement_get(&reader->handle, id);
    statement_bind_integer(cursor->select, FIELD_AFTER, query->after);
    statement_bind_integer(cursor->select, FIELD_END, end);
    statement_bind_integer(cursor->select, FIELD_TYPES, types_of(query));
    statement_bind_text(cursor->select, FIELD_DEVICE_ID, query->device_id);
    statement_bind_text(cursor->select, FIELD_LABEL, query->device_group);
    statement_bind_integer(cursor->select, FIELD_LIMIT, (int64_t)query->limit);
}

static enum error begin_messages(struct cursor *cursor, struct store_database_reader *reader,
                                 const struct store_event_query *query, int64_t end)
{
    bool of_one = !message_id_equal(&query->message_id, &none);
    *cursor = (struct cursor){.read = read_message_event};
    if (!(types_of(query) & EVENT_MESSAGE_BITS))
        return ERROR_NONE;
    begin(cursor, reader, query, of_one ? LIST_EVENTS_OF_MESSAGE : LIST_MESSAGE_EVENTS, end);
    statement_bind_id_if_any(cursor->select, FIELD_BATCH_ID, &query->batch_id);
    statement_bind_integer(cursor->select, FIELD_WITH_TEXT, query->with_text);
    if (of_one)
        statement_bind_message(cursor->select, &query->message_id);
    return advance(cursor);
}

static enum error begin_others(struct cursor *cursor, struct store_database_reader *reader,
                               const struct store_event_query *query, int64_t end)
{
    *cursor = (struct cursor){.read = read_gateway_event};
    if (!(types_of(query) & ~EVENT_MESSAGE_BITS) || !message_id_equal(&query->message_id, &none))
        return ERROR_NONE;
    if (!message_id_equal(&query->batch_id, &none))
        message_id_format(&query->batch_id, cursor->subject);
    begin(cursor, reader, query, LIST_GATEWAY_EVENTS, end);
    statement_bind_integer(cursor->select, FIELD_TYPE, EVENT_BATCH_FINISHED);
    statement_bind_text(cursor->select, FIELD_SUBJECT, cursor->subject);
    return advance(cursor);
}

/* Lowers *end to the event before which, of one table, a page has looked at enough. */
static enum error bound(struct store_database_reader *reader, enum statement_id id, int64_t after,
                        int64_t *end)
{
    int64_t last = *end;
    struct statement *select = statement_get(&reader->handle, id);
    statement_bind_integer(select, FIELD_AFTER, after);
    statement_bind_integer(select, FIELD_OFFSET, STORE_MAX_EVENTS_EXAMINED - 1);
    enum error error = statement_read_integer(&reader->handle, select, &last);
    *end = MIN(*end, last);
    return error;
}

/* Up to which id a page looks. Below `removed` there may be events whose messages are gone. */
static enum error find_end(struct store_database_reader *reader,
                           const struct store_event_query *query, int64_t removed, int64_t *end)
{
    bool of_one = !message_id_equal(&query->message_id, &none);
    enum error error = ERROR_NONE;
    if (of_one || (!store_event_query_has_filter(query) && query->after >= removed))
        return ERROR_NONE;
    if (types_of(query) & EVENT_MESSAGE_BITS)
        error = bound(reader, FIND_MESSAGE_EVENT_AT, query->after, end);
    if (error == ERROR_NONE && types_of(query) & ~EVENT_MESSAGE_BITS)
        error = bound(reader, FIND_GATEWAY_EVENT_AT, query->after, end);
    return error;
}

/* Appends the event at the cursor. *full: the page ends before it. */
static enum error append(struct cursor *cursor, const struct store_event_query *query,
                         struct store_event_page *page, size_t *text_bytes, bool *full)
{
    struct store_event *event = &page->events[page->count];
    enum error error = cursor->read(cursor->select, event);
    if (error == ERROR_NONE && event->type == EVENT_INBOX_RECEIVED)
        error = add_incoming(cursor->handle, event, query->with_text);
    *text_bytes += error == ERROR_NONE && event->text ? strlen(event->text) : 0;
    *full = page->count > 0 && query->max_text_bytes > 0 && *text_bytes > query->max_text_bytes;
    if (error != ERROR_NONE || *full) {
        store_event_fini(event);
        return error;
    }
    page->count++;
    return advance(cursor);
}

static enum error merge(struct cursor *messages, struct cursor *others,
                        const struct store_event_query *query, struct store_event_page *page,
                        bool *full)
{
    size_t text_bytes = 0;
    enum error error = ERROR_NONE;
    while (error == ERROR_NONE && !*full && (messages->row || others->row)) {
        bool from_messages = messages->row &&
                             (!others->row ||
                              statement_integer(messages->select, FIELD_EVENT_ID) <
                                  statement_integer(others->select, FIELD_EVENT_ID));
        *full = page->count == query->limit;
        if (!*full)
            error = append(from_messages ? messages : others, query, page, &text_bytes, full);
    }
    return error;
}

static enum error read_page(struct store_database_reader *reader,
                            const struct store_event_query *query, int64_t end,
                            struct store_event_page *page)
{
    struct cursor messages, others = {.row = false};
    bool full = false;
    page->events = malloc(query->limit * sizeof(*page->events));
    if (!page->events)
        return ERROR_INTERNAL;
    enum error error = begin_messages(&messages, reader, query, end);
    if (error == ERROR_NONE)
        error = begin_others(&others, reader, query, end);
    if (error == ERROR_NONE)
        error = merge(&messages, &others, query, page, &full);
    if (messages.select)
        statement_reset(messages.select);
    if (others.select)
        statement_reset(others.select);
    full |= page->count == query->limit; /* a select ends there too */
    page->last = full ? page->events[page->count - 1].id : end;
    return error;
}

/* The last id is read first: the others see all events up to that one. */
enum error queries_list_events(struct store_database_reader *reader,
                               const struct store_event_query *query, struct store_event_page *page)
{
    int64_t newest = 0, removed = 0;
    reader_begin(reader);
    enum error error = read_range(reader, &newest, &removed);
    if (error == ERROR_NONE && newest > query->after) {
        int64_t end = newest;
        error = find_end(reader, query, removed, &end);
        if (error == ERROR_NONE)
            error = read_page(reader, query, end, page);
        page->more = error == ERROR_NONE && page->last < newest;
    }
    reader_end(reader);
    return error;
}
