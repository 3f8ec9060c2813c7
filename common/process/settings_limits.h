/* The settings that limit or shape sending, for people: those of the sections Limits and Devices. */
#ifndef COMMON_PROCESS_SETTINGS_LIMITS_H
#define COMMON_PROCESS_SETTINGS_LIMITS_H

#include "common/base/json_write.h"
#include "common/process/settings.h"

/* The member `settings`: an array, each with its name, value, default, unit and meaning. Any thread. */
void settings_limits_put(struct json_writer *json, const struct settings *settings);

#endif
