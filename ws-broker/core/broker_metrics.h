/* What the core counts for the metrics. `metrics` may be NULL. */
#ifndef WS_BROKER_CORE_BROKER_METRICS_H
#define WS_BROKER_CORE_BROKER_METRICS_H

#include "common/process/metrics.h"
#include "ws-broker/core/session.h"

/* A frame from a device; NULL: it was refused. */
void broker_metrics_count_received(struct metrics *metrics, const struct frame *frame);

/* What is written to a device; `type` of OUTPUT_FRAME. */
void broker_metrics_count_output(struct metrics *metrics, enum session_output output,
                                 enum sent_frame_type type);

/* A connection that the broker ends; ERROR_NONE: the device is silent. */
void broker_metrics_count_closed_by_broker(struct metrics *metrics, enum error error);

/* How many connections there are now; `streams` of them are of polled devices. */
void broker_metrics_set_sessions(struct metrics *metrics, unsigned count, unsigned streams);

#endif
