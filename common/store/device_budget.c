#include "common/store/device_budget.h"

#include "common/store/limits.h"

bool device_budget_read(const struct store_device *device, const struct settings *settings,
                        struct device_budget *budget)
{
    const struct store_limits limits = store_limits_of(settings);
    struct send_budget now = device->send_budget;
    store_limit_budget(&now, &device->device.configuration.window_segments,
                       limits.device_window_segments, limits.device_window_ms, device->read_at_ms);
    *budget = (struct device_budget){.limit = now.burst, .window_ms = now.window_ms};
    budget->remaining = send_budget_left(&now, device->read_at_ms, &budget->refills_at_ms);
    return now.window_ms > 0 && now.burst != STORE_NO_BURST;
}
