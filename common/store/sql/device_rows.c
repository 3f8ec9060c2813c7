/* Devices and brokers. */
#include "common/store/sql/backend.h"
#include "common/store/sql/rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

static void read_connection(const struct statement *row, struct device_connection *connection)
{
    connection->epoch = statement_integer(row, FIELD_CONNECTION_EPOCH);
    connection->connected = statement_id(row, FIELD_INSTANCE, &connection->broker);
    connection->battery_low = statement_integer(row, FIELD_BATTERY_LOW);
    connection->revoked = statement_integer(row, FIELD_TOKEN_REVOKED);
}

static enum error find_connection(struct store_database *database, const char *device_id,
                                  struct device_connection *connection)
{
    bool found;
    struct statement *select = get(database, FIND_CONNECTION);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    *connection = (struct device_connection){0};
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE && found)
        read_connection(select, connection);
    statement_reset(select);
    return error;
}

static enum error set_battery_low(struct store_database *database, const char *device_id,
                                  bool battery_low)
{
    struct statement *update = get(database, SET_BATTERY_LOW);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_BATTERY_LOW, battery_low);
    return run(database, update);
}

/* ---- What an operator decides ---- */

static struct device_limit read_limit(const struct statement *row, enum field field)
{
    return (struct device_limit){!statement_is_null(row, field), statement_integer(row, field)};
}

static void read_groups(const struct statement *row, struct device_groups *groups)
{
    char text[DEVICE_GROUPS_TEXT_SIZE];
    if (statement_is_null(row, FIELD_GROUPS)) {
        groups->count = 0;
        return;
    }
    statement_text(row, FIELD_GROUPS, text, sizeof(text));
    device_groups_parse(text, groups);
}

void sql_read_power(const struct statement *row, double *battery_level, int *charging)
{
    *battery_level = statement_is_null(row, FIELD_BATTERY_LEVEL)
                         ? -1
                         : statement_double(row, FIELD_BATTERY_LEVEL);
    *charging = statement_is_null(row, FIELD_CHARGING)
                    ? -1
                    : (int)statement_integer(row, FIELD_CHARGING);
}

void sql_bind_power(struct statement *change, double battery_level, int charging)
{
    if (battery_level >= 0)
        statement_bind_double(change, FIELD_BATTERY_LEVEL, battery_level);
    if (charging >= 0)
        statement_bind_integer(change, FIELD_CHARGING, charging);
}

void sql_read_traits(const struct statement *row, struct device_traits *traits)
{
    traits->disabled = statement_integer(row, FIELD_DISABLED);
    traits->sims = (unsigned)statement_integer(row, FIELD_SIM_SLOTS);
    traits->daily_segments = read_limit(row, FIELD_DAILY_SEGMENTS);
    traits->window_segments = read_limit(row, FIELD_WINDOW_SEGMENTS);
    traits->configured = statement_integer(row, FIELD_CONFIGURED);
    sql_read_power(row, &traits->battery_level, &traits->charging);
    read_groups(row, &traits->groups);
}

static enum error find_traits(struct store_database *database, const char *device_id,
                              struct device_traits *traits, struct device_connection *connection)
{
    bool found;
    struct statement *select = get(database, connection ? FIND_CLAIMANT : FIND_TRAITS);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    *traits = (struct device_traits){0};
    if (connection)
        *connection = (struct device_connection){0};
    enum error error = statement_step(&database->handle, select, &found);
    if (error == ERROR_NONE && found)
        sql_read_traits(select, traits);
    if (error == ERROR_NONE && found && connection)
        read_connection(select, connection);
    statement_reset(select);
    return error;
}

static enum error number_change(struct store_database *database, const char *device_id)
{
    struct statement *update = get(database, NUMBER_CHANGE);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    return run(database, update);
}

