/* The reads in SQLite. */
#include "common/store/sqlite/sqlite.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

void start_read_clock(struct store_connection *connection)
{
    connection->read_until_ms = clock_monotonic_ms() + connection->read_timeout_ms;
}

static enum error read_message(sqlite3_stmt *row, struct message *message)
{
    *message = (struct message){0};
    if (!column_id(row, 0, &message->id))
        return ERROR_INTERNAL;
    column_text(row, 1, message->phone_number, sizeof(message->phone_number));
    const char *text = (const char *)sqlite3_column_text(row, 2);
    message->encoding = (enum sms_encoding)sqlite3_column_int(row, 3);
    message->segments = (unsigned)sqlite3_column_int(row, 4);
    message->status = (enum message_status)sqlite3_column_int(row, 5);
    message->attempt = (unsigned)sqlite3_column_int(row, 6);
    column_text(row, 7, message->device_id, sizeof(message->device_id));
    column_text(row, 8, message->error_code, sizeof(message->error_code));
    column_text(row, 9, message->error_message, sizeof(message->error_message));
    message->updated_at_ms = sqlite3_column_int64(row, 10);
    column_request_id(row, 12, &message->request_id);
    message->reached_at_ms[MESSAGE_QUEUED] = message_id_time_ms(&message->id); /* has no event */
    sqlite_read_times((const char *)sqlite3_column_text(row, 11), message->reached_at_ms);
    message->text = text ? strdup(text) : NULL;
    return message->text ? ERROR_NONE : ERROR_INTERNAL;
}

enum error sqlite_find_message(struct store_connection *connection, const struct message_id *id,
                               struct message *message)
{
    bool found;
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, FIND_MESSAGE);
    bind_message(select, id);
    enum error error = step(connection, select, &found);
    if (error == ERROR_NONE)
        error = found ? read_message(select, message) : ERROR_MESSAGE_NOT_FOUND;
    sqlite3_reset(select);
    return error;
}

static enum error read_event(sqlite3_stmt *row, void *item)
{
    struct message_event *event = item;
    *event = (struct message_event){
        .status = (enum message_status)sqlite3_column_int(row, 0),
        .attempt = (unsigned)sqlite3_column_int(row, 1),
        .at_ms = sqlite3_column_int64(row, 5),
    };
    column_text(row, 2, event->device_id, sizeof(event->device_id));
    column_text(row, 3, event->error_code, sizeof(event->error_code));
    column_text(row, 4, event->error_message, sizeof(event->error_message));
    return ERROR_NONE;
}

enum error sqlite_read_history(struct store_connection *connection, const struct message_id *id,
                               struct message_event **events, size_t *count)
{
    void *items;
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, READ_HISTORY);
    bind_message(select, id);
    bind_integer(select, 3, message_id_time_ms(id));
    enum error error = read_list(connection, select, sizeof(**events), read_event, &items, count);
    *events = items;
    return error == ERROR_NONE && *count == 0 ? ERROR_MESSAGE_NOT_FOUND : error;
}

/* ---- Lists ---- */

/* Numbers of messages (message_id_seq) from `first` up to, but without, `end`. */
struct seq_range {
    int64_t first, end;
};

static int64_t first_seq_at(int64_t wall_ms)
{
    struct message_id first = message_id_first_at(wall_ms);
    return message_id_seq(&first);
}

static struct seq_range filter_range(const struct store_query *query)
{
    struct seq_range range = {0, INT64_MAX};
    if (query->has_created_after)
        range.first = first_seq_at(query->created_after_ms);
    if (query->has_created_before)
        range.end = first_seq_at(query->created_before_ms);
    return range;
}

/* The number of the message at the cursor, or what it would be if the message is gone. */
static enum error find_cursor(struct store_connection *connection, const struct message_id *id,
                              int64_t *seq)
{
    *seq = message_id_seq(id);
    sqlite3_stmt *select = statement(connection, FIND_SEQ);
    bind_message(select, id);
    return read_integer(connection, select, seq);
}

/* Cuts `range` down to the part that the page may come from. */
static enum error cut_to_page(struct store_connection *connection, const struct store_query *query,
                              struct seq_range *range)
{
    int64_t cursor;
    if (query->position == STORE_AT_OFFSET)
        return ERROR_NONE;
    enum error error = find_cursor(connection, &query->cursor, &cursor);
    if (query->position == STORE_OLDER_THAN)
        range->end = MIN(cursor, range->end);
    else /* nothing is newer than the greatest */
        range->first = MAX(cursor < INT64_MAX ? cursor + 1 : cursor, range->first);
    return error;
}

/* What a list is made from, in one consistent view. */
struct view {
    int64_t counts[MESSAGE_STATUS_COUNT];
    struct list_statements {
        enum statement older, newer, count;
    } statements;
};

/* The index that narrows most: a number has few messages; a device may have all there are, and a status too,
   but how many a status has is known. */
