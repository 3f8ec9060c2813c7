/* The numbers of `sms-gateway statistics`, and of the metrics. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"

enum error queries_read_counts(struct handle *handle, struct statement *select,
                               int64_t counts[MESSAGE_STATUS_COUNT])
{
    bool row;
    enum error error = statement_step(handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(handle, select, &row)) {
        int64_t status = statement_integer(select, FIELD_STATUS);
        if (status >= 0 && status < MESSAGE_STATUS_COUNT)
            counts[status] += statement_integer(select, FIELD_COUNT);
    }
    return error;
}

enum error queries_read_stuck(struct handle *handle, int64_t since_ms,
                              int64_t counts[MESSAGE_STATUS_COUNT])
{
    struct statement *select = statement_get(handle, READ_STUCK);
    statement_bind_integer(select, FIELD_BEFORE_MS, since_ms);
    statement_bind_integer(select, FIELD_LIMIT, STORE_MOST_STUCK);
    return queries_read_counts(handle, select, counts);
}

enum error queries_find_sending(struct handle *handle, enum statement_id id,
                                struct store_sending *sending)
{
    bool row;
    struct statement *select = statement_get(handle, id);
    *sending = (struct store_sending){0};
    enum error error = statement_step(handle, select, &row);
    if (error == ERROR_NONE && row) {
        sending->paused_since_ms = statement_integer(select, FIELD_PAUSED_SINCE_MS);
        statement_text(select, FIELD_REASON, sending->reason, sizeof(sending->reason));
    }
    statement_reset(select);
    return error;
}

enum error queries_read_sending(struct store_database_reader *reader, struct store_sending *sending)
{
    reader_begin(reader);
    enum error error = queries_find_sending(&reader->handle, READ_SENDING, sending);
    reader_end(reader);
    return error;
}

static enum error count_devices(struct handle *handle, int64_t low_battery_percent, int64_t now_ms,
                                struct store_statistics *statistics)
{
    bool row;
    struct statement *connected = statement_get(handle, COUNT_DEVICES);
    statement_bind_integer(connected, FIELD_NOW_MS, now_ms);
    statement_bind_integer(connected, FIELD_LIMIT, low_battery_percent);
    enum error error = statement_step(handle, connected, &row);
    if (error == ERROR_NONE && row) {
        statistics->devices_connected = statement_integer(connected, FIELD_COUNT);
        statistics->devices_battery_low = statement_integer(connected, FIELD_BATTERY_LOW);
    }
    statement_reset(connected);
    struct statement *offline = statement_get(handle, COUNT_OFFLINE);
    statement_bind_integer(offline, FIELD_NOW_MS, now_ms);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, offline, &statistics->devices_offline);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, statement_get(handle, COUNT_DISABLED),
                                       &statistics->devices_disabled);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, statement_get(handle, COUNT_QUARANTINED),
                                       &statistics->devices_quarantined);
    int64_t any = 0;
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, statement_get(handle, ANY_DEVICE_KNOWN), &any);
    statistics->any_device = any != 0;
    return error;
}

static enum error read_statistics(struct handle *handle, int64_t low_battery_percent,
                                  int64_t now_ms, int64_t stuck_since_ms,
                                  struct store_statistics *statistics)
{
    struct store_sending sending = {0};
    enum error error = queries_read_counts(handle, statement_get(handle, READ_COUNTS),
                                           statistics->messages);
    if (error == ERROR_NONE)
        error = queries_read_stuck(handle, stuck_since_ms, statistics->stuck);
    struct statement *queued = statement_get(handle, READ_QUEUED_SINCE);
    statement_bind_integer(queued, FIELD_NOW_MS, now_ms);
    if (error == ERROR_NONE)
        error = statement_read_integer(handle, queued, &statistics->oldest_queued_ms);
    if (error == ERROR_NONE)
        error = count_devices(handle, low_battery_percent, now_ms, statistics);
    if (error == ERROR_NONE)
        error = queries_find_sending(handle, READ_SENDING, &sending);
    statistics->sending_paused = sending.paused_since_ms != 0;
    return error;
}

enum error queries_read_statistics(struct store_database_reader *reader, int64_t stuck_for_ms,
                                   struct store_statistics *statistics)
{
    *statistics = (struct store_statistics){0};
    int64_t now_ms = reader->database->options->wall_ms();
    reader_begin(reader);
    statistics->durability_asked = reader->database->options->needs_standby
                                       ? STORE_DURABILITY_STANDBY
                                       : STORE_DURABILITY_SINGLE;
    handle_read_space(&reader->handle, statistics);
    enum error error = read_statistics(&reader->handle,
                                       reader->database->options->limits.low_battery_percent,
                                       now_ms, now_ms - stuck_for_ms, statistics);
    reader_end(reader);
    return error;
}