static enum error add_device(struct store_database *database, const char *device_id, int64_t now_ms)
{
    struct statement *insert = get(database, ADD_DEVICE);
    statement_bind_text(insert, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(insert, FIELD_NOW_MS, now_ms);
    return run(database, insert);
}

void sql_read_configuration(const struct statement *row, struct device_configuration *configuration)
{
    statement_text(row, FIELD_GIVEN_NAME, configuration->name, sizeof(configuration->name));
    configuration->disabled = statement_integer(row, FIELD_DISABLED);
    configuration->daily_segments = read_limit(row, FIELD_DAILY_SEGMENTS);
    configuration->window_segments = read_limit(row, FIELD_WINDOW_SEGMENTS);
    read_groups(row, &configuration->groups);
}

static enum error find_configuration(struct store_database *database, const char *device_id,
                                     struct device_configuration *configuration, bool *found)
{
    struct statement *select = get(database, FIND_CONFIGURATION);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        sql_read_configuration(select, configuration);
    statement_reset(select);
    return error;
}

static enum error save_groups(struct store_database *database, const char *device_id,
                              const struct device_groups *groups)
{
    struct statement *delete = get(database, DELETE_GROUPS_OF);
    statement_bind_text(delete, FIELD_DEVICE_ID, device_id);
    enum error error = run(database, delete);
    for (size_t i = 0; i < groups->count && error == ERROR_NONE; i++) {
        struct statement *insert = get(database, INSERT_GROUP);
        statement_bind_text(insert, FIELD_DEVICE_ID, device_id);
        statement_bind_text(insert, FIELD_LABEL, groups->labels[i]);
        error = run(database, insert);
    }
    return error;
}

static enum error save_configuration(struct store_database *database, const char *device_id,
                                     const struct device_configuration *configuration)
{
    struct statement *update = get(database, SAVE_CONFIGURATION);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_text(update, FIELD_GIVEN_NAME, configuration->name);
    statement_bind_integer(update, FIELD_DISABLED, configuration->disabled);
    if (configuration->daily_segments.is_own)
        statement_bind_integer(update, FIELD_DAILY_SEGMENTS, configuration->daily_segments.most);
    if (configuration->window_segments.is_own)
        statement_bind_integer(update, FIELD_WINDOW_SEGMENTS, configuration->window_segments.most);
    statement_bind_integer(update, FIELD_COUNT, (int64_t)configuration->groups.count);
    enum error error = run(database, update);
    return error == ERROR_NONE ? save_groups(database, device_id, &configuration->groups) : error;
}

static enum error save_error(struct store_database *database, const char *device_id,
                             const struct device_error *last_error)
{
    struct statement *update = get(database, SAVE_DEVICE_ERROR);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_NOW_MS, last_error->at_ms);
    statement_bind_id(update, FIELD_ERROR_MESSAGE_ID, &last_error->message_id);
    statement_bind_text(update, FIELD_ERROR_CODE, last_error->code);
    statement_bind_text(update, FIELD_ERROR_MESSAGE, last_error->message);
    return run(database, update);
}

/* ---- Connections ---- */

