/* Reads, in memory: the lock is held, so each sees one consistent view. */
#include "common/store/memory/memory.h"
#include "common/store/store_backend.h"
#include "common/store/verbs/device_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Messages ---- */

static bool copy_message(const struct memory_message *row, struct message *message)
{
    *message = (struct message){
        .id = row->row.id,
        .request_id = row->row.request_id,
        .resent_as = row->resent_as,
        .text = strdup(row->text),
        .encoding = row->encoding,
        .segments = row->row.segments,
        .status = row->row.status,
        .attempt = row->row.attempt,
        .updated_at_ms = row->row.updated_at_ms,
        .options = row->row.options,
        .batch_id = row->row.batch_id,
        .retry_at_ms = row->row.retry_at_ms,
        .cancel_requested = row->row.cancel_requested,
    };
    strcpy(message->phone_number, row->phone_number);
    strcpy(message->device_id, row->row.device_id);
    message->device_sim = row->row.device_sim;
    if (row->error) {
        snprintf(message->error_code, sizeof(message->error_code), "%s", row->error->error_code);
        snprintf(message->error_message, sizeof(message->error_message), "%s",
                 row->error->error_text);
    }
    memcpy(message->reached_at_ms, row->row.reached_at_ms, sizeof(message->reached_at_ms));
    return message->text;
}

enum error memory_read_message(const struct memory_tables *tables, const struct message_id *id,
                               struct message *message)
{
    const struct memory_message *row = memory_find_message(tables, id);
    if (!row)
        return ERROR_MESSAGE_NOT_FOUND;
    return copy_message(row, message) ? ERROR_NONE : ERROR_INTERNAL;
}

static void copy_event(const struct memory_event *row, struct message_event *event)
{
    event->status = row->status;
    event->attempt = row->attempt;
    event->reason = row->reason;
    event->at_ms = row->at_ms;
    snprintf(event->device_id, sizeof(event->device_id), "%s", row->device_id);
    snprintf(event->error_code, sizeof(event->error_code), "%s", row->error_code);
    snprintf(event->error_message, sizeof(event->error_message), "%s", row->error_text);
}

enum error memory_read_history(const struct memory_tables *tables, const struct message_id *id,
                               int64_t after, size_t limit, struct message_event **events,
                               size_t *count)
{
    const struct memory_message *row = memory_find_message(tables, id);
    *events = NULL;
    *count = 0;
    if (!row)
        return ERROR_MESSAGE_NOT_FOUND;
    size_t number = 1; /* the first event is the row itself */
    for (const struct memory_event *event = row->newest_event; event; event = event->older)
        number++;
    size_t first = (size_t)MIN(after, (int64_t)number), end = MIN(first + limit, number);
    *events = calloc(end - first + 1, sizeof(**events));
    if (!*events)
        return ERROR_INTERNAL;
    *count = end - first;
    if (first == 0)
        (*events)[0].at_ms = message_id_time_ms(id);
    for (const struct memory_event *event = row->newest_event; event; event = event->older) {
        if (--number >= first && number < end)
            copy_event(event, &(*events)[number - first]);
    }
    return ERROR_NONE;
}

/* ---- Lists of messages ---- */

/* Rows of the table of all messages, or of one status: from index `first` up to, but without, `end`. */
struct range {
    const struct table *table;
    size_t first, end;
};

static size_t index_at(const struct table *table, int64_t seq)
{
    struct memory_message key = {.row.seq = seq};
    return table_lower_bound(table, &key);
}

static size_t index_at_time(const struct table *table, int64_t wall_ms)
{
    struct message_id first = message_id_first_at(wall_ms);
    return index_at(table, message_id_seq(&first));
}

/* The rows that match the status and the times. */
static struct range filter_range(const struct memory_tables *tables,
                                 const struct store_query *query)
{
    const struct table *table = query->has_status ? &tables->messages_in[query->status]
                                                  : &tables->messages;
    struct range range = {table, 0, table->count};
    if (query->has_created_after)
        range.first = index_at_time(table, query->created_after_ms);
    if (query->has_created_before)
        range.end = index_at_time(table, query->created_before_ms);
    range.end = MAX(range.first, range.end);
    return range;
}

