/* Devices and brokers, in memory. */
#include "common/store/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static struct memory_device *find_device(const struct memory_tables *tables, const char *device_id)
{
    return table_find(&tables->devices, device_id);
}

static enum error put_device(struct store_database *database, struct memory_device *device)
{
    return table_put(&database->tables->devices, &database->undo, device);
}

/* A copy, to be changed and then put; NULL without memory. */
static struct memory_device *copy_device(const struct memory_device *device)
{
    return table_copy_row(device, sizeof(*device));
}

int64_t memory_lease_of(const struct memory_tables *tables, const struct memory_device *device)
{
    for (size_t i = 0; i < tables->brokers.count && device->connected; i++) {
        const struct memory_broker *broker = tables->brokers.rows[i];
        if (message_id_equal(&broker->instance, &device->broker))
            return broker->lease_until_ms;
    }
    return 0;
}

bool memory_is_connected(const struct memory_tables *tables, const struct memory_device *device,
                         int64_t now_ms)
{
    return memory_lease_of(tables, device) > now_ms;
}

bool memory_is_on_broker(const struct memory_tables *tables, const char *device_id,
                         const struct message_id *instance)
{
    const struct memory_device *device = find_device(tables, device_id);
    return device && device->connected && message_id_equal(&device->broker, instance);
}

/* ---- Devices ---- */

static struct device_connection connection_of(const struct memory_device *device)
{
    return device ? (struct device_connection){.epoch = device->connection_epoch,
                                               .connected = device->connected,
                                               .broker = device->broker,
                                               .revoked = device->revoked,
                                               .battery_low = device->battery_low}
                  : (struct device_connection){0};
}

static enum error find_connection(struct store_database *database, const char *device_id,
                                  struct device_connection *connection)
{
    *connection = connection_of(find_device(database->tables, device_id));
    return ERROR_NONE;
}

static enum error set_battery_low(struct store_database *database, const char *device_id,
                                  bool battery_low)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    struct memory_device *changed = device ? copy_device(device) : NULL;
    if (changed)
        changed->battery_low = battery_low;
    return put_device(database, changed);
}

/* Gives the device its info; NULL without memory. */
static struct memory_device *with_info(struct memory_device *device, const struct device_info *info)
{
    if (!device || device_info_copy(info, &device->info))
        return device;
    free(device);
    return NULL;
}

/* A copy of the device or, where it is not there, a new one; NULL without memory. */
static struct memory_device *copy_or_new(const struct memory_tables *tables, const char *device_id)
{
    const struct memory_device *known = find_device(tables, device_id);
    struct memory_device *device = known ? copy_device(known) : calloc(1, sizeof(*device));
    if (device)
        strcpy(device->device_id, device_id);
    return device;
}

static enum error connect(struct store_database *database, const char *device_id,
                          int64_t connection_epoch, const struct device_info *info,
                          const struct message_id *broker, int64_t now_ms)
{
    struct memory_device *device = with_info(copy_or_new(database->tables, device_id), info);
    if (!device)
        return ERROR_INTERNAL;
    device->connection_epoch = connection_epoch;
    device->connected = true;
    device->revoked = false;
    device->wait_reason = MESSAGE_WAIT_NONE;
    device->broker = *broker;
    device->connected_at_ms = device->last_seen_at_ms = now_ms;
    return put_device(database, device);
}

static enum error update(struct store_database *database, const char *device_id,
                         const struct device_info *info, int64_t now_ms)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    if (!device)
        return ERROR_NONE;
    struct memory_device *updated = with_info(copy_device(device), info);
    if (updated)
        updated->last_seen_at_ms = now_ms;
    return put_device(database, updated);
}

static enum error put_disconnected(struct store_database *database,
                                   const struct memory_device *device, int64_t now_ms)
{
    struct memory_device *disconnected = copy_device(device);
    if (disconnected) {
        disconnected->connected = disconnected->revoked = false;
        disconnected->wait_reason = MESSAGE_WAIT_NONE;
        disconnected->last_seen_at_ms = now_ms;
    }
    return put_device(database, disconnected);
}

static enum error disconnect(struct store_database *database, const char *device_id, int64_t now_ms)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    return device ? put_disconnected(database, device, now_ms) : ERROR_NONE;
}

