/* Reading what happened in the last minutes: the newest ends of the tables, by their keys. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"

static enum error read_times(struct handle *handle, struct statement *select,
                             struct store_happening rows[], size_t *count)
{
    bool row;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row))
        rows[(*count)++].at_ms = store_seq_time_ms(statement_integer(select, FIELD_SEQ));
    return error;
}

static enum error list_created(struct handle *handle, enum statement_id id, int64_t from_ms,
                               size_t limit, struct store_happening rows[], size_t *count)
{
    struct statement *select = statement_get(handle, id);
    statement_bind_integer(select, FIELD_SEQ, store_seq_first_at(from_ms));
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    return read_times(handle, select, rows, count);
}

/* Ids ascend with the time, unless the clock is set: *id is that of the first event of then or later, found in steps that halve the
   range. */
static enum error find_first_event(struct handle *handle, int64_t from_ms, int64_t *id)
{
    int64_t low = 0, high = 0;
    enum error error = statement_read_integer(handle, statement_get(handle, READ_LAST_EVENT_ID),
                                              &high);
    high++;
    while (error == ERROR_NONE && low < high) {
        bool row;
        int64_t middle = low + (high - low) / 2;
        struct statement *select = statement_get(handle, FIND_TRANSITION_FROM);
        statement_bind_integer(select, FIELD_EVENT_ID, middle);
        error = statement_step(handle, select, &row);
        bool earlier = row && statement_integer(select, FIELD_AT_MS) < from_ms;
        if (earlier)
            low = statement_integer(select, FIELD_EVENT_ID) + 1;
        else
            high = middle;
        statement_reset(select);
    }
    *id = low;
    return error;
}

static enum error list_transitions(struct handle *handle, int64_t from_ms, size_t limit,
                                   struct store_happening rows[], size_t *count)
{
    bool row = false;
    int64_t first;
    enum error error = find_first_event(handle, from_ms, &first);
    struct statement *select = statement_get(handle, LIST_TRANSITIONS_FROM);
    statement_bind_integer(select, FIELD_EVENT_ID, first);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    if (error == ERROR_NONE)
        error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        rows[(*count)++] = (struct store_happening){
            .at_ms = statement_integer(select, FIELD_AT_MS),
            .message_seq = statement_integer(select, FIELD_SEQ),
            .status = (int)statement_integer(select, FIELD_STATUS),
        };
    }
    return error;
}

enum error queries_list_happenings(struct store_database_reader *reader,
                                   enum store_activity_kind kind, int64_t from_ms, size_t limit,
                                   struct store_happening rows[], size_t *count)
{
    struct handle *handle = &reader->handle;
    enum error error = ERROR_INTERNAL;
    *count = 0;
    reader_begin(reader);
    switch (kind) {
    case STORE_ACTIVITY_ACCEPTED:
        error = list_created(handle, LIST_CREATED_FROM, from_ms, limit, rows, count);
        break;
    case STORE_ACTIVITY_TRANSITIONS:
        error = list_transitions(handle, from_ms, limit, rows, count);
        break;
    case STORE_ACTIVITY_RECEIVED:
        error = list_created(handle, LIST_RECEIVED_FROM, from_ms, limit, rows, count);
        break;
    }
    reader_end(reader);
    return error;
}

enum error queries_find_times(struct store_database_reader *reader, int64_t seq,
                              struct store_message_times *times, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_TIMES);
    statement_bind_integer(select, FIELD_SEQ, seq);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        *times = (struct store_message_times){
            .send_at_ms = statement_integer(select, FIELD_SEND_AT_MS),
            .sent_at_ms = statement_integer(select, FIELD_SENT_AT_MS),
        };
    statement_reset(select);
    reader_end(reader);
    return error;
}

enum error queries_count_accepted(struct store_database_reader *reader,
                                  const struct store_accepted_query *query, int64_t *count)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, COUNT_ACCEPTED);
    statement_bind_integer(select, FIELD_KIND, query->kind);
    statement_bind_integer(select, FIELD_FIRST, query->first);
    statement_bind_integer(select, FIELD_END, query->last);
    statement_bind_text(select, FIELD_NAME, query->key_id);
    enum error error = statement_read_integer(&reader->handle, select, count);
    reader_end(reader);
    return error;
}
