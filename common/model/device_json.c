#include "common/model/device_json.h"

/* In struct device "" means "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void device_json_put(struct json_writer *json, const struct device *device)
{
    const struct device_info *info = &device->info;
    json_begin_object(json, NULL);
    json_put_text(json, "device_id", device->device_id);
    json_put_text(json, "device_name", or_null(info->name));
    if (info->battery_level >= 0)
        json_put_number(json, "battery_level", info->battery_level);
    else
        json_put_null(json, "battery_level");
    if (info->charging >= 0)
        json_put_bool(json, "charging", info->charging);
    else
        json_put_null(json, "charging");
    if (info->has_signal_strength)
        json_put_integer(json, "signal_strength", info->signal_strength);
    else
        json_put_null(json, "signal_strength");
    json_put_text(json, "android_version", or_null(info->android_version));
    json_put_integer(json, "queue", device->queue);
    json_put_time(json, "connected_at", device->connected_at_ms);
    json_put_time(json, "last_seen_at", device->last_seen_at_ms);
    json_put_raw(json, "extra", info->extra ? info->extra : "{}");
    json_end_object(json);
}
