/* What is left of a device's send budget, as the API and the CLI show it. Any thread. */
#ifndef COMMON_STORE_DEVICE_BUDGET_H
#define COMMON_STORE_DEVICE_BUDGET_H

#include "common/process/settings.h"
#include "common/store/devices.h"

struct device_budget {
    int64_t remaining, limit; /* segments */
    int64_t window_ms;
    int64_t refills_at_ms; /* wall, when `remaining` grows; 0: nothing is used */
};

/* When the device was read, by the limits that hold for it. False where none does. */
bool device_budget_read(const struct store_device *device, const struct settings *settings,
                        struct device_budget *budget);

#endif
