/* A device, as it describes itself. */
#ifndef COMMON_MODEL_DEVICE_H
#define COMMON_MODEL_DEVICE_H

#include "common/base/base.h"
#include "common/model/message.h"

enum {
    DEVICE_NAME_SIZE = 101,
    DEVICE_VERSION_SIZE = 33,
    DEVICE_EXTRA_MAX_BYTES = 4096,
};

/* The device information. A device may leave out any member; then the value is unknown. */
struct device_info {
    char name[DEVICE_NAME_SIZE];               /* "": unknown */
    char android_version[DEVICE_VERSION_SIZE]; /* "": unknown */
    double battery_level;                      /* percent; negative: unknown */
    int charging;                              /* 0, 1; negative: unknown */
    bool has_signal_strength;
    int signal_strength; /* negative: dBm; 0 to 4: bars; 5 to 100: percent */
    char *extra; /* owned; JSON object of members that the gateway does not know; NULL: none */
};

struct device {
    char device_id[DEVICE_ID_SIZE];
    struct device_info info;
    unsigned queue;          /* messages in flight */
    int64_t connected_at_ms; /* wall */
    int64_t last_seen_at_ms; /* wall; of the last frame that was not a ping or pong */
};

enum { DEVICE_MAX_GROUPS = 16 };

/* What decides which messages a device may be given. */
struct device_traits {
    bool disabled; /* an operator drains it: it is given none */
    unsigned sims; /* bit N: it has a SIM in slot N */
    size_t group_count;
    char groups[DEVICE_MAX_GROUPS][DEVICE_GROUP_SIZE];
};

/* All values unknown. */
#define DEVICE_INFO_UNKNOWN                                                                        \
    (struct device_info)                                                                           \
    {                                                                                              \
        .battery_level = -1, .charging = -1                                                        \
    }

void device_info_fini(struct device_info *info);

/* 1 to 64 of A-Z a-z 0-9 _ -: safe in a path, a log line and a file name. Any thread. */
MUST_CHECK bool device_id_valid(const char *device_id);

/* 0 (none or unknown) to 4 (excellent): Android's levels for dBm of LTE. */
int device_signal_level(const struct device_info *info);

#endif
