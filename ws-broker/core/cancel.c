#include "ws-broker/core/cancel.h"

#include "common/model/protocol.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/core/throttle.h"

void cancel_send(struct broker *broker, struct session *session, const struct message_ref *ref)
{
    struct in_flight_message *message = session_find_in_flight(session, ref);
    if (!message || message->cancel_sent)
        return;
    message->cancel_sent = true;
    message_log_event("cancel request sent to device", ref, session->device_id);
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    session->protocol->write_cancel(&frame, ref);
    control_send(broker, session, session->protocol->cancel, &frame);
}

void cancel_requested(struct broker *broker, const struct store_cancel_request *request,
                      int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, request->device_id);
    if (!session || session->state != SESSION_READY || !session->protocol->write_cancel)
        return;
    cancel_send(broker, session, &request->ref);
    throttle_update(broker, session, now_ms);
}
