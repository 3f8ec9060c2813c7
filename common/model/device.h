/* A phone, as it describes itself. */
#ifndef COMMON_MODEL_DEVICE_H
#define COMMON_MODEL_DEVICE_H

#include "common/base/base.h"
#include "common/model/message.h"

enum {
    DEVICE_NAME_SIZE = 101,
    DEVICE_VERSION_SIZE = 33,
    DEVICE_EXTRA_MAX_BYTES = 4096,
};

/* What the phone says of itself. A phone may leave out anything; then it is not known. */
struct device_info {
    char name[DEVICE_NAME_SIZE];               /* "": not known */
    char android_version[DEVICE_VERSION_SIZE]; /* "": not known */
    double battery_level;                      /* percent; negative: not known */
    int charging;                              /* 0, 1; negative: not known */
    bool has_signal_strength;
    int signal_strength; /* negative: dBm; 0 to 4: bars; 5 to 100: percent */
    char *extra;         /* owned; JSON object of the members we do not know, NULL: none */
};

struct device {
    char device_id[DEVICE_ID_SIZE];
    struct device_info info;
    unsigned queue;          /* messages in its hands without an end yet */
    int64_t connected_at_ms; /* wall */
    int64_t last_seen_at_ms; /* wall; the last frame that carried something */
};

/* Nothing is known. */
#define DEVICE_INFO_UNKNOWN                                                                        \
    (struct device_info)                                                                           \
    {                                                                                              \
        .battery_level = -1, .charging = -1                                                        \
    }

void device_info_fini(struct device_info *info);

/* 1 to 64 of A-Z a-z 0-9 _ -: safe in a path, a log line and a file name. Any thread. */
MUST_CHECK bool device_id_valid(const char *device_id);

/* 0 (none, or not known) to 4 (excellent), Android's levels for dBm of LTE. */
int device_signal_level(const struct device_info *info);

#endif
