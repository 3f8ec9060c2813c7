/* Reading messages. */
#include "common/store/sql/backend.h"
#include "common/store/sql/message_rows.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/seq_range.h"

#include <stdlib.h>
#include <string.h>

static enum error read_message(const struct statement *row, struct message *message)
{
    *message = (struct message){
        .encoding = (enum sms_encoding)statement_integer(row, FIELD_ENCODING),
        .segments = (unsigned)statement_integer(row, FIELD_SEGMENTS),
        .status = (enum message_status)statement_integer(row, FIELD_STATUS),
        .attempt = (unsigned)statement_integer(row, FIELD_ATTEMPT),
        .device_sim = (unsigned)statement_integer(row, FIELD_DEVICE_SIM),
        .updated_at_ms = statement_integer(row, FIELD_UPDATED_AT_MS),
        .retry_at_ms = statement_integer(row, FIELD_RETRY_AT_MS),
        .cancel_requested = statement_integer(row, FIELD_CANCEL_REQUESTED),
    };
    if (!statement_id(row, FIELD_ID, &message->id))
        return ERROR_INTERNAL;
    statement_request_id(row, FIELD_REQUEST_ID, &message->request_id);
    statement_id(row, FIELD_RESENT_AS, &message->resent_as);
    statement_text(row, FIELD_PHONE_NUMBER, message->phone_number, sizeof(message->phone_number));
    statement_text(row, FIELD_DEVICE_ID, message->device_id, sizeof(message->device_id));
    statement_text(row, FIELD_ERROR_CODE, message->error_code, sizeof(message->error_code));
    statement_text(row, FIELD_ERROR_MESSAGE, message->error_message,
                   sizeof(message->error_message));
    message_rows_read_options(row, &message->options);
    statement_id(row, FIELD_BATCH_ID, &message->batch_id);
    statement_times(row, message->reached_at_ms);
    if (message->reached_at_ms[MESSAGE_QUEUED] == 0) /* never returned to the queue */
        message->reached_at_ms[MESSAGE_QUEUED] = message_id_time_ms(&message->id);
    message->text = statement_copy_text(row, FIELD_TEXT);
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

enum error queries_find_message(struct store_database_reader *reader, const struct message_id *id,
                                struct message *message)
{
    bool found;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_MESSAGE);
    statement_bind_message(select, id);
    enum error error = statement_step(&reader->handle, select, &found);
    if (error == ERROR_NONE)
        error = found ? read_message(select, message) : ERROR_MESSAGE_NOT_FOUND;
    statement_reset(select);
    reader_end(reader);
    return error;
}

static enum error read_event(const struct statement *row, void *item)
{
    struct message_event *event = item;
    *event = (struct message_event){
        .status = (enum message_status)statement_integer(row, FIELD_STATUS),
        .attempt = (unsigned)statement_integer(row, FIELD_ATTEMPT),
        .reason = (enum transition_reason)statement_integer(row, FIELD_REASON),
        .at_ms = statement_integer(row, FIELD_AT_MS),
    };
    statement_text(row, FIELD_DEVICE_ID, event->device_id, sizeof(event->device_id));
    statement_text(row, FIELD_ERROR_CODE, event->error_code, sizeof(event->error_code));
    statement_text(row, FIELD_ERROR_MESSAGE, event->error_message, sizeof(event->error_message));
    return ERROR_NONE;
}

/* ERROR_MESSAGE_NOT_FOUND unless there is a message. */
static enum error check_message(struct handle *handle, const struct message_id *id)
{
    bool found;
    struct statement *select = statement_get(handle, FIND_SEQ);
    statement_bind_message(select, id);
    enum error error = statement_step(handle, select, &found);
    statement_reset(select);
    return error == ERROR_NONE && !found ? ERROR_MESSAGE_NOT_FOUND : error;
}

enum error queries_read_history(struct store_database_reader *reader, const struct message_id *id,
                                int64_t after, size_t limit, struct message_event **events,
                                size_t *count)
{
    void *items;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, READ_HISTORY);
    statement_bind_message(select, id);
    statement_bind_integer(select, FIELD_CREATED_AT_MS, message_id_time_ms(id));
    statement_bind_integer(select, FIELD_AFTER, after);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    enum error error = statement_read_list(&reader->handle, select, sizeof(**events), read_event,
                                           &items, count);
    if (error == ERROR_NONE && *count == 0)
        error = check_message(&reader->handle, id);
    reader_end(reader);
    *events = items;
    return error;
}

/* ---- Lists ---- */

static struct seq_range filter_range(const struct store_query *query)
{
    return seq_range_of_times(query->has_created_after, query->created_after_ms,
                              query->has_created_before, query->created_before_ms);
}

/* The state of one list query, in one read transaction. */
struct view {
    int64_t counts[MESSAGE_STATUS_COUNT];
    struct list_statements {
        enum statement_id older, newer, count;
    } statements;
};

static const struct message_id no_batch;

/* The index that narrows most: a number has few messages; a device may have all there are, and a status too,
   but how many a status has is known. */
