/* Reading incoming SMS, in memory: the lock is held. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static const struct memory_incoming *find(const struct memory_tables *tables,
                                          const struct message_id *id)
{
    struct memory_incoming key = {.seq = message_id_seq(id)};
    for (int i = 0; i < 2; i++, key.seq++) { /* its number, or the next */
        const struct memory_incoming *row = table_find(&tables->incoming, &key);
        if (row && message_id_equal(&row->sms.id, id))
            return row;
        if (key.seq == INT64_MAX)
            break;
    }
    return NULL;
}

enum error memory_read_incoming(const struct memory_tables *tables, const struct message_id *id,
                                struct incoming_sms *sms)
{
    const struct memory_incoming *row = find(tables, id);
    if (!row)
        return ERROR_INCOMING_NOT_FOUND;
    return memory_copy_incoming(&row->sms, sms) ? ERROR_NONE : ERROR_INTERNAL;
}

static bool matches(const struct store_inbox_query *query, const struct incoming_sms *sms)
{
    int64_t stored_at_ms = message_id_time_ms(&sms->id);
    return (!*query->device_id || strcmp(query->device_id, sms->device_id) == 0) &&
           (!*query->sender || strcmp(query->sender, sms->sender) == 0) &&
           (query->sim == 0 || query->sim == sms->sim) &&
           (!query->has_kind || query->kind == sms->kind) &&
           (!query->has_stored_after || stored_at_ms >= query->stored_after_ms) &&
           (!query->has_stored_before || stored_at_ms < query->stored_before_ms);
}

/* Whether the row is on the page's side of the cursor. */
static bool is_beyond_cursor(const struct store_inbox_query *query, int64_t cursor,
                             const struct memory_incoming *row)
{
    return query->position == STORE_AT_OFFSET ||
           (query->position == STORE_OLDER_THAN ? row->seq < cursor : row->seq > cursor);
}

/* Appends the row. False: the page ends before it, because of a limit (*more) or an error. */
static bool append(const struct store_inbox_query *query, const struct memory_incoming *row,
                   struct store_inbox_page *page, size_t *text_bytes, bool *more, enum error *error)
{
    *text_bytes += strlen(row->sms.text);
    *more = page->count == query->limit ||
            (page->count > 0 && query->max_text_bytes > 0 && *text_bytes > query->max_text_bytes);
    if (*more)
        return false;
    if (!memory_copy_incoming(&row->sms, &page->incoming[page->count]))
        *error = ERROR_INTERNAL;
    page->count += *error == ERROR_NONE;
    return *error == ERROR_NONE;
}

static void reverse(struct incoming_sms *incoming, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct incoming_sms other = incoming[i];
        incoming[i] = incoming[count - 1 - i];
        incoming[count - 1 - i] = other;
    }
}

enum error memory_list_inbox(const struct memory_tables *tables,
                             const struct store_inbox_query *query, struct store_inbox_page *page)
{
    const struct table *table = &tables->incoming;
    const struct memory_incoming *at = find(tables, &query->cursor);
    int64_t cursor = at ? at->seq : message_id_seq(&query->cursor);
    int64_t skip = query->position == STORE_AT_OFFSET ? query->offset : 0;
    bool newer = query->position == STORE_NEWER_THAN, more = false, open = true;
    size_t text_bytes = 0;
    enum error error = ERROR_NONE;
    page->incoming = calloc(query->limit, sizeof(*page->incoming));
    if (!page->incoming)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < table->count; i++) {
        const struct memory_incoming *row = table->rows[newer ? i : table->count - 1 - i];
        if (!matches(query, &row->sms))
            continue;
        page->total += !query->without_total;
        if (open && is_beyond_cursor(query, cursor, row) && skip-- <= 0)
            open = append(query, row, page, &text_bytes, &more, &error);
    }
    if (newer)
        reverse(page->incoming, page->count);
    page->has_older = newer || more;
    page->has_newer = newer ? more : query->position == STORE_OLDER_THAN || query->offset > 0;
    return error;
}
