#include "common/store/verbs/device_readings.h"

/* Whether that added something. */
static bool complete(struct store_reading *reading, const struct device_info *info)
{
    bool adds_battery = reading->battery_level < 0 && info->battery_level >= 0;
    bool adds_charging = reading->charging < 0 && info->charging >= 0;
    bool adds_signal = !reading->has_signal_strength && info->has_signal_strength;
    if (adds_battery)
        reading->battery_level = info->battery_level;
    if (adds_charging)
        reading->charging = info->charging;
    if (adds_signal) {
        reading->has_signal_strength = true;
        reading->signal_strength = info->signal_strength;
    }
    return adds_battery || adds_charging || adds_signal;
}

enum error device_reading_note(struct store_transaction *transaction, const char *device_id,
                               const struct device_info *info)
{
    const struct reading_rows *readings = transaction->rows->readings;
    struct store_reading reading;
    bool found;
    if (info->battery_level < 0 && !info->has_signal_strength)
        return ERROR_NONE;
    enum error error = readings->find(transaction->database, device_id, transaction->now_ms,
                                      &reading, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        reading = (struct store_reading){
            .at_ms = transaction->now_ms, .battery_level = -1, .charging = -1};
    return complete(&reading, info) ? readings->save(transaction->database, device_id, &reading)
                                    : ERROR_NONE;
}