/* The seq of the message at the cursor; where the message is gone, the seq that its id gives. */
static int64_t cursor_seq(const struct memory_tables *tables, const struct store_query *query)
{
    const struct memory_message *row = memory_find_message(tables, &query->cursor);
    return row ? row->row.seq : message_id_seq(&query->cursor);
}

/* Cuts the range down to the rows on the page's side of the cursor. */
static void cut_to_page(const struct memory_tables *tables, const struct store_query *query,
                        struct range *range)
{
    if (query->position == STORE_AT_OFFSET)
        return;
    int64_t seq = cursor_seq(tables, query);
    if (query->position == STORE_OLDER_THAN)
        range->end = MIN(range->end, index_at(range->table, seq));
    else
        range->first = seq < INT64_MAX ? MAX(range->first, index_at(range->table, seq + 1))
                                       : range->end;
    range->end = MAX(range->first, range->end);
}

static bool matches(const struct store_query *query, const struct memory_message *row)
{
    static const struct message_id no_batch;
    const struct message_options *options = &row->row.options;
    return (message_id_equal(&query->batch_id, &no_batch) ||
            message_id_equal(&query->batch_id, &row->row.batch_id)) &&
           (!*query->reference || strcmp(query->reference, options->reference) == 0) &&
           (!*query->device_group ||
            strcmp(query->device_group, options->target.device_group) == 0) &&
           (!*query->device_id || strcmp(query->device_id, row->row.device_id) == 0) &&
           (!*query->phone_number || strcmp(query->phone_number, row->phone_number) == 0);
}

static int64_t count_matches(const struct store_query *query, const struct range *range)
{
    int64_t count = 0;
    if (!store_query_has_text_filter(query))
        return (int64_t)(range->end - range->first);
    for (size_t i = range->first; i < range->end; i++)
        count += matches(query, range->table->rows[i]);
    return count;
}

/* Appends a message to the page. False: the page ends before it, because of a limit (*more) or an error. */
static bool append(const struct store_query *query, const struct memory_message *row,
                   struct store_page *page, size_t *text_bytes, bool *more, enum error *error)
{
    *text_bytes += strlen(row->text);
    *more = page->count == query->limit ||
            (page->count > 0 && query->max_text_bytes > 0 && *text_bytes > query->max_text_bytes);
    if (*more)
        return false;
    if (!copy_message(row, &page->messages[page->count]))
        *error = ERROR_INTERNAL;
    page->count += *error == ERROR_NONE;
    return *error == ERROR_NONE;
}

static void reverse(struct message *messages, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct message other = messages[i];
        messages[i] = messages[count - 1 - i];
        messages[count - 1 - i] = other;
    }
}

enum error memory_list_messages(const struct memory_tables *tables, const struct store_query *query,
                                struct store_page *page)
{
    bool newer = query->position == STORE_NEWER_THAN, more = false;
    int64_t skip = query->position == STORE_AT_OFFSET ? query->offset : 0;
    size_t text_bytes = 0;
    enum error error = ERROR_NONE;
    struct range all = filter_range(tables, query), range = all;

    cut_to_page(tables, query, &range);
    size_t most = MIN(query->limit, range.end - range.first);
    page->messages = calloc(MAX(most, (size_t)1), sizeof(*page->messages));
    if (!page->messages)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < range.end - range.first; i++) {
        const struct memory_message *row =
            range.table->rows[newer ? range.first + i : range.end - 1 - i];
        if (!matches(query, row) || skip-- > 0)
            continue;
        if (!append(query, row, page, &text_bytes, &more, &error))
            break;
    }
    if (newer)
        reverse(page->messages, page->count);
    page->has_older = newer || more;
    page->has_newer = newer ? more : query->position == STORE_OLDER_THAN || query->offset > 0;
    page->total = count_matches(query, &all);
    return error;
}

/* ---- Keys and tokens ---- */

/* Copies all rows of a table into a new array; NULL without memory. */
static void *copy_rows(const struct table *table, size_t bytes)
{
    char *rows = calloc(MAX(table->count, (size_t)1), bytes);
    for (size_t i = 0; rows && i < table->count; i++)
        memcpy(rows + i * bytes, table->rows[i], bytes);
    return rows;
}

