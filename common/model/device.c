#include "common/model/device.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void device_info_fini(struct device_info *info)
{
    free(info->sims);
    free(info->extra);
    info->sims = info->extra = NULL;
}

bool device_info_copy(const struct device_info *info, struct device_info *copy)
{
    *copy = *info;
    copy->sims = info->sims ? strdup(info->sims) : NULL;
    copy->extra = info->extra ? strdup(info->extra) : NULL;
    bool good = (!info->sims || copy->sims) && (!info->extra || copy->extra);
    if (!good)
        device_info_fini(copy);
    return good;
}

double device_battery_percent(double told)
{
    if (told == 1)
        return -1;
    return told > 0 && told < 1 ? round(told * 10000) / 100 : told;
}

int64_t device_limit_in_force(const struct device_limit *limit, int64_t setting)
{
    return limit->is_own ? limit->most : setting;
}

bool device_id_valid(const char *device_id)
{
    size_t length = strlen(device_id);
    if (length == 0 || length >= DEVICE_ID_SIZE)
        return false;
    for (const char *p = device_id; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
            return false;
    }
    return true;
}

int device_signal_level(const struct device_info *info)
{
    /* Android's CellSignalStrengthLte: RSRP thresholds for levels 1 to 4. */
    static const int dbm_thresholds[] = {-128, -118, -108, -98};
    static const int percent_thresholds[] = {20, 40, 60, 80};
    int value = info->signal_strength;
    int level = 0;

    if (!info->has_signal_strength)
        return 0;
    if (value >= 0 && value <= 4)
        return value;
    const int *thresholds = value < 0 ? dbm_thresholds : percent_thresholds;
    while (level < 4 && value >= thresholds[level])
        level++;
    return level;
}
