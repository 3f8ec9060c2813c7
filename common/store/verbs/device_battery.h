/* The battery of a device: an event tells once that it is low. */
#ifndef COMMON_STORE_VERBS_DEVICE_BATTERY_H
#define COMMON_STORE_VERBS_DEVICE_BATTERY_H

#include "common/store/verbs/transaction.h"

/* After the device said how its battery is; `was_low`: that was told before. */
MUST_CHECK enum error device_battery_note(struct store_transaction *transaction,
                                          const char *device_id, const struct device_info *info,
                                          bool was_low);

#endif