static int compare_keys_by_age(const void *left, const void *right)
{
    const struct api_key *a = left, *b = right;
    if (a->created_at_ms != b->created_at_ms)
        return a->created_at_ms < b->created_at_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

enum error memory_list_keys(const struct memory_tables *tables, struct api_key **keys,
                            size_t *count)
{
    *keys = copy_rows(&tables->keys, sizeof(**keys));
    *count = *keys ? tables->keys.count : 0;
    if (!*keys)
        return ERROR_INTERNAL;
    qsort(*keys, *count, sizeof(**keys), compare_keys_by_age);
    return ERROR_NONE;
}

/* By device, newest first. */
static int compare_tokens_by_device(const void *left, const void *right)
{
    const struct device_token *a = left, *b = right;
    int order = strcmp(a->device_id, b->device_id);
    if (order != 0)
        return order;
    if (a->created_at_ms != b->created_at_ms)
        return a->created_at_ms > b->created_at_ms ? -1 : 1;
    return strcmp(b->id, a->id);
}

enum error memory_list_tokens(const struct memory_tables *tables, struct device_token **tokens,
                              size_t *count)
{
    struct device_token *all = copy_rows(&tables->tokens, sizeof(*all));
    *tokens = all;
    *count = 0;
    if (!all)
        return ERROR_INTERNAL;
    qsort(all, tables->tokens.count, sizeof(*all), compare_tokens_by_device);
    for (size_t i = 0; i < tables->tokens.count; i++) {
        if (*count == 0 || strcmp(all[*count - 1].device_id, all[i].device_id) != 0)
            all[(*count)++] = all[i];
    }
    return ERROR_NONE;
}

/* ---- Devices ---- */

static unsigned count_in_flight(const struct memory_tables *tables, const char *device_id)
{
    unsigned count = 0;
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_SENDING; status++) {
        const struct table *table = &tables->messages_in[status];
        for (size_t i = 0; i < table->count; i++) {
            const struct memory_message *message = table->rows[i];
            count += strcmp(message->row.device_id, device_id) == 0;
        }
    }
    return count;
}

/* The device's newest token; id "" without one. */
static struct device_token newest_token(const struct memory_tables *tables, const char *device_id)
{
    struct device_token newest = {0};
    for (size_t i = 0; i < tables->tokens.count; i++) {
        const struct device_token *token = tables->tokens.rows[i];
        if (strcmp(token->device_id, device_id) == 0 &&
            (token->created_at_ms > newest.created_at_ms ||
             (token->created_at_ms == newest.created_at_ms && strcmp(token->id, newest.id) > 0)))
            newest = *token;
    }
    return newest;
}

static bool copy_device(const struct memory_tables *tables, const struct memory_device *row,
                        int64_t now_ms, struct store_device *entry)
{
    struct device *device = &entry->device;
    const struct device_use *use = table_find(&tables->device_uses, row->device_id);
    *entry = (struct store_device){
        .device =
            {
                .configuration = row->configuration,
                .last_error = row->last_error,
                .queue = count_in_flight(tables, row->device_id),
                .connected = memory_is_connected(tables, row, now_ms),
                .connected_at_ms = row->connected_at_ms,
                .last_seen_at_ms = row->last_seen_at_ms,
            },
        .token = newest_token(tables, row->device_id),
        .read_at_ms = now_ms,
    };
    strcpy(device->device_id, row->device_id);
    if (!device->connected)
        device->disconnected_at_ms = MAX(row->last_seen_at_ms, memory_lease_of(tables, row));
    if (use) {
        struct device_use now = *use;
        device_use_begin_day(&now, now_ms);
        entry->segments_today = now.in_day;
        entry->send_budget = now.budget;
    }
    return device_info_copy(&row->info, &device->info);
}

static bool device_matches(const struct memory_tables *tables,
                           const struct store_device_query *query, const struct memory_device *row,
                           int64_t now_ms)
{
    return strcmp(row->device_id, query->after) != 0 &&
           (!query->has_connected ||
            query->connected == memory_is_connected(tables, row, now_ms)) &&
           (!*query->group || device_groups_has(&row->configuration.groups, query->group));
}

