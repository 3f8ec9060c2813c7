/* Reading what happened in the last minutes, and what was accepted. */
#include "common/store/memory/memory.h"

#include <string.h>

static void add(struct store_happening rows[], size_t *count, const struct store_happening *row)
{
    rows[(*count)++] = *row;
}

static void list_transitions(const struct memory_tables *tables, int64_t from_ms, size_t limit,
                             struct store_happening rows[], size_t *count)
{
    for (size_t i = 0; i < tables->events.count && *count < limit; i++) {
        const struct memory_any_event *event = tables->events.rows[i];
        const struct memory_event *transition = event->of_message;
        if (!transition || (*count == 0 && transition->at_ms < from_ms))
            continue;
        add(rows, count,
            &(struct store_happening){transition->at_ms, event->message_seq,
                                      (int)transition->status});
    }
}

void memory_list_happenings(const struct memory_tables *tables, enum store_activity_kind kind,
                            int64_t from_ms, size_t limit, struct store_happening rows[],
                            size_t *count)
{
    *count = 0;
    if (kind == STORE_ACTIVITY_TRANSITIONS) {
        list_transitions(tables, from_ms, limit, rows, count);
        return;
    }
    bool accepted = kind == STORE_ACTIVITY_ACCEPTED;
    const struct table *table = accepted ? &tables->messages : &tables->incoming;
    const struct memory_message message = {.row.seq = store_seq_first_at(from_ms)};
    const struct memory_incoming incoming = {.seq = message.row.seq};
    size_t i = table_lower_bound(table, accepted ? (const void *)&message : &incoming);
    for (; i < table->count && *count < limit; i++) {
        int64_t seq = accepted ? ((const struct memory_message *)table->rows[i])->row.seq
                               : ((const struct memory_incoming *)table->rows[i])->seq;
        add(rows, count, &(struct store_happening){.at_ms = store_seq_time_ms(seq)});
    }
}

void memory_find_times(const struct memory_tables *tables, int64_t seq,
                       struct store_message_times *times, bool *found)
{
    const struct memory_message key = {.row.seq = seq};
    const struct memory_message *message = table_find(&tables->messages, &key);
    *found = message;
    if (message)
        *times = (struct store_message_times){message->row.options.send_at_ms,
                                              message->row.reached_at_ms[MESSAGE_SENT]};
}

int64_t memory_count_accepted(const struct memory_tables *tables,
                              const struct store_accepted_query *query)
{
    int64_t count = 0;
    for (size_t i = 0; i < tables->accepted.count; i++) {
        const struct memory_accepted *row = tables->accepted.rows[i];
        if (row->kind == query->kind && row->period >= query->first && row->period <= query->last &&
            strcmp(row->name, query->key_id) == 0)
            count += row->count;
    }
    return count;
}
