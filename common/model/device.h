/* A device, as it describes itself. */
#ifndef COMMON_MODEL_DEVICE_H
#define COMMON_MODEL_DEVICE_H

#include "common/base/base.h"
#include "common/model/device_groups.h"

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
    int signal_strength;                   /* negative: dBm; 0 to 4: bars; 5 to 100: percent */
    char app_version[DEVICE_VERSION_SIZE]; /* "": unknown */
    unsigned sim_slots; /* bit N: there is a SIM in slot N, from 1 to MESSAGE_MAX_SIM */
    char *sims;  /* owned; JSON array of objects with `slot`, `carrier`, `number`; NULL: unknown */
    char *extra; /* owned; JSON object of members that the gateway does not know; NULL: none */
};

enum { DEVICE_MOST_SEGMENTS = 1000000000 }; /* of a limit */

/* A limit of one device. All zero: the setting holds. */
struct device_limit {
    bool is_own;
    int64_t most; /* if it is; 0: no limit */
};

/* What an operator has decided about a device. All zero: nothing. */
struct device_configuration {
    char name[DEVICE_NAME_SIZE]; /* for people; "": the one that the device gives */
    struct device_groups groups;
    bool disabled; /* it is given no new messages */
    struct device_limit daily_segments;
    struct device_limit window_segments; /* in a window of the send budget */
};

/* What decides which messages a device may be given. */
struct device_traits {
    bool disabled;
    unsigned sims; /* bit N: it has a SIM in slot N */
    struct device_groups groups;
    struct device_limit daily_segments, window_segments;
    /* The number of the last decision about it, or of what a polled device said last, over all devices; 0: none. */
    int64_t configured;
    /* As in struct device_info. Of a polled device, which says so by its requests. */
    double battery_level;
    int charging;
};

/* The last message that a device refused or reported as failed. */
struct device_error {
    int64_t at_ms; /* wall; 0: none */
    struct message_id message_id;
    char code[MESSAGE_ERROR_CODE_SIZE];
    char message[MESSAGE_ERROR_TEXT_SIZE];
};

struct device {
    char device_id[DEVICE_ID_SIZE];
    struct device_info info;
    struct device_configuration configuration;
    struct device_error last_error;
    unsigned queue; /* messages in flight */
    bool connected;
    int64_t connected_at_ms;    /* wall, the last time; 0: never */
    int64_t disconnected_at_ms; /* wall; 0: it is connected, or never was */
    int64_t last_seen_at_ms;    /* wall; of the last frame that was not a ping or pong; 0: never */
};

/* All values unknown. */
#define DEVICE_INFO_UNKNOWN                                                                        \
    (struct device_info)                                                                           \
    {                                                                                              \
        .battery_level = -1, .charging = -1                                                        \
    }

void device_info_fini(struct device_info *info);
/* With texts of its own. False, and nothing to free, without memory. */
MUST_CHECK bool device_info_copy(const struct device_info *info, struct device_info *copy);

/* The limit that holds, where the setting says `setting`; 0: none. */
int64_t device_limit_in_force(const struct device_limit *limit, int64_t setting);

/* 1 to 64 of A-Z a-z 0-9 _ -: safe in a path, a log line and a file name. Any thread. */
MUST_CHECK bool device_id_valid(const char *device_id);

/* The percentage that a battery level between 0 and 100, as told, means; -1: unknown. Many libraries give a fraction of 1. A
   value between 0 and 1 is certainly one: no phone measures fractions of a percent. 1 itself means full or nearly empty; as
   unknown it does no harm. */
double device_battery_percent(double told);

/* 0 (none or unknown) to 4 (excellent): Android's levels for dBm of LTE. */
int device_signal_level(const struct device_info *info);

#endif
