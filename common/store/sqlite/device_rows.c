/* Devices and brokers. */
#include "common/store/sqlite/database.h"
#include "common/store/sqlite/rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static enum error find_connection_epoch(struct store_database *database, const char *device_id,
                                        int64_t *connection_epoch)
{
    struct statement *select = get(database, FIND_CONNECTION_EPOCH);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    *connection_epoch = 0;
    return statement_read_integer(&database->handle, select, connection_epoch);
}

static void bind_info(struct statement *change, const char *device_id,
                      const struct device_info *info, int64_t now_ms)
{
    statement_bind_text(change, FIELD_DEVICE_ID, device_id);
    statement_bind_text(change, FIELD_NAME, info->name);
    statement_bind_text(change, FIELD_ANDROID_VERSION, info->android_version);
    if (info->battery_level >= 0)
        statement_bind_double(change, FIELD_BATTERY_LEVEL, info->battery_level);
    if (info->charging >= 0)
        statement_bind_integer(change, FIELD_CHARGING, info->charging);
    if (info->has_signal_strength)
        statement_bind_integer(change, FIELD_SIGNAL_STRENGTH, info->signal_strength);
    statement_bind_text(change, FIELD_EXTRA, info->extra);
    statement_bind_integer(change, FIELD_NOW_MS, now_ms);
}

static enum error connect_device(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct device_info *info,
                                 const struct message_id *broker, int64_t now_ms)
{
    struct statement *upsert = get(database, CONNECT_DEVICE);
    bind_info(upsert, device_id, info, now_ms);
    statement_bind_integer(upsert, FIELD_CONNECTION_EPOCH, connection_epoch);
    statement_bind_id(upsert, FIELD_BROKER, broker);
    return run(database, upsert);
}

static enum error update_device(struct store_database *database, const char *device_id,
                                const struct device_info *info, int64_t now_ms)
{
    struct statement *update = get(database, UPDATE_DEVICE);
    bind_info(update, device_id, info, now_ms);
    return run(database, update);
}

static enum error disconnect_device(struct store_database *database, const char *device_id,
                                    int64_t now_ms)
{
    struct statement *update = get(database, DISCONNECT_DEVICE);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

static enum error disconnect_all(struct store_database *database, const struct message_id *broker,
                                 int64_t now_ms)
{
    struct statement *update = get(database, DISCONNECT_BROKER);
    statement_bind_id(update, FIELD_BROKER, broker);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

static enum error mark_revoked(struct store_database *database, const char *device_id)
{
    struct statement *update = get(database, MARK_REVOKED);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    return run(database, update);
}

/* ---- Brokers ---- */

static enum error find_broker(struct store_database *database, const char *name,
                              struct message_id *instance, bool *found)
{
    struct statement *select = get(database, FIND_BROKER);
    statement_bind_text(select, FIELD_NAME, name);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found && !statement_id(select, FIELD_INSTANCE, instance))
        error = ERROR_INTERNAL;
    statement_reset(select);
    return error;
}

static enum error save_broker(struct store_database *database, const char *name,
                              const struct message_id *instance, int64_t lease_until_ms)
{
    struct statement *upsert = get(database, SAVE_BROKER);
    statement_bind_text(upsert, FIELD_NAME, name);
    statement_bind_id(upsert, FIELD_BROKER, instance);
    statement_bind_integer(upsert, FIELD_END, lease_until_ms);
    return run(database, upsert);
}

static enum error remove_broker(struct store_database *database, const struct message_id *instance)
{
    struct statement *delete = get(database, DELETE_BROKER);
    statement_bind_id(delete, FIELD_BROKER, instance);
    return run(database, delete);
}

/* Devices have no groups and no SIMs yet, and cannot be disabled. */
static enum error find_traits(struct store_database *database, const char *device_id,
                              struct device_traits *traits)
{
    (void)database, (void)device_id;
    *traits = (struct device_traits){0};
    return ERROR_NONE;
}

const struct device_rows sqlite_device_rows = {
    .find_traits = find_traits,
    .find_connection_epoch = find_connection_epoch,
    .connect = connect_device,
    .update = update_device,
    .disconnect = disconnect_device,
    .disconnect_all = disconnect_all,
    .mark_revoked = mark_revoked,
    .find_broker = find_broker,
    .save_broker = save_broker,
    .remove_broker = remove_broker,
};
