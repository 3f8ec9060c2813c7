/* Reading the connected devices. */
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/queries.h"

static enum error read_device(const struct statement *row, void *item)
{
    struct device *device = item;
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

enum error queries_list_devices(struct store_database_reader *reader, struct device **devices,
                                size_t *count)
{
    void *items;
    size_t begun;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_DEVICES);
    statement_bind_integer(select, FIELD_NOW_MS, reader->database->options->wall_ms());
    enum error error = statement_read_list(&reader->handle, select, sizeof(**devices), read_device,
                                           &items, &begun);
    reader_end(reader);
    if (error != ERROR_NONE) {
        store_devices_free(items, begun);
        return error;
    }
    *devices = items;
    *count = begun;
    return ERROR_NONE;
}
