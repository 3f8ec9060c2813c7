#include "common/model/view.h"

/* "" is how our structures say "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void view_message(struct json_writer *json, const struct message *message, bool with_text)
{
    json_begin_object(json, NULL);
    view_message_members(json, message, with_text);
    json_end_object(json);
}

void view_message_members(struct json_writer *json, const struct message *message, bool with_text)
{
    char id[MESSAGE_ID_TEXT_SIZE], request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    request_id_format(&message->request_id, request_id);
    json_put_text(json, "message_id", id);
    json_put_text(json, "phone_number", message->phone_number);
    json_put_text(json, "message", with_text ? or_null(message->text) : NULL);
    json_put_text(json, "status", message_status_name(message->status));
    json_put_text(json, "device_id", or_null(message->device_id));
    json_put_integer(json, "segments", message->segments);
    json_put_text(json, "encoding", sms_encoding_name(message->encoding));
    json_put_integer(json, "attempts", message->attempt);
    json_put_text(json, "error_code", or_null(message->error_code));
    json_put_text(json, "error_message", or_null(message->error_message));
    json_put_text(json, "request_id", or_null(request_id));
    json_put_time(json, "created_at", message_id_time_ms(&message->id));
    json_put_time(json, "updated_at", message->updated_at_ms);
    json_begin_object(json, "times");
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        if (message->reached_at_ms[status])
            json_put_time(json, message_status_name((enum message_status)status),
                          message->reached_at_ms[status]);
    }
    json_end_object(json);
}

void view_device(struct json_writer *json, const struct device *device)
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
