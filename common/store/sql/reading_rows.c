/* What devices said of battery and signal. */
#include "common/store/sql/backend.h"
#include "common/store/sql/queries.h"
#include "common/store/sql/rows.h"

static int64_t slot_of(int64_t at_ms)
{
    return at_ms / STORE_READING_EVERY_MS;
}

static void read_reading(const struct statement *row, struct store_reading *reading)
{
    *reading = (struct store_reading){
        .at_ms = statement_integer(row, FIELD_AT_MS),
        .has_signal_strength = !statement_is_null(row, FIELD_SIGNAL_STRENGTH),
        .signal_strength = (int)statement_integer(row, FIELD_SIGNAL_STRENGTH),
    };
    sql_read_power(row, &reading->battery_level, &reading->charging);
}

static enum error find_reading(struct store_database *database, const char *device_id,
                               int64_t at_ms, struct store_reading *reading, bool *found)
{
    struct statement *select = statement_get(&database->handle, FIND_READING);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(select, FIELD_SLOT, slot_of(at_ms));
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        read_reading(select, reading);
    statement_reset(select);
    return error;
}

static enum error save_reading(struct store_database *database, const char *device_id,
                               const struct store_reading *reading)
{
    struct statement *upsert = statement_get(&database->handle, SAVE_READING);
    statement_bind_text(upsert, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(upsert, FIELD_SLOT, slot_of(reading->at_ms));
    statement_bind_integer(upsert, FIELD_AT_MS, reading->at_ms);
    sql_bind_power(upsert, reading->battery_level, reading->charging);
    if (reading->has_signal_strength)
        statement_bind_integer(upsert, FIELD_SIGNAL_STRENGTH, reading->signal_strength);
    return statement_run(&database->handle, upsert);
}

static enum error remove_old(struct store_database *database, int64_t before_ms, int64_t limit,
                             int64_t *count)
{
    struct statement *delete = statement_get(&database->handle, DELETE_READINGS);
    statement_bind_integer(delete, FIELD_SLOT, slot_of(before_ms));
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    enum error error = statement_run(&database->handle, delete);
    *count = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

const struct reading_rows sql_reading_rows = {
    .find = find_reading,
    .save = save_reading,
    .remove_old = remove_old,
};

enum error queries_list_readings(struct store_database_reader *reader, const char *device_id,
                                 int64_t from_ms, struct store_reading readings[STORE_MAX_READINGS],
                                 size_t *count)
{
    bool row;
    *count = 0;
    reader_begin(reader);
    struct statement *select = statement_get(&reader->handle, LIST_READINGS);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(select, FIELD_SLOT, slot_of(from_ms));
    statement_bind_integer(select, FIELD_AT_MS, from_ms);
    statement_bind_integer(select, FIELD_LIMIT, STORE_MAX_READINGS);
    enum error error = statement_step(&reader->handle, select, &row);
    for (; error == ERROR_NONE && row; error = statement_step(&reader->handle, select, &row))
        read_reading(select, &readings[(*count)++]);
    statement_reset(select);
    reader_end(reader);
    return error;
}
