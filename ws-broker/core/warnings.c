#include "ws-broker/core/warnings.h"

#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/protocol/frame_write.h"

enum { MAX_WARNINGS = 8 }; /* on one connection */

void warnings_send(struct broker *broker, struct session *session,
                   const struct frame_problem *warning, int64_t now_ms)
{
    if (session->state == SESSION_CLOSING || session->warnings == MAX_WARNINGS)
        return;
    if (session->warnings++ == 0)
        log_info("frame has ignored members", LOG_TEXT("device_id", session->device_id),
                 LOG_TEXT("member", warning->member ? warning->member : "-"));
    if (session->state == SESSION_READY) {
        control_send_error(broker, session, warning, now_ms);
    } else if (!session->warning) {
        struct buffer frame;
        buffer_init(&frame, FRAME_MAX_BYTES);
        frame_write_error(&frame, warning);
        session->warning = allocation_check(buffer_take(&frame));
    }
}

void warnings_send_kept(struct session *session)
{
    if (session->warning && !session_queue_control(session, FRAME_SENT_ERROR, session->warning))
        allocation_check(NULL);
    session->warning = NULL;
}
