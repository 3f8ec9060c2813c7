/* Reading why messages wait. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"

static void add_group(const struct statement *row, struct store_device_summary *summary)
{
    int64_t count = statement_integer(row, FIELD_COUNT);
    int64_t reason = statement_integer(row, FIELD_REASON);
    int64_t until_ms = statement_integer(row, FIELD_UNTIL_MS);
    summary->connected += count;
    if (statement_integer(row, FIELD_DISABLED))
        return;
    summary->enabled += count;
    if (!statement_integer(row, FIELD_HAS_SIM))
        return;
    summary->with_sim += count;
    if (reason < 0 || reason >= MESSAGE_WAIT_NO_DEVICE)
        return;
    int64_t *first_ms = &summary->until_ms[reason];
    summary->waiting[reason] += count;
    if (until_ms != 0 && (*first_ms == 0 || until_ms < *first_ms))
        *first_ms = until_ms;
}

static enum error read_groups(struct handle *handle, const struct message_target *target,
                              struct store_device_summary *summary)
{
    bool row, one = *target->device_id;
    struct statement *select = statement_get(handle, one ? SUMMARIZE_DEVICE : SUMMARIZE_DEVICES);
    statement_bind_integer(select, FIELD_NOW_MS, summary->now_ms);
    if (target->sim != 0)
        statement_bind_integer(select, FIELD_SIM_SLOTS, 1 << target->sim);
    statement_bind_text(select, one ? FIELD_DEVICE_ID : FIELD_LABEL,
                        one ? target->device_id : target->device_group);
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row))
        add_group(select, summary);
    statement_reset(select);
    return error;
}

enum error queries_summarize_devices(struct store_database_reader *reader,
                                     const struct message_target *target,
                                     struct store_device_summary *summary)
{
    struct handle *handle = &reader->handle;
    *summary = (struct store_device_summary){.now_ms = reader->database->options->wall_ms()};
    reader_begin(reader);
    enum error error = statement_read_integer(handle, statement_get(handle, ANY_DEVICE_KNOWN),
                                              &summary->known);
    if (error == ERROR_NONE)
        error = read_groups(handle, target, summary);
    reader_end(reader);
    return error;
}

static enum error count_limited(struct handle *handle, enum statement_id id, int64_t most,
                                int64_t *count)
{
    struct statement *select = statement_get(handle, id);
    statement_bind_integer(select, FIELD_LIMIT, most);
    return statement_read_integer(handle, select, count);
}

/* *in_lanes: the messages of all lanes, at most `most`. */
static enum error count_lanes(struct handle *handle, int64_t most,
                              struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                              int64_t *in_lanes)
{
    bool row;
    struct statement *select = statement_get(handle, COUNT_LANES);
    statement_bind_integer(select, FIELD_LIMIT, most);
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        int64_t messages = statement_integer(select, FIELD_COUNT);
        *in_lanes += messages;
        if (*count == STORE_MAX_LANE_COUNTS)
            continue;
        struct store_lane_count *lane = &counts[(*count)++];
        statement_text(select, FIELD_LANE, lane->lane, sizeof(lane->lane));
        lane->count = messages;
    }
    statement_reset(select);
    return error;
}

/* Where too many wait, they are what is left of all without those that are due. */
static enum error count_waiting(struct handle *handle, int64_t most, int64_t in_lanes,
                                int64_t queued, int64_t *waiting)
{
    int64_t plain = 0;
    enum error error = count_limited(handle, COUNT_WAITING, most, waiting);
    if (error != ERROR_NONE || *waiting < most || in_lanes == most)
        return error;
    error = count_limited(handle, COUNT_PLAIN, most, &plain);
    if (plain < most)
        *waiting = MAX(*waiting, queued - in_lanes - plain);
    return error;
}

enum error queries_count_lanes(struct store_database_reader *reader, int64_t most,
                               struct store_lane_count counts[STORE_MAX_LANE_COUNTS], size_t *count,
                               int64_t *retried, int64_t *scheduled, int64_t *queued)
{
    struct handle *handle = &reader->handle;
    int64_t in_lanes = 0, waiting = 0, messages[MESSAGE_STATUS_COUNT] = {0};
    *count = 0;
    *retried = 0;
    reader_begin(reader);
    enum error error = queries_read_counts(handle, statement_get(handle, READ_COUNTS), messages);
    *queued = messages[MESSAGE_QUEUED];
    if (error == ERROR_NONE)
        error = count_lanes(handle, most, counts, count, &in_lanes);
    if (error == ERROR_NONE)
        error = count_limited(handle, COUNT_RETRIED, most, retried);
    if (error == ERROR_NONE)
        error = count_waiting(handle, most, in_lanes, *queued, &waiting);
    reader_end(reader);
    *scheduled = MAX(waiting - *retried, 0);
    return error;
}
