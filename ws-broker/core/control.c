#include "ws-broker/core/control.h"

#include "common/model/protocol.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/throttle.h"
#include "ws-broker/protocol/frame_write.h"

void control_send(struct broker *broker, struct session *session, enum sent_frame_type type,
                  struct buffer *frame)
{
    if (!session_queue_control(session, type, buffer_take(frame)))
        allocation_check(NULL);
    action_queue_push_for(&broker->actions, BROKER_WRITE, session);
}

void control_send_order(struct broker *broker, struct session *session, enum sent_frame_type type,
                        const struct message_ref *ref)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_order(&frame, type, ref);
    control_send(broker, session, type, &frame);
}

void control_send_error(struct broker *broker, struct session *session,
                        const struct frame_problem *problem, int64_t now_ms)
{
    struct buffer frame;
    if (session->state == SESSION_CLOSING)
        return;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_error(&frame, problem);
    control_send(broker, session, FRAME_SENT_ERROR, &frame);
    throttle_update(broker, session, now_ms);
}
