#include "ws-broker/core/broker_metrics.h"

void broker_metrics_count_received(struct metrics *metrics, const struct frame *frame)
{
    static const enum metrics_frame series[FRAME_TYPE_COUNT] = {
#define FRAME_IN(name, type, level, phase, reader, handler) [FRAME_IS_##name] = METRICS_IN_##name,
#include "common/model/frames.def"
    };
    METRICS_ADD(metrics, ws_frames_total, frame ? series[frame->type] : METRICS_IN_OTHER, 1);
}

void broker_metrics_count_output(struct metrics *metrics, enum session_output output,
                                 enum sent_frame_type type)
{
    static const enum metrics_frame series[FRAME_SENT_COUNT] = {
#define FRAME_OUT(name, type, level) [FRAME_SENT_##name] = METRICS_OUT_##name,
#include "common/model/frames.def"
    };
    switch (output) {
    case OUTPUT_NOTHING:
        break;
    case OUTPUT_FRAME:
        METRICS_ADD(metrics, ws_frames_total, series[type], 1);
        break;
    case OUTPUT_PING:
        METRICS_ADD(metrics, ws_frames_total, METRICS_OUT_PING, 1);
        break;
    case OUTPUT_CLOSE:
        METRICS_ADD(metrics, ws_frames_total, METRICS_OUT_CLOSE, 1);
        break;
    }
}

void broker_metrics_count_closed_by_broker(struct metrics *metrics, enum error error)
{
    METRICS_ADD(metrics, ws_closes_total, error, 1);
}

void broker_metrics_set_sessions(struct metrics *metrics, unsigned count, unsigned streams)
{
    METRICS_SET(metrics, ws_connections, count - streams);
    METRICS_SET(metrics, polled_streams, streams);
}
