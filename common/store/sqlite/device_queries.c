/* Reading the connected devices. */
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/queries.h"

static enum error read_device(const struct statement *row, struct device *device)
{
    *device = (struct device){
        .info = DEVICE_INFO_UNKNOWN,
        .connected_at_ms = statement_integer(row, FIELD_CONNECTED_AT_MS),
        .last_seen_at_ms = statement_integer(row, FIELD_LAST_SEEN_AT_MS),
        .queue = (unsigned)statement_integer(row, FIELD_COUNT),
    };
    struct device_info *info = &device->info;
    statement_text(row, FIELD_DEVICE_ID, device->device_id, sizeof(device->device_id));
    statement_text(row, FIELD_NAME, info->name, sizeof(info->name));
    statement_text(row, FIELD_ANDROID_VERSION, info->android_version,
                   sizeof(info->android_version));
    if (!statement_is_null(row, FIELD_BATTERY_LEVEL))
        info->battery_level = statement_double(row, FIELD_BATTERY_LEVEL);
    if (!statement_is_null(row, FIELD_CHARGING))
        info->charging = (int)statement_integer(row, FIELD_CHARGING);
    info->has_signal_strength = !statement_is_null(row, FIELD_SIGNAL_STRENGTH);
    info->signal_strength = (int)statement_integer(row, FIELD_SIGNAL_STRENGTH);
    if (statement_is_null(row, FIELD_EXTRA))
        return ERROR_NONE;
    info->extra = statement_copy_text(row, FIELD_EXTRA);
    return info->extra ? ERROR_NONE : ERROR_INTERNAL;
}

/* Reads from `select` until the page is full. */
static enum error read_page(struct handle *handle, struct statement *select,
                            const struct store_device_query *query, struct store_device_page *page)
{
    struct store_device_page_size size = {0};
    bool row;
    enum error error = statement_step(handle, select, &row);
    while (error == ERROR_NONE && row) {
        struct device device;
        error = read_device(select, &device);
        if (error != ERROR_NONE)
            break;
        if (!store_device_page_append(query, page, &device, &size)) {
            device_info_fini(&device.info);
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
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_DEVICES);
    statement_bind_integer(select, FIELD_NOW_MS, reader->database->options->wall_ms());
    statement_bind_text(select, FIELD_AFTER, query->after);
    statement_bind_integer(select, FIELD_LIMIT,
                           (int64_t)query->limit + 1); /* one more tells whether there is more */
    enum error error = read_page(&reader->handle, select, query, page);
    reader_end(reader);
    return error;
}
