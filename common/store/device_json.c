#include "common/store/device_json.h"

#include "common/store/device_budget.h"

/* In struct device "" means "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void device_json_put_power(struct json_writer *json, const struct store_reading *reading)
{
    if (reading->battery_level >= 0)
        json_put_number(json, "battery_level", reading->battery_level);
    else
        json_put_null(json, "battery_level");
    if (reading->charging >= 0)
        json_put_bool(json, "charging", reading->charging);
    else
        json_put_null(json, "charging");
    if (reading->has_signal_strength)
        json_put_integer(json, "signal_strength", reading->signal_strength);
    else
        json_put_null(json, "signal_strength");
}

static void put_info(struct json_writer *json, const struct device_info *info)
{
    device_json_put_power(json, &(struct store_reading){
                                    .battery_level = info->battery_level,
                                    .charging = info->charging,
                                    .has_signal_strength = info->has_signal_strength,
                                    .signal_strength = info->signal_strength,
                                });
    json_put_text(json, "android_version", or_null(info->android_version));
    json_put_text(json, "app_version", or_null(info->app_version));
    json_put_raw(json, "sims", info->sims ? info->sims : "null");
}

static void put_limit(struct json_writer *json, const char *name, const struct device_limit *limit)
{
    if (limit->is_own)
        json_put_integer(json, name, limit->most);
    else
        json_put_null(json, name);
}

static void put_configuration(struct json_writer *json,
                              const struct device_configuration *configuration)
{
    json_put_text(json, "name", or_null(configuration->name));
    json_begin_array(json, "groups");
    for (size_t i = 0; i < configuration->groups.count; i++)
        json_put_text(json, NULL, configuration->groups.labels[i]);
    json_end_array(json);
    json_put_bool(json, "enabled", !configuration->disabled);
    put_limit(json, "daily_segments", &configuration->daily_segments);
    put_limit(json, "segments_per_window", &configuration->window_segments);
}

/* What of the limit of the day is used; null where none holds. */
static void put_day(struct json_writer *json, const struct store_device *device,
                    const struct settings *settings)
{
    int64_t limit = device_limit_in_force(&device->device.configuration.daily_segments,
                                          settings->device_daily_segments);
    if (limit > 0) {
        json_begin_object(json, "today");
        json_put_integer(json, "segments", device->segments_today);
        json_put_integer(json, "limit", limit);
        json_end_object(json);
    } else {
        json_put_null(json, "today");
    }
}

/* What is left of the send budget; null where no limit holds. */
static void put_budget(struct json_writer *json, const struct store_device *device,
                       const struct settings *settings)
{
    struct device_budget budget;
    if (!device_budget_read(device, settings, &budget)) {
        json_put_null(json, "budget");
        return;
    }
    json_begin_object(json, "budget");
    json_put_integer(json, "remaining", budget.remaining);
    json_put_integer(json, "limit", budget.limit);
    json_put_number(json, "window_seconds", (double)budget.window_ms / 1000);
    json_put_time(json, "refills_at", budget.refills_at_ms);
    json_end_object(json);
}

static void put_error(struct json_writer *json, const struct device_error *last_error)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    if (last_error->at_ms == 0) {
        json_put_null(json, "last_error");
        return;
    }
    message_id_format(&last_error->message_id, id);
    json_begin_object(json, "last_error");
    json_put_text(json, "code", or_null(last_error->code));
    json_put_text(json, "message", or_null(last_error->message));
    json_put_text(json, "message_id", id);
    json_put_time(json, "at", last_error->at_ms);
    json_end_object(json);
}

static void put_token(struct json_writer *json, const struct device_token *token)
{
    json_put_text(json, "state", *token->id ? device_token_state_name(token->revocation) : NULL);
    json_put_text(json, "token_id", or_null(token->id));
    json_put_time(json, "paired_at", token->created_at_ms);
    json_put_time(json, "ended_at", token->revoked_at_ms);
}

void device_json_put(struct json_writer *json, const struct store_device *entry,
                     const struct settings *settings)
{
    const struct device *device = &entry->device;
    const struct device_configuration *configuration = &device->configuration;
    json_begin_object(json, NULL);
    json_put_text(json, "device_id", device->device_id);
    json_put_text(json, "device_name",
                  *configuration->name ? configuration->name : or_null(device->info.name));
    put_token(json, &entry->token);
    put_configuration(json, configuration);
    json_put_bool(json, "connected", device->connected);
    json_put_time(json, "connected_at", device->connected_at_ms);
    json_put_time(json, "disconnected_at", device->disconnected_at_ms);
    json_put_time(json, "last_seen_at", device->last_seen_at_ms);
    put_info(json, &device->info);
    json_put_integer(json, "queue", device->queue);
    put_day(json, entry, settings);
    put_budget(json, entry, settings);
    put_error(json, &device->last_error);
    json_put_raw(json, "extra", device->info.extra ? device->info.extra : "{}");
    json_end_object(json);
}