static struct list_statements choose_index(const struct store_query *query,
                                           const int64_t counts[MESSAGE_STATUS_COUNT])
{
    enum { FEW = 10000 }; /* looked at one by one in some milliseconds */
    bool few = query->has_status && counts[query->status] <= FEW;
    if (*query->phone_number)
        return (struct list_statements){OLDER_BY_NUMBER, NEWER_BY_NUMBER, COUNT_BY_NUMBER};
    if (*query->device_id && !few)
        return (struct list_statements){OLDER_BY_DEVICE, NEWER_BY_DEVICE, COUNT_BY_DEVICE};
    if (query->has_status && query->status == MESSAGE_QUEUED)
        return (struct list_statements){OLDER_BY_QUEUE, NEWER_BY_QUEUE, COUNT_BY_QUEUE};
    if (query->has_status)
        return (struct list_statements){OLDER_BY_STATUS, NEWER_BY_STATUS, COUNT_BY_STATUS};
    return (struct list_statements){OLDER_BY_TIME, NEWER_BY_TIME, COUNT_BY_TIME};
}

/* Parameters 1 to 5 of a list or count statement. */
static void bind_filter(sqlite3_stmt *select, const struct store_query *query,
                        const struct seq_range *range)
{
    bind_integer(select, 1, range->first);
    bind_integer(select, 2, range->end);
    if (query->has_status)
        bind_integer(select, 3, query->status);
    bind_text(select, 4, query->device_id);
    bind_text(select, 5, query->phone_number);
}

/* How many match the filters, on all pages: from the kept counts where the status is the only one. */
static enum error count_matches(struct store_connection *connection,
                                const struct store_query *query, const struct view *view,
                                int64_t *total)
{
    *total = 0;
    if (!*query->device_id && !*query->phone_number && !query->has_created_after &&
        !query->has_created_before) {
        for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
            *total += !query->has_status || i == (int)query->status ? view->counts[i] : 0;
        return ERROR_NONE;
    }

    struct seq_range range = filter_range(query);
    sqlite3_stmt *select = statement(connection, view->statements.count);
    bind_filter(select, query, &range);
    return read_integer(connection, select, total);
}

static void reverse(struct message *messages, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct message other = messages[i];
        messages[i] = messages[count - 1 - i];
        messages[count - 1 - i] = other;
    }
}

static enum error read_page(struct store_connection *connection, const struct store_query *query,
                            const struct view *view, struct store_page *page)
{
    bool row, newer = query->position == STORE_NEWER_THAN, more = false;
    size_t text_bytes = 0;
    struct seq_range range = filter_range(query);
    enum error error = cut_to_page(connection, query, &range);

    if (error != ERROR_NONE)
        return error;
    page->messages = calloc(query->limit, sizeof(*page->messages));
    if (!page->messages)
        return ERROR_INTERNAL;
    sqlite3_stmt *select = statement(connection,
                                     newer ? view->statements.newer : view->statements.older);
    bind_filter(select, query, &range);
    bind_integer(select, 6, (int64_t)query->limit + 1); /* one more tells whether there is more */
    bind_integer(select, 7, query->position == STORE_AT_OFFSET ? query->offset : 0);
    error = step(connection, select, &row);
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
            error = step(connection, select, &row);
    }
    sqlite3_reset(select);

    if (newer)
        reverse(page->messages, page->count);
    page->has_older = newer || more;
    page->has_newer = newer ? more : query->position == STORE_OLDER_THAN || query->offset > 0;
    return error;
}

enum error sqlite_list_messages(struct store_connection *connection,
                                const struct store_query *query, struct store_page *page)
{
    start_read_clock(connection);
    sqlite3_stmt *end_read = statement(connection, END_READ); /* what begins must be able to end */
    if (!end_read)
        return ERROR_STORE_UNAVAILABLE;
    enum error error = run(connection, statement(connection, BEGIN_READ));
    if (error != ERROR_NONE)
        return error;
    struct view view = {0};
    error = read_counts(connection, statement(connection, SELECT_COUNTS), view.counts);
    view.statements = choose_index(query, view.counts);
    if (error == ERROR_NONE)
        error = read_page(connection, query, &view, page);
    bool ends_here = query->position == STORE_AT_OFFSET && !page->has_older &&
                     (page->count > 0 || query->offset == 0);
    if (error == ERROR_NONE && ends_here) /* counting looks at each that matches */
        page->total = query->offset + (int64_t)page->count;
    else if (error == ERROR_NONE)
        error = count_matches(connection, query, &view, &page->total);
    connection->read_until_ms = INT64_MAX; /* nothing may keep it from ending */
    enum error end = run(connection, end_read);
    return error != ERROR_NONE ? error : end;
}

/* ---- Phones ---- */

