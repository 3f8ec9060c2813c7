#include "common/store/postgresql/timeline.h"

#include <stdlib.h>

struct timeline timeline_parse(const char *system, const char *hexadecimal_number)
{
    return (struct timeline){.system = strtoull(system, NULL, 10),
                             .number = (uint32_t)strtoul(hexadecimal_number, NULL, 16)};
}

bool timeline_is_older(struct timeline timeline, struct timeline than)
{
    return timeline.system == than.system && timeline.number < than.number;
}

void timeline_note(struct newest_timeline *newest, struct timeline timeline)
{
    if (atomic_load(&newest->system) != timeline.system) {
        atomic_store(&newest->number, 0);
        atomic_store(&newest->system, timeline.system);
    }
    uint_fast32_t known = atomic_load(&newest->number);
    while (known < timeline.number &&
           !atomic_compare_exchange_weak(&newest->number, &known, timeline.number))
        ;
}

bool timeline_is_past(const struct newest_timeline *newest, struct timeline timeline)
{
    return timeline_is_older(timeline,
                             (struct timeline){.system = atomic_load(&newest->system),
                                               .number = (uint32_t)atomic_load(&newest->number)});
}
