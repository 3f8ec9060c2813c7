/* What devices said of battery and signal, in memory. */
#include "common/store/memory/memory.h"

#include <string.h>

static struct memory_reading key_of(const char *device_id, int64_t at_ms)
{
    struct memory_reading key = {.slot = at_ms / STORE_READING_EVERY_MS};
    strcpy(key.device_id, device_id);
    return key;
}

static enum error find_reading(struct store_database *database, const char *device_id,
                               int64_t at_ms, struct store_reading *reading, bool *found)
{
    const struct memory_reading key = key_of(device_id, at_ms);
    const struct memory_reading *row = table_find(&database->tables->readings, &key);
    *found = row;
    if (row)
        *reading = row->reading;
    return ERROR_NONE;
}

static enum error save_reading(struct store_database *database, const char *device_id,
                               const struct store_reading *reading)
{
    struct memory_reading row = key_of(device_id, reading->at_ms);
    row.reading = *reading;
    return table_put(&database->tables->readings, &database->undo,
                     table_copy_row(&row, sizeof(row)));
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    struct table *readings = &database->tables->readings;
    int64_t before = before_ms / STORE_READING_EVERY_MS;
    enum error error = ERROR_NONE;
    *count = 0;
    for (size_t i = readings->count; i > 0 && *count < limit && error == ERROR_NONE; i--) {
        struct memory_reading *row = readings->rows[i - 1];
        if (row->slot >= before)
            continue;
        error = table_remove(readings, &database->undo, row);
        ++*count;
    }
    return error;
}

const struct reading_rows memory_reading_rows = {
    .find = find_reading,
    .save = save_reading,
    .remove_old = remove_old,
};

void memory_list_readings(const struct memory_tables *tables, const char *device_id,
                          int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                          size_t *count)
{
    const struct memory_reading key = key_of(device_id, from_ms);
    size_t i = table_lower_bound(&tables->readings, &key);
    for (*count = 0; i < tables->readings.count && *count < STORE_MAX_READINGS; i++) {
        const struct memory_reading *row = tables->readings.rows[i];
        if (strcmp(row->device_id, device_id) != 0)
            break;
        if (row->reading.at_ms >= from_ms)
            readings[(*count)++] = row->reading;
    }
}