static enum error disconnect_all(struct store_database *database, const struct message_id *broker,
                                 int64_t now_ms)
{
    const struct table *devices = &database->tables->devices;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < devices->count && error == ERROR_NONE; i++) {
        const struct memory_device *device = devices->rows[i];
        if (device->connected && message_id_equal(&device->broker, broker))
            error = put_disconnected(database, device, now_ms);
    }
    return error;
}

/* ---- Polled devices ---- */

static enum error connect_polled(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker,
                                 int64_t now_ms)
{
    const struct memory_device *known = find_device(database->tables, device_id);
    struct memory_device *device = known ? copy_device(known) : NULL;
    if (device) {
        device->connection_epoch = connection_epoch;
        device->connected = true;
        device->revoked = false;
        device->wait_reason = MESSAGE_WAIT_NONE;
        device->broker = *broker;
        device->connected_at_ms = device->last_seen_at_ms = now_ms;
    }
    return put_device(database, device);
}

static enum error describe(struct store_database *database, const char *device_id, unsigned set,
                           const struct device_info *said, int64_t now_ms)
{
    const struct memory_device *known = find_device(database->tables, device_id);
    if (!known)
        return ERROR_NONE;
    struct device_info info = known->info;
    if (set & POLLED_NAME && *said->name)
        strcpy(info.name, said->name);
    if (set & POLLED_SIMS && said->sims)
        info.sims = said->sims;
    if (set & POLLED_SIMS)
        info.sim_slots = said->sim_slots;
    if (set & POLLED_APP_VERSION && *said->app_version)
        strcpy(info.app_version, said->app_version);
    if (set & POLLED_BATTERY && said->battery_level >= 0)
        info.battery_level = said->battery_level;
    if (set & POLLED_BATTERY && said->charging >= 0)
        info.charging = said->charging;
    return update(database, device_id, &info, now_ms);
}

static enum error touch(struct store_database *database, const char *device_id, int64_t before_ms,
                        int64_t now_ms)
{
    const struct memory_device *known = find_device(database->tables, device_id);
    if (!known || known->last_seen_at_ms > before_ms)
        return ERROR_NONE;
    struct memory_device *device = copy_device(known);
    if (device)
        device->last_seen_at_ms = now_ms;
    return put_device(database, device);
}

static enum error find_polled(struct store_database *database, const char *device_id,
                              struct polled_device *device, bool *found)
{
    const struct polled_device *row = table_find(&database->tables->polled, device_id);
    *found = row;
    if (row)
        *device = *row;
    return ERROR_NONE;
}

static enum error save_polled(struct store_database *database, const struct polled_device *device)
{
    return table_put(&database->tables->polled, &database->undo,
                     table_copy_row(device, sizeof(*device)));
}

static enum error remove_polled(struct store_database *database, const char *device_id)
{
    void *row = table_find(&database->tables->polled, device_id);
    return row ? table_remove(&database->tables->polled, &database->undo, row) : ERROR_NONE;
}

bool memory_read_hook(const struct memory_tables *tables,
                      const unsigned char hook_hash[SECRET_HASH_BYTES],
                      struct polled_device *device)
{
    for (size_t i = 0; i < tables->polled.count; i++) {
        const struct polled_device *row = tables->polled.rows[i];
        if (memcmp(row->hook_hash, hook_hash, SECRET_HASH_BYTES) == 0) {
            *device = *row;
            return true;
        }
    }
    return false;
}

/* ---- What an operator decides ---- */

struct device_traits memory_traits_of(const struct memory_device *device)
{
    return (struct device_traits){
        .disabled = device->configuration.disabled,
        .sims = device->info.sim_slots,
        .groups = device->configuration.groups,
        .daily_segments = device->configuration.daily_segments,
        .window_segments = device->configuration.window_segments,
        .configured = device->configured,
        .battery_level = device->info.battery_level,
        .charging = device->info.charging,
    };
}

static enum error find_traits(struct store_database *database, const char *device_id,
                              struct device_traits *traits, struct device_connection *connection)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    *traits = device ? memory_traits_of(device) : (struct device_traits){0};
    if (connection)
        *connection = connection_of(device);
    return ERROR_NONE;
}

