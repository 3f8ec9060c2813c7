#include "common/store/verbs/device_battery.h"

#include "common/store/verbs/events.h"

/* Once, and again only after it was well charged. */
enum error device_battery_note(struct store_transaction *transaction, const char *device_id,
                               const struct device_info *info, bool was_low)
{
    double low = (double)transaction->limits.low_battery_percent;
    bool is_known = info->battery_level >= 0;
    bool is_low = is_known && info->battery_level < low && info->charging != 1;
    bool is_charged = is_known && info->battery_level >= low + STORE_CHARGED_ABOVE_PERCENT;
    if (was_low ? !is_charged : !is_low)
        return ERROR_NONE;
    enum error error = transaction->rows->devices->set_battery_low(transaction->database, device_id,
                                                                   is_low);
    return error == ERROR_NONE && is_low
               ? event_put_number(
                     transaction,
                     (struct event_row){.type = EVENT_DEVICE_BATTERY_LOW, .device_id = device_id},
                     "battery_level", info->battery_level)
               : error;
}
