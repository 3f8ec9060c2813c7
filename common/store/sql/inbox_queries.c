/* Reading incoming SMS. */
#include "common/store/sql/backend.h"
#include "common/store/sql/incoming_rows.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/seq_range.h"

#include <stdlib.h>
#include <string.h>

enum error queries_find_incoming(struct store_database_reader *reader, const struct message_id *id,
                                 struct incoming_sms *sms)
{
    bool found;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_INCOMING);
    statement_bind_message(select, id);
    enum error error = statement_step(&reader->handle, select, &found);
    if (error == ERROR_NONE)
        error = found ? incoming_rows_read(select, sms) : ERROR_INCOMING_NOT_FOUND;
    statement_reset(select);
    reader_end(reader);
    return error;
}

/* ---- Lists ---- */

static struct seq_range filter_range(const struct store_inbox_query *query)
{
    return seq_range_of_times(query->has_stored_after, query->stored_after_ms,
                              query->has_stored_before, query->stored_before_ms);
}

struct list_statements {
    enum statement_id older, newer, count;
};

static struct list_statements choose_index(const struct store_inbox_query *query)
{
    if (*query->sender)
        return (struct list_statements){OLDER_INCOMING_OF_SENDER, NEWER_INCOMING_OF_SENDER,
                                        COUNT_INCOMING_OF_SENDER};
    if (*query->device_id)
        return (struct list_statements){OLDER_INCOMING_OF_DEVICE, NEWER_INCOMING_OF_DEVICE,
                                        COUNT_INCOMING_OF_DEVICE};
    return (struct list_statements){OLDER_INCOMING, NEWER_INCOMING, COUNT_INCOMING};
}

static struct statement *select_range(struct handle *handle, enum statement_id id,
                                      const struct store_inbox_query *query,
                                      const struct seq_range *range)
{
    struct statement *select = statement_get(handle, id);
    statement_bind_integer(select, FIELD_FIRST, range->first);
    statement_bind_integer(select, FIELD_END, range->end);
    statement_bind_text(select, FIELD_DEVICE_ID, query->device_id);
    statement_bind_text(select, FIELD_SENDER, query->sender);
    if (query->sim != 0)
        statement_bind_integer(select, FIELD_SIM, query->sim);
    if (query->has_kind)
        statement_bind_integer(select, FIELD_KIND, query->kind);
    return select;
}

/* Appends the rows of `select`. *more: the page ended before the last of them. */
static enum error read_rows(struct handle *handle, struct statement *select,
                            const struct store_inbox_query *query, struct store_inbox_page *page,
                            bool *more)
{
    bool row;
    size_t text_bytes = 0;
    enum error error = statement_step(handle, select, &row);
    *more = false;
    while (error == ERROR_NONE && row) {
        *more = page->count == query->limit;
        if (*more)
            break;
        struct incoming_sms *sms = &page->incoming[page->count];
        error = incoming_rows_read(select, sms);
        text_bytes += sms->text ? strlen(sms->text) : 0;
        *more = page->count > 0 && query->max_text_bytes > 0 && text_bytes > query->max_text_bytes;
        if (*more) {
            incoming_sms_fini(sms);
            break;
        }
        page->count++;
        if (error == ERROR_NONE)
            error = statement_step(handle, select, &row);
    }
    statement_reset(select);
    return error;
}

static void reverse(struct incoming_sms *incoming, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct incoming_sms other = incoming[i];
        incoming[i] = incoming[count - 1 - i];
        incoming[count - 1 - i] = other;
    }
}

static enum error read_page(struct handle *handle, const struct store_inbox_query *query,
                            struct store_inbox_page *page)
{
    bool newer = query->position == STORE_NEWER_THAN, more = false;
    struct list_statements statements = choose_index(query);
    struct seq_range range = filter_range(query);
    enum error error = seq_range_cut(handle, FIND_INCOMING_SEQ, query->position, &query->cursor,
                                     &range);
    if (error != ERROR_NONE)
        return error;
    page->incoming = calloc(query->limit, sizeof(*page->incoming));
    if (!page->incoming)
        return ERROR_INTERNAL;
    struct statement *select = select_range(handle, newer ? statements.newer : statements.older,
                                            query, &range);
    statement_bind_integer(select, FIELD_LIMIT,
                           (int64_t)query->limit + 1); /* one more tells whether there is more */
    statement_bind_integer(select, FIELD_OFFSET,
                           query->position == STORE_AT_OFFSET ? query->offset : 0);
    error = read_rows(handle, select, query, page, &more);
    if (newer)
        reverse(page->incoming, page->count);
    page->has_older = newer || more;
    page->has_newer = newer ? more : query->position == STORE_OLDER_THAN || query->offset > 0;
    return error;
}

static enum error count_matches(struct handle *handle, const struct store_inbox_query *query,
                                int64_t *total)
{
    bool has_filter = *query->device_id || *query->sender || query->sim != 0 || query->has_kind ||
                      query->has_stored_after || query->has_stored_before;
    struct seq_range range = filter_range(query);
    *total = 0;
    return statement_read_integer(
        handle,
        has_filter ? select_range(handle, choose_index(query).count, query, &range)
                   : statement_get(handle, COUNT_INBOX),
        total);
}

/* Within a transaction of the caller. */
static enum error read_view(struct handle *handle, const struct store_inbox_query *query,
                            struct store_inbox_page *page)
{
    enum error error = read_page(handle, query, page);
    if (error != ERROR_NONE || query->without_total)
        return error;
    bool ends_here = query->position == STORE_AT_OFFSET && !page->has_older &&
                     (page->count > 0 || query->offset == 0);
    if (!ends_here)
        return count_matches(handle, query, &page->total);
    page->total = query->offset + (int64_t)page->count; /* counting would read every match */
    return ERROR_NONE;
}

enum error queries_list_inbox(struct store_database_reader *reader,
                              const struct store_inbox_query *query, struct store_inbox_page *page)
{
    enum error error = reader_begin_view(reader);
    return error == ERROR_NONE ? reader_end_view(reader, read_view(&reader->handle, query, page))
                               : error;
}