static enum error add(struct store_database *database, const char *device_id, int64_t now_ms)
{
    (void)now_ms;
    if (find_device(database->tables, device_id))
        return ERROR_NONE;
    struct memory_device *device = copy_or_new(database->tables, device_id);
    if (device)
        device->info = DEVICE_INFO_UNKNOWN;
    return put_device(database, device);
}

static enum error find_configuration(struct store_database *database, const char *device_id,
                                     struct device_configuration *configuration, bool *found)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    *found = device;
    if (device)
        *configuration = device->configuration;
    return ERROR_NONE;
}

static int64_t last_configured(const struct table *devices)
{
    int64_t last = 0;
    for (size_t i = 0; i < devices->count; i++)
        last = MAX(last, ((const struct memory_device *)devices->rows[i])->configured);
    return last;
}

static enum error save_configuration(struct store_database *database, const char *device_id,
                                     const struct device_configuration *configuration)
{
    struct memory_device *device = copy_or_new(database->tables, device_id);
    if (device) {
        device->configuration = *configuration;
        device->configured = last_configured(&database->tables->devices) + 1;
    }
    return put_device(database, device);
}

static enum error number_change(struct store_database *database, const char *device_id)
{
    struct memory_device *device = copy_or_new(database->tables, device_id);
    if (device)
        device->configured = last_configured(&database->tables->devices) + 1;
    return put_device(database, device);
}

static enum error save_error(struct store_database *database, const char *device_id,
                             const struct device_error *last_error)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    if (!device)
        return ERROR_NONE;
    struct memory_device *updated = copy_device(device);
    if (updated)
        updated->last_error = *last_error;
    return put_device(database, updated);
}

/* ---- Devices whose token was revoked ---- */

static enum error mark_revoked(struct store_database *database, const char *device_id)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    if (!device || !device->connected)
        return ERROR_NONE;
    struct memory_device *marked = copy_device(device);
    if (marked)
        marked->revoked = true;
    return put_device(database, marked);
}

/* ---- Connections that another broker has superseded ---- */

static enum error add_superseded(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker)
{
    struct memory_superseded *row = calloc(1, sizeof(*row));
    if (row) {
        *row = (struct memory_superseded){.connection_epoch = connection_epoch, .broker = *broker};
        strcpy(row->device_id, device_id);
    }
    return table_put(&database->tables->superseded, &database->undo, row);
}

static enum error forget_superseded(struct store_database *database, const char *device_id,
                                    int64_t connection_epoch)
{
    struct table *superseded = &database->tables->superseded;
    struct memory_superseded key = {.connection_epoch = connection_epoch};
    strcpy(key.device_id, device_id);
    void *row = table_find(superseded, &key);
    return row ? table_remove(superseded, &database->undo, row) : ERROR_NONE;
}

static enum error forget_all_superseded(struct store_database *database,
                                        const struct message_id *broker)
{
    struct table *superseded = &database->tables->superseded;
    enum error error = ERROR_NONE;
    for (size_t i = superseded->count; i > 0 && error == ERROR_NONE; i--) {
        struct memory_superseded *row = superseded->rows[i - 1];
        if (message_id_equal(&row->broker, broker))
            error = table_remove(superseded, &database->undo, row);
    }
    return error;
}

/* ---- Brokers ---- */

static enum error find_broker(struct store_database *database, const char *name,
                              struct message_id *instance, bool *found)
{
    const struct memory_broker *broker = table_find(&database->tables->brokers, name);
    *found = broker;
    if (broker)
        *instance = broker->instance;
    return ERROR_NONE;
}

static enum error save_broker(struct store_database *database, const char *name,
                              const struct message_id *instance, int64_t lease_until_ms)
{
    struct memory_broker *broker = calloc(1, sizeof(*broker));
    if (broker) {
        *broker = (struct memory_broker){.instance = *instance, .lease_until_ms = lease_until_ms};
        strcpy(broker->name, name);
    }
    return table_put(&database->tables->brokers, &database->undo, broker);
}

