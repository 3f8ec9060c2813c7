/* settings.def as a table, for the settings*.c of this folder alone. */
#ifndef COMMON_PROCESS_SETTINGS_TABLE_H
#define COMMON_PROCESS_SETTINGS_TABLE_H

#include "common/process/settings.h"

enum setting_type { SETTING_TEXT, SETTING_PATH, SETTING_PREFIXES, SETTING_NUMBER };

struct setting {
    enum setting_type type;
    size_t offset; /* in struct settings */
    const char *name;
    const char *unit;
    const char *default_text;
    int64_t default_number;
    int64_t smallest;
    int64_t largest;
    const char *allowed;
    const char *used_by;
    const char *meaning;
};

extern const struct setting settings_table[SETTINGS_COUNT];

static inline char *setting_text(const struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static inline int64_t *setting_number(const struct settings *settings,
                                      const struct setting *setting)
{
    return (int64_t *)((char *)settings + setting->offset);
}

#endif
