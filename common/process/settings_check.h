/* Checks the form of settings, and settings against each other. Checks of this machine are in machine_check.h. */
#ifndef COMMON_PROCESS_SETTINGS_CHECK_H
#define COMMON_PROCESS_SETTINGS_CHECK_H

#include "common/process/settings.h"

/* Pure. settings_load_option calls it. */
MUST_CHECK bool settings_check(const struct settings *settings, char errmsg[ERRMSG_SIZE]);

/* Finds limits that contradict each other, so that something that one allows can never happen. Calls `say` with a
   sentence for each pair. Pure; the gateway starts nevertheless. */
void settings_check_limits(const struct settings *settings,
                           void (*say)(void *context, const char *sentence), void *context);

#endif
