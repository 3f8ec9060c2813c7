/* Settings that are good one by one, and together or in their form are not. What only this machine can tell
   is machine_check.h's. */
#ifndef COMMON_PROCESS_SETTINGS_CHECK_H
#define COMMON_PROCESS_SETTINGS_CHECK_H

#include "common/process/settings.h"

/* Pure. On false `errmsg` says in one sentence what to change. settings_load_option calls it. */
MUST_CHECK bool settings_check(const struct settings *settings, char errmsg[SETTINGS_ERRMSG_SIZE]);

/* Limits that are good one by one and do not fit together, so that something the one allows can never be done:
   `say` gets a sentence for each. Pure; the gateway starts all the same. */
void settings_check_limits(const struct settings *settings,
                           void (*say)(void *context, const char *sentence), void *context);

#endif
