/* Which devices and groups there are, asked once for each name while one request is read. */
#ifndef API_FCGI_HANDLERS_KNOWN_TARGETS_H
#define API_FCGI_HANDLERS_KNOWN_TARGETS_H

#include "common/store/store.h"

/* Zeroed at first. */
struct known_targets {
    void *answers;
};

/* As store_device_is_known and store_group_is_known. */
MUST_CHECK enum error known_targets_ask_device(struct known_targets *targets,
                                               struct store_reader *reader, const char *device_id,
                                               bool *known);
MUST_CHECK enum error known_targets_ask_group(struct known_targets *targets,
                                              struct store_reader *reader, const char *group,
                                              bool *known);

void known_targets_fini(struct known_targets *targets);

#endif