static void bind_info(struct statement *change, const char *device_id,
                      const struct device_info *info, int64_t now_ms)
{
    statement_bind_text(change, FIELD_DEVICE_ID, device_id);
    statement_bind_text(change, FIELD_NAME, info->name);
    statement_bind_text(change, FIELD_ANDROID_VERSION, info->android_version);
    sql_bind_power(change, info->battery_level, info->charging);
    if (info->has_signal_strength)
        statement_bind_integer(change, FIELD_SIGNAL_STRENGTH, info->signal_strength);
    statement_bind_text(change, FIELD_APP_VERSION, info->app_version);
    statement_bind_integer(change, FIELD_SIM_SLOTS, info->sim_slots);
    statement_bind_text(change, FIELD_SIMS, info->sims);
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

/* ---- Polled devices ---- */

static enum error connect_polled(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker,
                                 int64_t now_ms)
{
    struct statement *update = get(database, CONNECT_POLLED);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_CONNECTION_EPOCH, connection_epoch);
    statement_bind_id(update, FIELD_BROKER, broker);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

static enum error describe_device(struct store_database *database, const char *device_id,
                                  unsigned set, const struct device_info *info, int64_t now_ms)
{
    struct statement *update = get(database, DESCRIBE_DEVICE);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    if (set & POLLED_NAME)
        statement_bind_text(update, FIELD_NAME, info->name);
    if (set & POLLED_SIMS) {
        statement_bind_text(update, FIELD_SIMS, info->sims);
        statement_bind_integer(update, FIELD_SIM_SLOTS, info->sim_slots);
    }
    if (set & POLLED_APP_VERSION)
        statement_bind_text(update, FIELD_APP_VERSION, info->app_version);
    if (set & POLLED_BATTERY)
        sql_bind_power(update, info->battery_level, info->charging);
    return run(database, update);
}

static enum error touch_device(struct store_database *database, const char *device_id,
                               int64_t before_ms, int64_t now_ms)
{
    struct statement *update = get(database, TOUCH_DEVICE);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

enum error sql_read_polled(const struct statement *row, struct polled_device *device)
{
    statement_text(row, FIELD_DEVICE_ID, device->device_id, sizeof(device->device_id));
    statement_text(row, FIELD_TOKEN_ID, device->token_id, sizeof(device->token_id));
    device->app_version = (unsigned)statement_integer(row, FIELD_APP_VERSION);
    device->fetched = (unsigned)statement_integer(row, FIELD_FETCHED);
    return statement_hash(row, FIELD_HOOK_HASH, device->hook_hash) ? ERROR_NONE : ERROR_INTERNAL;
}

static enum error find_polled(struct store_database *database, const char *device_id,
                              struct polled_device *device, bool *found)
{
    struct statement *select = get(database, FIND_POLLED);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        error = sql_read_polled(select, device);
    statement_reset(select);
    return error;
}

static enum error save_polled(struct store_database *database, const struct polled_device *device)
{
    struct statement *upsert = get(database, SAVE_POLLED);
    statement_bind_text(upsert, FIELD_DEVICE_ID, device->device_id);
    statement_bind_text(upsert, FIELD_TOKEN_ID, device->token_id);
    statement_bind_hash(upsert, FIELD_HOOK_HASH, device->hook_hash);
    statement_bind_integer(upsert, FIELD_APP_VERSION, device->app_version);
    statement_bind_integer(upsert, FIELD_FETCHED, device->fetched);
    return run(database, upsert);
}

static enum error remove_polled(struct store_database *database, const char *device_id)
{
    struct statement *delete = get(database, DELETE_POLLED);
    statement_bind_text(delete, FIELD_DEVICE_ID, device_id);
    return run(database, delete);
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

/* ---- Connections that another broker has superseded ---- */

static enum error add_superseded(struct store_database *database, const char *device_id,
                                 int64_t connection_epoch, const struct message_id *broker)
{
    struct statement *insert = get(database, ADD_SUPERSEDED);
    statement_bind_text(insert, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(insert, FIELD_CONNECTION_EPOCH, connection_epoch);
    statement_bind_id(insert, FIELD_BROKER, broker);
    return run(database, insert);
}

static enum error forget_superseded(struct store_database *database, const char *device_id,
                                    int64_t connection_epoch)
{
    struct statement *delete = get(database, DELETE_SUPERSEDED);
    statement_bind_text(delete, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(delete, FIELD_CONNECTION_EPOCH, connection_epoch);
    return run(database, delete);
}

static enum error forget_all_superseded(struct store_database *database,
                                        const struct message_id *broker)
{
    struct statement *delete = get(database, DELETE_SUPERSEDED_OF);
    statement_bind_id(delete, FIELD_BROKER, broker);
    return run(database, delete);
}

/* ---- Brokers ---- */

static enum error find_instance(struct store_database *database, struct statement *select,
                                struct message_id *instance, bool *found)
{
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found && !statement_id(select, FIELD_INSTANCE, instance))
        error = ERROR_INTERNAL;
    statement_reset(select);
    return error;
}

static enum error find_broker(struct store_database *database, const char *name,
                              struct message_id *instance, bool *found)
{
    struct statement *select = get(database, FIND_BROKER);
    statement_bind_text(select, FIELD_NAME, name);
    return find_instance(database, select, instance, found);
}

static enum error find_ended_broker(struct store_database *database, int64_t ended_before_ms,
                                    int64_t latest_ms, struct message_id *instance, bool *found)
{
    struct statement *select = get(database, FIND_ENDED_BROKER);
    statement_bind_integer(select, FIELD_BEFORE_MS, ended_before_ms);
    statement_bind_integer(select, FIELD_LATEST_MS, latest_ms);
    return find_instance(database, select, instance, found);
}

static enum error find_lost_broker(struct store_database *database, const struct message_id *but,
                                   struct message_id *instance, bool *found)
{
    struct statement *select = get(database, FIND_LOST_BROKER);
    statement_bind_id(select, FIELD_BROKER, but);
    return find_instance(database, select, instance, found);
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

static enum error find_lease(struct store_database *database, const char *name,
                             struct lease_row *lease, bool *found)
{
    struct statement *select = get(database, FIND_LEASE);
    statement_bind_text(select, FIELD_NAME, name);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found) {
        lease->until_ms = statement_integer(select, FIELD_UNTIL_MS);
        if (!statement_id(select, FIELD_HOLDER, &lease->holder))
            error = ERROR_INTERNAL;
    }
    statement_reset(select);
    return error;
}

static enum error save_lease(struct store_database *database, const char *name,
                             const struct lease_row *lease)
{
    struct statement *upsert = get(database, SAVE_LEASE);
    statement_bind_text(upsert, FIELD_NAME, name);
    statement_bind_id(upsert, FIELD_HOLDER, &lease->holder);
    statement_bind_integer(upsert, FIELD_UNTIL_MS, lease->until_ms);
    return run(database, upsert);
}

static enum error remove_leases_of(struct store_database *database, const struct message_id *holder)
{
    struct statement *delete = get(database, DELETE_LEASES_OF);
    statement_bind_id(delete, FIELD_HOLDER, holder);
    return run(database, delete);
}

static enum error set_wait(struct store_database *database, const char *device_id,
                           enum message_wait_reason reason, int64_t until_ms)
{
    struct statement *update = get(database, SET_WAIT);
    statement_bind_text(update, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(update, FIELD_REASON, reason);
    statement_bind_integer(update, FIELD_UNTIL_MS, until_ms);
    return run(database, update);
}

const struct device_rows sql_device_rows = {
    .find_traits = find_traits,
    .set_wait = set_wait,
    .add = add_device,
    .find_configuration = find_configuration,
    .save_configuration = save_configuration,
    .number_change = number_change,
    .save_error = save_error,
    .find_connection = find_connection,
    .set_battery_low = set_battery_low,
    .connect = connect_device,
    .connect_polled = connect_polled,
    .describe = describe_device,
    .touch = touch_device,
    .find_polled = find_polled,
    .save_polled = save_polled,
    .remove_polled = remove_polled,
    .update = update_device,
    .disconnect = disconnect_device,
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