enum error memory_list_devices(const struct memory_tables *tables, int64_t now_ms,
                               const struct store_device_query *query,
                               struct store_device_page *page)
{
    struct store_device_page_size size = {0};
    for (size_t i = table_lower_bound(&tables->devices, query->after); i < tables->devices.count;
         i++) {
        const struct memory_device *row = tables->devices.rows[i];
        struct store_device device;
        if (!device_matches(tables, query, row, now_ms))
            continue;
        if (!copy_device(tables, row, now_ms, &device))
            return ERROR_INTERNAL;
        if (!store_device_page_append(query, page, &device, &size)) {
            device_info_fini(&device.device.info);
            break;
        }
    }
    return ERROR_NONE;
}

enum error memory_read_device(const struct memory_tables *tables, int64_t now_ms,
                              const char *device_id, struct store_device *device, bool *found)
{
    const struct memory_device *row = table_find(&tables->devices, device_id);
    *found = row;
    return !row || copy_device(tables, row, now_ms, device) ? ERROR_NONE : ERROR_INTERNAL;
}

bool memory_device_is_known(const struct memory_tables *tables, const char *device_id)
{
    bool has_token = false;
    for (size_t i = 0; i < tables->tokens.count; i++) {
        const struct device_token *token = tables->tokens.rows[i];
        if (strcmp(token->device_id, device_id) != 0)
            continue;
        if (token->revoked_at_ms == 0)
            return true;
        has_token = true;
    }
    return !has_token && table_find(&tables->devices, device_id);
}

bool memory_group_is_known(const struct memory_tables *tables, const char *group)
{
    for (size_t i = 0; i < tables->devices.count; i++) {
        const struct memory_device *device = tables->devices.rows[i];
        if (device_groups_has(&device->configuration.groups, group))
            return true;
    }
    return false;
}

/* ---- Statistics ---- */

static void count_devices(const struct memory_tables *tables, int64_t low_battery_percent,
                          int64_t now_ms, struct store_statistics *statistics)
{
    for (size_t i = 0; i < tables->devices.count; i++) {
        const struct memory_device *device = tables->devices.rows[i];
        const struct device_info *info = &device->info;
        statistics->devices_disabled += device->configuration.disabled &&
                                        memory_device_is_known(tables, device->device_id);
        if (!memory_is_connected(tables, device, now_ms))
            continue;
        statistics->devices_connected++;
        statistics->devices_battery_low += info->battery_level >= 0 &&
                                           info->battery_level < (double)low_battery_percent &&
                                           info->charging != 1;
    }
}

static void count_tokens(const struct memory_tables *tables, const struct device_token *newest,
                         size_t count, int64_t now_ms, struct store_statistics *statistics)
{
    for (size_t i = 0; i < count; i++) {
        const struct memory_device *device = table_find(&tables->devices, newest[i].device_id);
        bool connected = device && memory_is_connected(tables, device, now_ms);
        statistics->devices_offline += newest[i].revoked_at_ms == 0 && !connected;
        statistics->devices_quarantined += newest[i].revocation == DEVICE_TOKEN_QUARANTINED;
    }
}

enum error memory_read_statistics(const struct memory_tables *tables, int64_t low_battery_percent,
                                  int64_t stuck_since_ms, int64_t now_ms,
                                  struct store_statistics *statistics)
{
    struct device_token *tokens;
    size_t count;
    *statistics = (struct store_statistics){0};
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        statistics->messages[i] = (int64_t)tables->messages_in[i].count;
    memory_count_stuck(tables, stuck_since_ms, statistics->stuck);
    memory_read_queued_since(tables, now_ms, &statistics->oldest_queued_ms);
    count_devices(tables, low_battery_percent, now_ms, statistics);
    statistics->any_device = tables->devices.count > 0;
    struct store_sending sending;
    memory_read_sending(tables, &sending);
    statistics->sending_paused = sending.paused_since_ms != 0;
    enum error error = memory_list_tokens(tables, &tokens, &count);
    if (error == ERROR_NONE)
        count_tokens(tables, tokens, count, now_ms, statistics);
    free(tokens);
    return error;
}