static enum error read_device(sqlite3_stmt *row, void *item)
{
    struct device *device = item;
    *device = (struct device){.info = DEVICE_INFO_UNKNOWN};
    struct device_info *info = &device->info;
    column_text(row, 0, device->device_id, sizeof(device->device_id));
    column_text(row, 1, info->name, sizeof(info->name));
    column_text(row, 2, info->android_version, sizeof(info->android_version));
    if (sqlite3_column_type(row, 3) != SQLITE_NULL)
        info->battery_level = sqlite3_column_double(row, 3);
    if (sqlite3_column_type(row, 4) != SQLITE_NULL)
        info->charging = sqlite3_column_int(row, 4);
    info->has_signal_strength = sqlite3_column_type(row, 5) != SQLITE_NULL;
    info->signal_strength = sqlite3_column_int(row, 5);
    device->connected_at_ms = sqlite3_column_int64(row, 7);
    device->last_seen_at_ms = sqlite3_column_int64(row, 8);
    device->queue = (unsigned)sqlite3_column_int(row, 9);
    const char *extra = (const char *)sqlite3_column_text(row, 6);
    info->extra = extra ? strdup(extra) : NULL;
    return extra && !info->extra ? ERROR_INTERNAL : ERROR_NONE;
}

enum error sqlite_list_devices(struct store_connection *connection, struct device **result,
                               size_t *result_count)
{
    void *devices;
    size_t count;
    start_read_clock(connection);
    sqlite3_stmt *select = statement(connection, SELECT_DEVICES);
    bind_integer(select, 1, connection->wall_ms());
    enum error error = read_list(connection, select, sizeof(struct device), read_device, &devices,
                                 &count);
    if (error != ERROR_NONE) {
        store_devices_free(devices, count);
        return error;
    }
    *result = devices;
    *result_count = count;
    return ERROR_NONE;
}

enum error read_counts(struct store_connection *connection, sqlite3_stmt *select,
                       int64_t counts[MESSAGE_STATUS_COUNT])
{
    bool row;
    enum error error = step(connection, select, &row);
    for (; error == ERROR_NONE && row; error = step(connection, select, &row)) {
        int status = sqlite3_column_int(select, 0);
        if (status >= 0 && status < MESSAGE_STATUS_COUNT)
            counts[status] = sqlite3_column_int64(select, 1);
    }
    return error;
}

enum error read_stuck(struct store_connection *connection, enum statement id, int64_t since_ms,
                      int64_t counts[MESSAGE_STATUS_COUNT])
{
    enum { MOST_LOOKED_AT = 2000 }; /* of each, because their pages stay in memory */
    sqlite3_stmt *select = statement(connection, id);
    bind_integer(select, 1, since_ms);
    bind_integer(select, 2, MOST_LOOKED_AT);
    return read_counts(connection, select, counts);
}

/* ---- Statistics ---- */

static void read_disk(struct store_connection *connection, struct store_statistics *statistics)
{
    struct statvfs disk;
    statistics->wal_bytes = sqlite_wal_bytes(connection);
    statistics->database_bytes = sqlite_database_bytes(connection);
    if (statvfs(sqlite3_db_filename(connection->db, "main"), &disk) == 0) {
        statistics->disk_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
        statistics->disk_size_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    }
}

static enum error read_phones(struct store_connection *connection, int64_t now_ms,
                              struct store_statistics *statistics)
{
    bool row;
    sqlite3_stmt *connected = statement(connection, COUNT_DEVICES);
    bind_integer(connected, 1, now_ms);
    bind_integer(connected, 2, STORE_LOW_BATTERY_PERCENT);
    enum error error = step(connection, connected, &row);
    if (error == ERROR_NONE && row) {
        statistics->devices_connected = sqlite3_column_int64(connected, 0);
        statistics->devices_battery_low = sqlite3_column_int64(connected, 1);
    }
    sqlite3_reset(connected);
    sqlite3_stmt *offline = statement(connection, COUNT_OFFLINE);
    bind_integer(offline, 1, now_ms);
    if (error == ERROR_NONE)
        error = read_integer(connection, offline, &statistics->devices_offline);
    if (error == ERROR_NONE)
        error = read_integer(connection, statement(connection, COUNT_QUARANTINED),
                             &statistics->devices_quarantined);
    return error;
}

enum error sqlite_read_statistics(struct store_connection *connection, int64_t stuck_since_ms,
                                  struct store_statistics *statistics)
{
    int64_t now_ms = connection->wall_ms();
    *statistics = (struct store_statistics){0};
    read_disk(connection, statistics);
    start_read_clock(connection);
    enum error error = read_counts(connection, statement(connection, SELECT_COUNTS),
                                   statistics->messages);
    if (error == ERROR_NONE)
        error = read_stuck(connection, READ_STUCK, stuck_since_ms, statistics->stuck);
    sqlite3_stmt *queued = statement(connection, SHOW_QUEUED_SINCE);
    bind_integer(queued, 1, now_ms);
    if (error == ERROR_NONE)
        error = read_integer(connection, queued, &statistics->oldest_queued_ms);
    if (error == ERROR_NONE)
        error = read_phones(connection, now_ms, statistics);
    struct store_sending sending = {0};
    if (error == ERROR_NONE)
        error = sqlite_read_sending(connection, &sending);
    statistics->sending_paused = sending.paused_since_ms != 0;
    return error;
}