static enum error remove_broker(struct store_database *database, const struct message_id *instance)
{
    struct table *brokers = &database->tables->brokers;
    for (size_t i = 0; i < brokers->count; i++) {
        struct memory_broker *broker = brokers->rows[i];
        if (message_id_equal(&broker->instance, instance))
            return table_remove(brokers, &database->undo, broker);
    }
    return ERROR_NONE;
}

static enum error find_ended_broker(struct store_database *database, int64_t ended_before_ms,
                                    int64_t latest_ms, struct message_id *instance, bool *found)
{
    const struct table *brokers = &database->tables->brokers;
    *found = false;
    for (size_t i = 0; i < brokers->count && !*found; i++) {
        const struct memory_broker *broker = brokers->rows[i];
        *found = broker->lease_until_ms < ended_before_ms || broker->lease_until_ms > latest_ms;
        *instance = broker->instance;
    }
    return ERROR_NONE;
}

static bool has_broker(const struct memory_tables *tables, const struct message_id *instance)
{
    bool has = false;
    for (size_t i = 0; i < tables->brokers.count; i++)
        has |= message_id_equal(&((const struct memory_broker *)tables->brokers.rows[i])->instance,
                                instance);
    return has;
}

static enum error find_lost_broker(struct store_database *database, const struct message_id *but,
                                   struct message_id *instance, bool *found)
{
    const struct table *devices = &database->tables->devices;
    *found = false;
    for (size_t i = 0; i < devices->count && !*found; i++) {
        const struct memory_device *device = devices->rows[i];
        *found = device->connected && !message_id_equal(&device->broker, but) &&
                 !has_broker(database->tables, &device->broker);
        *instance = device->broker;
    }
    return ERROR_NONE;
}

static enum error find_lease(struct store_database *database, const char *name,
                             struct lease_row *lease, bool *found)
{
    const struct memory_lease *row = table_find(&database->tables->leases, name);
    *found = row;
    if (row)
        *lease = row->lease;
    return ERROR_NONE;
}

static enum error save_lease(struct store_database *database, const char *name,
                             const struct lease_row *lease)
{
    struct memory_lease *row = calloc(1, sizeof(*row));
    if (row) {
        row->lease = *lease;
        strcpy(row->name, name);
    }
    return table_put(&database->tables->leases, &database->undo, row);
}

static enum error remove_leases_of(struct store_database *database, const struct message_id *holder)
{
    struct table *leases = &database->tables->leases;
    enum error error = ERROR_NONE;
    for (size_t i = leases->count; i > 0 && error == ERROR_NONE; i--) {
        struct memory_lease *row = leases->rows[i - 1];
        if (message_id_equal(&row->lease.holder, holder))
            error = table_remove(leases, &database->undo, row);
    }
    return error;
}

static enum error set_wait(struct store_database *database, const char *device_id,
                           enum message_wait_reason reason, int64_t until_ms)
{
    const struct memory_device *device = find_device(database->tables, device_id);
    if (!device)
        return ERROR_NONE;
    struct memory_device *waiting = copy_device(device);
    if (waiting) {
        waiting->wait_reason = reason;
        waiting->wait_until_ms = until_ms;
    }
    return put_device(database, waiting);
}

const struct device_rows memory_device_rows = {
    .find_traits = find_traits,
    .set_wait = set_wait,
    .add = add,
    .find_configuration = find_configuration,
    .save_configuration = save_configuration,
    .number_change = number_change,
    .save_error = save_error,
    .find_connection = find_connection,
    .set_battery_low = set_battery_low,
    .connect = connect,
    .connect_polled = connect_polled,
    .describe = describe,
    .touch = touch,
    .find_polled = find_polled,
    .save_polled = save_polled,
    .remove_polled = remove_polled,
    .update = update,
    .disconnect = disconnect,
    .disconnect_all = disconnect_all,
    .mark_revoked = mark_revoked,
    .add_superseded = add_superseded,
    .forget_superseded = forget_superseded,
    .forget_all_superseded = forget_all_superseded,
    .find_broker = find_broker,
    .save_broker = save_broker,
    .remove_broker = remove_broker,
    .find_ended_broker = find_ended_broker,
    .find_lost_broker = find_lost_broker,
    .find_lease = find_lease,
    .save_lease = save_lease,
    .remove_leases_of = remove_leases_of,
};