static struct list_statements choose_index(const struct store_query *query,
                                           const int64_t counts[MESSAGE_STATUS_COUNT])
{
    enum { FEW = 10000 }; /* few enough to check one by one, in milliseconds */
    bool few = query->has_status && counts[query->status] <= FEW;
    if (!message_id_equal(&query->batch_id, &no_batch))
        return (struct list_statements){OLDER_BY_BATCH, NEWER_BY_BATCH, COUNT_BY_BATCH};
    if (*query->reference)
        return (struct list_statements){OLDER_BY_REFERENCE, NEWER_BY_REFERENCE, COUNT_BY_REFERENCE};
    if (*query->phone_number)
        return (struct list_statements){OLDER_BY_NUMBER, NEWER_BY_NUMBER, COUNT_BY_NUMBER};
    if (*query->device_id && !few)
        return (struct list_statements){OLDER_BY_DEVICE, NEWER_BY_DEVICE, COUNT_BY_DEVICE};
    if (*query->device_group && !few)
        return (struct list_statements){OLDER_BY_GROUP, NEWER_BY_GROUP, COUNT_BY_GROUP};
    if (query->has_status && query->status == MESSAGE_QUEUED)
        return (struct list_statements){OLDER_BY_QUEUE, NEWER_BY_QUEUE, COUNT_BY_QUEUE};
    if (query->has_status)
        return (struct list_statements){OLDER_BY_STATUS, NEWER_BY_STATUS, COUNT_BY_STATUS};
    return (struct list_statements){OLDER_BY_TIME, NEWER_BY_TIME, COUNT_BY_TIME};
}

/* The parameters that all list and count statements have. */
static void bind_filter(struct statement *select, const struct store_query *query,
                        const struct seq_range *range)
{
    statement_bind_integer(select, FIELD_FIRST, range->first);
    statement_bind_integer(select, FIELD_END, range->end);
    if (query->has_status)
        statement_bind_integer(select, FIELD_STATUS, query->status);
    statement_bind_text(select, FIELD_DEVICE_ID, query->device_id);
    statement_bind_text(select, FIELD_PHONE_NUMBER, query->phone_number);
    statement_bind_text(select, FIELD_REFERENCE, query->reference);
    statement_bind_text(select, FIELD_TARGET_GROUP, query->device_group);
    statement_bind_id_if_any(select, FIELD_BATCH_ID, &query->batch_id);
}

/* How many messages match the filters, on all pages; from the stored counts if the only filter is the status. */
static enum error count_matches(struct handle *handle, const struct store_query *query,
                                const struct view *view, int64_t *total)
{
    *total = 0;
    if (!store_query_has_text_filter(query) && !query->has_created_after &&
        !query->has_created_before) {
        for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
            *total += !query->has_status || i == (int)query->status ? view->counts[i] : 0;
        return ERROR_NONE;
    }

    struct seq_range range = filter_range(query);
    struct statement *select = statement_get(handle, view->statements.count);
    bind_filter(select, query, &range);
    return statement_read_integer(handle, select, total);
}

static void reverse(struct message *messages, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct message other = messages[i];
        messages[i] = messages[count - 1 - i];
        messages[count - 1 - i] = other;
    }
}

static enum error read_page(struct handle *handle, const struct store_query *query,
                            const struct view *view, struct store_page *page)
{
    bool row, newer = query->position == STORE_NEWER_THAN, more = false;
    size_t text_bytes = 0;
    struct seq_range range = filter_range(query);
    enum error error = seq_range_cut(handle, FIND_SEQ, query->position, &query->cursor, &range);

    if (error != ERROR_NONE)
        return error;
    page->messages = calloc(query->limit, sizeof(*page->messages));
    if (!page->messages)
        return ERROR_INTERNAL;
    struct statement *select = statement_get(handle, newer ? view->statements.newer
                                                           : view->statements.older);
    bind_filter(select, query, &range);
    statement_bind_integer(select, FIELD_LIMIT,
                           (int64_t)query->limit + 1); /* one more tells whether there is more */
    statement_bind_integer(select, FIELD_OFFSET,
                           query->position == STORE_AT_OFFSET ? query->offset : 0);
    error = statement_step(handle, select, &row);
    while (error == ERROR_NONE && row) {
        more = page->count == query->limit;
        if (more)
            break;
        struct message *message = &page->messages[page->count];
        error = read_message(select, message);
        text_bytes += message->text ? strlen(message->text) : 0;
        more = page->count > 0 && query->max_text_bytes > 0 && text_bytes > query->max_text_bytes;
        if (more) {
            message_fini(message);
            break;
        }
        page->count++;
        if (error == ERROR_NONE)
            error = statement_step(handle, select, &row);
    }
    statement_reset(select);

    if (newer)
        reverse(page->messages, page->count);
    page->has_older = newer || more;
    page->has_newer = newer ? more : query->position == STORE_OLDER_THAN || query->offset > 0;
    return error;
}

/* Within a transaction of the caller. */
static enum error read_view(struct handle *handle, const struct store_query *query,
                            struct store_page *page)
{
    struct view view = {0};
    enum error error = queries_read_counts(handle, statement_get(handle, READ_COUNTS), view.counts);
    view.statements = choose_index(query, view.counts);
    if (error == ERROR_NONE)
        error = read_page(handle, query, &view, page);
    if (error != ERROR_NONE)
        return error;
    bool ends_here = query->position == STORE_AT_OFFSET && !page->has_older &&
                     (page->count > 0 || query->offset == 0);
    if (!ends_here)
        return count_matches(handle, query, &view, &page->total);
    page->total = query->offset + (int64_t)page->count; /* counting would read every match */
    return ERROR_NONE;
}

enum error queries_list_messages(struct store_database_reader *reader,
                                 const struct store_query *query, struct store_page *page)
{
    enum error error = reader_begin_view(reader);
    return error == ERROR_NONE ? reader_end_view(reader, read_view(&reader->handle, query, page))
                               : error;
}
