#include "common/store/limits.h"

#include <string.h>

int64_t store_window_ms(int64_t burst, int64_t segments_per_minute)
{
    enum { MINUTE_MS = 60000 };
    return segments_per_minute > 0 ? MAX(burst * MINUTE_MS / segments_per_minute, 1) : 0;
}

struct store_limits store_limits_of(const struct settings *settings)
{
    return (struct store_limits){
        .recipient_daily_messages = settings->recipient_daily_messages,
        .daily_messages = settings->daily_messages,
        .pause_after_messages = settings->pause_after_messages,
        .max_queue_age_ms = settings->max_queue_age_minutes * 60 * 1000,
        .device_daily_segments = settings->device_daily_segments,
        .device_window_ms = store_window_ms(settings->device_segments_burst,
                                            settings->device_segments_per_minute),
        .device_window_segments = settings->device_segments_burst,
        .low_battery_percent = settings->low_battery_percent,
        .keeps_opt_outs = strcmp(settings->opt_out, "on") == 0,
        .opt_out_keywords = settings->opt_out_keywords,
        .opt_in_keywords = settings->opt_in_keywords,
        .same_device_ms = settings->same_device_hours * 3600 * 1000,
    };
}

void store_limit_budget(struct send_budget *budget, const struct device_limit *own, int64_t burst,
                        int64_t window_ms, int64_t now_ms)
{
    int64_t most = own->is_own ? own->most : window_ms > 0 ? burst : 0;
    if (window_ms == 0 && most > 0)
        window_ms = STORE_OWN_WINDOW_MS;
    send_budget_limit(budget, most > 0 ? most : STORE_NO_BURST, window_ms, now_ms);
}
