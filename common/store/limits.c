#include "common/store/limits.h"

struct store_limits store_limits_of(const struct settings *settings)
{
    return (struct store_limits){
        .recipient_daily_messages = settings->recipient_daily_messages,
        .daily_messages = settings->daily_messages,
        .pause_after_messages = settings->pause_after_messages,
        .max_queue_age_ms = settings->max_queue_age_minutes * 60 * 1000,
        .device_daily_segments = settings->device_daily_segments,
        .same_device_ms = settings->same_device_hours * 3600 * 1000,
    };
}
