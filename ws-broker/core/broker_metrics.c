#include "ws-broker/core/broker_metrics.h"

#include "common/model/protocol.h"

#include <string.h>

/* As the JSON writer begins a frame of ours. */
#define FRAME_BEGIN "{\"type\":\""

static enum metrics_frame received_as(enum frame_type type)
{
    switch (type) {
    case FRAME_IS_DEVICE_INFO:
        return METRICS_IN_DEVICE_INFO;
    case FRAME_IS_DEVICE_UPDATE:
        return METRICS_IN_DEVICE_UPDATE;
    case FRAME_IS_STATUS_UPDATE:
        return METRICS_IN_STATUS_UPDATE;
    case FRAME_IS_HELLO:
        return METRICS_IN_HELLO;
    case FRAME_IS_JOURNAL:
        return METRICS_IN_JOURNAL;
    case FRAME_IS_ACK:
        return METRICS_IN_ACK;
    case FRAME_IS_NACK:
        return METRICS_IN_NACK;
    case FRAME_IS_REPORT:
        return METRICS_IN_REPORT;
    case FRAME_IS_CREDIT:
        return METRICS_IN_CREDIT;
    }
    return METRICS_IN_OTHER;
}

static enum metrics_frame written_as(const char *text)
{
    static const struct {
        const char *begin;
        enum metrics_frame frame;
    } kinds[] = {
        {FRAME_BEGIN FRAME_OFFER "\"", METRICS_OUT_OFFER},
        {FRAME_BEGIN FRAME_RELEASE "\"", METRICS_OUT_RELEASE},
        {FRAME_BEGIN FRAME_REPORT_ACK "\"", METRICS_OUT_REPORT_ACK},
        {FRAME_BEGIN FRAME_NEW_SMS "\"", METRICS_OUT_NEW_SMS},
        {FRAME_BEGIN FRAME_CONNECTION_ACK "\"", METRICS_OUT_CONNECTION_ACK},
        {FRAME_BEGIN FRAME_WELCOME "\"", METRICS_OUT_WELCOME},
        {FRAME_BEGIN FRAME_DROP "\"", METRICS_OUT_DROP},
        {FRAME_BEGIN FRAME_REVOKE "\"", METRICS_OUT_REVOKE},
        {FRAME_BEGIN FRAME_ERROR "\"", METRICS_OUT_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (strncmp(text, kinds[i].begin, strlen(kinds[i].begin)) == 0)
            return kinds[i].frame;
    }
    return METRICS_OUT_OTHER;
}

void broker_metrics_count_received(struct metrics *metrics, const struct frame *frame)
{
    METRICS_ADD(metrics, ws_frames_total, frame ? received_as(frame->type) : METRICS_IN_OTHER, 1);
}

void broker_metrics_count_output(struct metrics *metrics, enum session_output output,
                                 const char *text)
{
    switch (output) {
    case OUTPUT_NOTHING:
        break;
    case OUTPUT_FRAME:
        METRICS_ADD(metrics, ws_frames_total, written_as(text), 1);
        break;
    case OUTPUT_PING:
        METRICS_ADD(metrics, ws_frames_total, METRICS_OUT_PING, 1);
        break;
    case OUTPUT_CLOSE:
        METRICS_ADD(metrics, ws_frames_total, METRICS_OUT_CLOSE, 1);
        break;
    }
}

void broker_metrics_count_close(struct metrics *metrics, enum error error)
{
    METRICS_ADD(metrics, ws_closes_total, error, 1);
}

void broker_metrics_set_sessions(struct metrics *metrics, unsigned count)
{
    METRICS_SET(metrics, ws_connections, count);
}
