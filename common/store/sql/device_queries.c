/* Reading devices. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"
#include "common/store/verbs/device_use.h"

/* False without memory; what was read so far is in *text. */
static bool read_owned(const struct statement *row, enum field field, char **text)
{
    if (statement_is_null(row, field))
        return true;
    *text = statement_copy_text(row, field);
    return *text;
}

static enum error read_info(const struct statement *row, struct device_info *info)
{
    *info = DEVICE_INFO_UNKNOWN;
    statement_text(row, FIELD_NAME, info->name, sizeof(info->name));
    statement_text(row, FIELD_ANDROID_VERSION, info->android_version,
                   sizeof(info->android_version));
    statement_text(row, FIELD_APP_VERSION, info->app_version, sizeof(info->app_version));
    sql_read_power(row, &info->battery_level, &info->charging);
    info->has_signal_strength = !statement_is_null(row, FIELD_SIGNAL_STRENGTH);
    info->signal_strength = (int)statement_integer(row, FIELD_SIGNAL_STRENGTH);
    info->sim_slots = (unsigned)statement_integer(row, FIELD_SIM_SLOTS);
    if (read_owned(row, FIELD_SIMS, &info->sims) && read_owned(row, FIELD_EXTRA, &info->extra))
        return ERROR_NONE;
    device_info_fini(info);
    return ERROR_INTERNAL;
}

static void read_error(const struct statement *row, struct device_error *last_error)
{
    last_error->at_ms = statement_integer(row, FIELD_ERROR_AT_MS);
    (void)statement_id(row, FIELD_ERROR_MESSAGE_ID, &last_error->message_id);
    statement_text(row, FIELD_ERROR_CODE, last_error->code, sizeof(last_error->code));
    statement_text(row, FIELD_ERROR_MESSAGE, last_error->message, sizeof(last_error->message));
}

/* A broker that ended without a word was there until its lease ended. */
static void read_connection(const struct statement *row, int64_t now_ms, struct device *device)
{
    int64_t lease_until_ms = statement_integer(row, FIELD_LEASE_UNTIL_MS);
    device->connected = lease_until_ms > now_ms;
    device->connected_at_ms = statement_integer(row, FIELD_CONNECTED_AT_MS);
    device->last_seen_at_ms = statement_integer(row, FIELD_LAST_SEEN_AT_MS);
    device->disconnected_at_ms = device->connected ? 0
                                                   : MAX(device->last_seen_at_ms, lease_until_ms);
}

static enum error read_device(const struct statement *row, int64_t now_ms,
                              struct store_device *entry)
{
    struct device *device = &entry->device;
    struct device_token *token = &entry->token;
    struct device_use use;
    *entry = (struct store_device){.read_at_ms = now_ms};
    statement_text(row, FIELD_DEVICE_ID, device->device_id, sizeof(device->device_id));
    sql_read_configuration(row, &device->configuration);
    read_error(row, &device->last_error);
    read_connection(row, now_ms, device);
    device->queue = (unsigned)statement_integer(row, FIELD_COUNT);
    statement_text(row, FIELD_ID, token->id, sizeof(token->id));
    token->created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS);
    token->revoked_at_ms = statement_integer(row, FIELD_REVOKED_AT_MS);
    token->revocation = (enum device_token_revocation)statement_integer(row, FIELD_REVOCATION);
    sql_read_use(row, &use);
    device_use_begin_day(&use, now_ms);
    entry->segments_today = use.in_day;
    entry->send_budget = use.budget;
    return read_info(row, &device->info);
}

/* Reads from `select` until the page is full. */
static enum error read_page(struct handle *handle, struct statement *select, int64_t now_ms,
                            const struct store_device_query *query, struct store_device_page *page)
{
    struct store_device_page_size size = {0};
    bool row;
    enum error error = statement_step(handle, select, &row);
    while (error == ERROR_NONE && row) {
        struct store_device device;
        error = read_device(select, now_ms, &device);
        if (error != ERROR_NONE)
            break;
        if (!store_device_page_append(query, page, &device, &size)) {
            device_info_fini(&device.device.info);
            break;
        }
        error = statement_step(handle, select, &row);
    }
    statement_reset(select);
    return error;
}

enum error queries_list_devices(struct store_database_reader *reader,
                                const struct store_device_query *query,
                                struct store_device_page *page)
{
    int64_t now_ms = reader->database->options->wall_ms();
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_DEVICES);
    statement_bind_integer(select, FIELD_NOW_MS, now_ms);
    if (query->has_connected)
        statement_bind_integer(select, FIELD_CONNECTED, query->connected);
    statement_bind_text(select, FIELD_LABEL, query->group);
    statement_bind_text(select, FIELD_AFTER, query->after);
    statement_bind_integer(select, FIELD_LIMIT,
                           (int64_t)query->limit + 1); /* one more tells whether there is more */
    enum error error = read_page(&reader->handle, select, now_ms, query, page);
    reader_end(reader);
    return error;
}

enum error queries_find_device(struct store_database_reader *reader, const char *device_id,
                               struct store_device *device, bool *found)
{
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, FIND_DEVICE);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    enum error error = statement_step(&reader->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = read_device(select, reader->database->options->wall_ms(), device);
    statement_reset(select);
    reader_end(reader);
    return error;
}

static enum error ask(struct store_database_reader *reader, enum statement_id id, enum field field,
                      const char *text, bool *answer)
{
    int64_t integer = 0;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, id);
    statement_bind_text(select, field, text);
    enum error error = statement_read_integer(&reader->handle, select, &integer);
    reader_end(reader);
    *answer = integer;
    return error;
}

enum error queries_device_is_known(struct store_database_reader *reader, const char *device_id,
                                   bool *known)
{
    return ask(reader, DEVICE_IS_KNOWN, FIELD_DEVICE_ID, device_id, known);
}

enum error queries_group_is_known(struct store_database_reader *reader, const char *group,
                                  bool *known)
{
    return ask(reader, GROUP_IS_KNOWN, FIELD_LABEL, group, known);
}
