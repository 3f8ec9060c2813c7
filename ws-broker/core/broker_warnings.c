/* What in a phone's frames did not count, and is said to it. */
#include "ws-broker/core/broker_core.h"

#include "common/base/log.h"
#include "common/model/protocol.h"

enum { MOST_WARNINGS = 8 }; /* to a phone, on one connection */

void broker_warn(struct broker *broker, struct session *session,
                 const struct frame_problem *warning, int64_t now_ms)
{
    if (session->state == SESSION_CLOSING || session->warnings == MOST_WARNINGS)
        return;
    if (session->warnings++ == 0)
        log_info("a phone's frame has members that do not count",
                 LOG_TEXT("device_id", session->device_id),
                 LOG_TEXT("member", warning->member ? warning->member : "-"));
    if (session->state == SESSION_READY) {
        broker_send_error(broker, session, warning, now_ms);
    } else if (!session->warning) {
        struct buffer frame;
        buffer_init(&frame, FRAME_MAX_BYTES);
        frame_write_error(&frame, warning);
        session->warning = broker_must(buffer_take(&frame));
    }
}
