/* What the broker core is told at its start. */
#ifndef WS_BROKER_CORE_BROKER_OPTIONS_H
#define WS_BROKER_CORE_BROKER_OPTIONS_H

#include "common/process/metrics.h"
#include "common/store/store.h"

struct broker_options {
    char name[BROKER_NAME_SIZE];
    struct message_id instance; /* of this run */
    int64_t newest_event; /* at its start: what happened to messages is followed from there on */
    unsigned max_sessions;
    unsigned window;             /* the most messages a device may have in flight */
    int64_t segments_per_minute; /* by device; 0: no limit */
    int64_t segments_burst;      /* with a limit: at least 1 */
    double min_battery_percent;
    int64_t max_frames_per_second;
    int64_t device_info_timeout_ms;
    int64_t liveness_timeout_ms;
    int64_t ack_timeout_ms;
    int64_t report_timeout_ms;
    int64_t report_horizon_ms;
    int64_t stuck_after_ms;
    /* How long is kept, 0 for ever: the text of a finished message, or of an incoming SMS; the message; the incoming SMS; an event
       that is not of a message. */
    int64_t text_retention_ms, message_retention_ms, inbox_retention_ms, event_retention_ms;
    int64_t
        delivery_retention_ms; /* to a webhook, since the last try; 0: until its webhook is gone */
    int64_t sweep_interval_ms;
    int64_t lease_ms;
    int64_t drain_timeout_ms;
    uint64_t seed;                     /* of the random part of waiting times */
    struct message_id (*new_id)(void); /* for an incoming SMS; as message_id_new */
    struct metrics *metrics;           /* counts frames and connections; NULL: nothing is counted */
};

/* The window of the send budget: a device is sent at most segments_burst in it. 0: no limit. */
int64_t broker_options_send_window_ms(const struct broker_options *options);

#endif
