/* The queue: lanes, messages that wait for a time, and those that have expired. */
#include "common/store/sql/message_rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

enum error queue_rows_read_one(const struct statement *select, struct due_message *due)
{
    message_rows_read(select, &due->row);
    due->message = (struct message){.id = due->row.id, .request_id = due->row.request_id};
    return message_rows_read_content(select, &due->message);
}

/* The statement, or the one that leaves out what has expired. */
static struct statement *get_list(struct store_database *database, enum statement_id all,
                                  enum statement_id unexpired, int64_t expired_at_ms)
{
    struct statement *select = get(database, expired_at_ms == 0 ? all : unexpired);
    if (expired_at_ms != 0) {
        statement_bind_integer(select, FIELD_MOST, ROWS_MOST_EXPIRED);
        statement_bind_integer(select, FIELD_NOW_MS, expired_at_ms);
    }
    return select;
}

enum error queue_rows_read_due(struct store_database *database, struct statement *select,
                               size_t limit, struct due_message due[], size_t *count)
{
    bool row;
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    *count = 0;
    enum error error = statement_step(&database->handle, select, &row);
    while (error == ERROR_NONE && row) {
        error = queue_rows_read_one(select, &due[(*count)++]);
        if (error == ERROR_NONE)
            error = statement_step(&database->handle, select, &row);
    }
    statement_reset(select);
    return error;
}

enum error queue_rows_list_due(struct store_database *database, int64_t expired_at_ms, size_t limit,
                               struct due_message due[], size_t *count)
{
    struct statement *select = get_list(database, LIST_DUE, LIST_DUE_UNEXPIRED, expired_at_ms);
    return queue_rows_read_due(database, select, limit, due, count);
}

enum error queue_rows_find_lane(struct store_database *database, const char *after,
                                char lane[LANE_SIZE])
{
    bool found;
    struct statement *select = get(database, FIND_LANE);
    statement_bind_text(select, FIELD_LANE, after);
    enum error error = statement_step(&database->handle, select, &found);
    lane[0] = '\0';
    if (error == ERROR_NONE && found)
        statement_text(select, FIELD_LANE, lane, LANE_SIZE);
    statement_reset(select);
    return error;
}

enum error queue_rows_list_lane(struct store_database *database, const char *lane,
                                int64_t expired_at_ms, size_t limit, struct lane_entry entries[],
                                size_t *count)
{
    bool row;
    struct statement *select = get_list(database, LIST_LANE, LIST_LANE_UNEXPIRED, expired_at_ms);
    statement_bind_text(select, FIELD_LANE, lane);
    statement_bind_integer(select, FIELD_LIMIT, (int64_t)limit);
    *count = 0;
    enum error error = statement_step(&database->handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(&database->handle, select, &row))
        entries[(*count)++] = (struct lane_entry){
            .seq = statement_integer(select, FIELD_SEQ),
            .rank_ms = statement_integer(select, FIELD_RANK_MS)};
    statement_reset(select);
    return error;
}

enum error queue_rows_load_due(struct store_database *database, int64_t seq,
                               struct due_message *due)
{
    bool found;
    struct statement *select = get(database, FIND_DUE);
    statement_bind_integer(select, FIELD_SEQ, seq);
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE)
        error = found ? queue_rows_read_one(select, due) : ERROR_INTERNAL;
    statement_reset(select);
    return error;
}

enum error queue_rows_list_waited(struct store_database *database, int64_t now_ms,
                                  int64_t latest_retry_ms, bool only_retried, size_t limit,
                                  struct message_row rows[], size_t *count)
{
    *count = 0;
    struct statement *late = get(database, LIST_RETRIED_TOO_LATE);
    statement_bind_integer(late, FIELD_LATEST_MS, latest_retry_ms);
    enum error error = message_rows_read_list(database, late, limit, rows, count);
    if (error != ERROR_NONE)
        return error;
    struct statement *waited = get(database, only_retried ? LIST_RETRIED : LIST_WAITED);
    statement_bind_integer(waited, FIELD_NOW_MS, now_ms);
    return message_rows_read_list(database, waited, limit - *count, rows, count);
}

enum error queue_rows_list_expired(struct store_database *database, int64_t now_ms, size_t limit,
                                   struct message_row rows[], size_t *count)
{
    *count = 0;
    struct statement *select = get(database, LIST_EXPIRED);
    statement_bind_integer(select, FIELD_NOW_MS, now_ms);
    return message_rows_read_list(database, select, limit, rows, count);
}

enum error queue_rows_find_last_device(struct store_database *database, const char *phone_number,
                                       int64_t since_ms, char device_id[DEVICE_ID_SIZE],
                                       unsigned *sim)
{
    bool found;
    struct statement *select = get(database, FIND_LAST_DEVICE);
    statement_bind_text(select, FIELD_PHONE_NUMBER, phone_number);
    enum error error = statement_step(&database->handle, select, &found);
    device_id[0] = '\0';
    *sim = 0;
    if (error == ERROR_NONE && found &&
        statement_integer(select, FIELD_UPDATED_AT_MS) >= since_ms) {
        statement_text(select, FIELD_DEVICE_ID, device_id, DEVICE_ID_SIZE);
        *sim = (unsigned)statement_integer(select, FIELD_DEVICE_SIM);
    }
    statement_reset(select);
    return error;
}
