/* The queue, in memory: it is looked through from its start, which is quick enough for tests and simulations. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static const struct memory_message *queued_at(const struct memory_tables *tables, size_t index)
{
    return tables->messages_in[MESSAGE_QUEUED].rows[index];
}

static size_t queue_length(const struct memory_tables *tables)
{
    return tables->messages_in[MESSAGE_QUEUED].count;
}

static enum error read_due(struct store_database *database, const struct memory_message *message,
                           struct due_message *due)
{
    due->row = message->row;
    enum error error = memory_read_content(database, &message->row, &due->message);
    due->message.request_id = message->row.request_id;
    return error;
}

static bool has_expired(const struct message_row *row, int64_t expired_at_ms)
{
    return row->options.expires_at_ms != 0 && row->options.expires_at_ms <= expired_at_ms;
}

enum error memory_list_due(struct store_database *database, int64_t expired_at_ms, size_t limit,
                           struct due_message due[], size_t *count)
{
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = 0; i < queue_length(database->tables) && *count < limit; i++) {
        const struct memory_message *message = queued_at(database->tables, i);
        if (*message->row.place.lane || has_expired(&message->row, expired_at_ms))
            continue;
        error = read_due(database, message, &due[(*count)++]);
        if (error != ERROR_NONE)
            break;
    }
    return error;
}

enum error memory_find_lane(struct store_database *database, const char *after,
                            char lane[LANE_SIZE])
{
    const char *first = "";
    for (size_t i = 0; i < queue_length(database->tables); i++) {
        const char *name = queued_at(database->tables, i)->row.place.lane;
        if (strcmp(name, after) > 0 && (!*first || strcmp(name, first) < 0))
            first = name;
    }
    strcpy(lane, first);
    return ERROR_NONE;
}

static bool is_before(const struct lane_entry *entry, const struct lane_entry *other)
{
    return entry->rank_ms != other->rank_ms ? entry->rank_ms < other->rank_ms
                                            : entry->seq < other->seq;
}

enum error memory_list_lane(struct store_database *database, const char *lane,
                            int64_t expired_at_ms, size_t limit, struct lane_entry entries[],
                            size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < queue_length(database->tables); i++) {
        const struct message_row *row = &queued_at(database->tables, i)->row;
        struct lane_entry entry = {row->seq, row->place.rank_ms};
        if (strcmp(row->place.lane, lane) != 0 || has_expired(row, expired_at_ms))
            continue;
        size_t index = *count;
        while (index > 0 && is_before(&entry, &entries[index - 1]))
            index--;
        if (index == limit)
            continue;
        *count = MIN(*count + 1, limit);
        memmove(entries + index + 1, entries + index, (*count - index - 1) * sizeof(*entries));
        entries[index] = entry;
    }
    return ERROR_NONE;
}

enum error memory_load_due(struct store_database *database, int64_t seq, struct due_message *due)
{
    struct memory_message key = {.row.seq = seq};
    const struct memory_message *message = table_find(
        &database->tables->messages_in[MESSAGE_QUEUED], &key);
    return message ? read_due(database, message, due) : ERROR_INTERNAL;
}

static int compare_due(const void *left, const void *right)
{
    const struct message_row *a = left, *b = right;
    return (a->place.due_at_ms > b->place.due_at_ms) - (a->place.due_at_ms < b->place.due_at_ms);
}

enum error memory_list_waited(struct store_database *database, int64_t now_ms,
                              int64_t latest_retry_ms, bool only_retried, size_t limit,
                              struct message_row rows[], size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < queue_length(database->tables) && *count < limit; i++) {
        const struct message_row *row = &queued_at(database->tables, i)->row;
        bool is_due = (row->place.due_at_ms <= now_ms && (row->retry_at_ms || !only_retried)) ||
                      row->retry_at_ms > latest_retry_ms;
        if (row->place.due_at_ms != 0 && is_due)
            rows[(*count)++] = *row;
    }
    qsort(rows, *count, sizeof(*rows), compare_due);
    return ERROR_NONE;
}

enum error memory_list_expired(struct store_database *database, int64_t now_ms, size_t limit,
                               struct message_row rows[], size_t *count)
{
    *count = 0;
    for (int status = MESSAGE_QUEUED; status <= MESSAGE_DISPATCHED; status++) {
        const struct table *table = &database->tables->messages_in[status];
        for (size_t i = 0; i < table->count && *count < limit; i++) {
            const struct memory_message *message = table->rows[i];
            if (has_expired(&message->row, now_ms))
                rows[(*count)++] = message->row;
        }
    }
    return ERROR_NONE;
}

enum error memory_find_last_device(struct store_database *database, const char *phone_number,
                                   int64_t since_ms, char device_id[DEVICE_ID_SIZE], unsigned *sim)
{
    const struct table *messages = &database->tables->messages;
    device_id[0] = '\0';
    *sim = 0;
    for (size_t i = messages->count; i > 0; i--) {
        const struct memory_message *message = messages->rows[i - 1];
        if (message->row.status == MESSAGE_QUEUED ||
            strcmp(message->phone_number, phone_number) != 0)
            continue;
        if (message->row.updated_at_ms >= since_ms) {
            strcpy(device_id, message->row.device_id);
            *sim = message->row.device_sim ? message->row.device_sim
                                           : message->row.options.target.sim;
        }
        break;
    }
    return ERROR_NONE;
}

void memory_read_queued_since(const struct memory_tables *tables, int64_t now_ms, int64_t *since_ms)
{
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < queue_length(tables); i++) {
        const struct message_row *row = &queued_at(tables, i)->row;
        const struct message_target *target = &row->options.target;
        bool for_any = !*target->device_id && !*target->device_group;
        if (for_any && row->place.due_at_ms <= now_ms)
            oldest_ms = MIN(oldest_ms, MAX(row->updated_at_ms, row->options.send_at_ms));
    }
    if (oldest_ms < INT64_MAX)
        *since_ms = oldest_ms;
}

enum error memory_list_queued_to(struct store_database *database, const char *phone_number,
                                 int64_t after, int64_t most, size_t limit,
                                 struct message_row rows[], size_t *count, int64_t *reached)
{
    int64_t looked_at = 0;
    *count = 0;
    *reached = OPT_OUT_CANCELLED;
    for (size_t i = 0; i < queue_length(database->tables); i++) {
        const struct memory_message *message = queued_at(database->tables, i);
        if (message->row.seq <= after)
            continue;
        if (looked_at++ == most || *count == limit)
            return ERROR_NONE;
        *reached = message->row.seq;
        if (strcmp(message->phone_number, phone_number) == 0)
            rows[(*count)++] = message->row;
    }
    *reached = OPT_OUT_CANCELLED;
    return ERROR_NONE;
}
