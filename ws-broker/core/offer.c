#include "ws-broker/core/offer.h"

#include "common/base/fail_point.h"
#include "common/model/send_result.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/core/return_to_queue.h"
#include "ws-broker/core/superseded.h"
#include "ws-broker/core/throttle.h"

void offer_send_release(struct broker *broker, struct session *session,
                        const struct message_ref *ref)
{
    control_send_order(broker, session, FRAME_SENT_RELEASE, ref);
}

void offer_send_drop(struct broker *broker, struct session *session, const struct message_ref *ref)
{
    message_log_event("offer dropped", ref, session->device_id);
    control_send_order(broker, session, FRAME_SENT_DROP, ref);
}

static void complete_offer(struct broker *broker, struct session *session,
                           const struct store_write *write, int64_t now_ms)
{
    const struct message_ref *ref = &write->release.ref;
    struct in_flight_message *message = session_find_in_flight(session, ref);
    if (write->release.verdict != STORE_VERDICT_RELEASE) {
        if (message)
            session_refund_offer(session, message);
        session_forget(session, ref);
        offer_send_drop(broker, session, ref);
        return;
    }
    if (message) {
        message->offered = false;
        message->due_at_ms = now_ms + broker->options.report_horizon_ms;
    }
    offer_send_release(broker, session, ref);
}

static void on_released(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, request->session);
    FAIL_POINT("broker.after_release");
    if (!session)
        return;
    session->pending_acks--;
    if (request->write.release.superseded)
        superseded_take(broker, session, STORE_CONNECTION_SUPERSEDED, now_ms);
    if (session->state == SESSION_READY)
        complete_offer(broker, session, &request->write, now_ms);
    throttle_update(broker, session, now_ms);
}

static const struct request_kind release_kind = {
    .name = "release",
    .verb = STORE_RELEASE,
    .patience_us = STORE_REQUEST_PATIENCE_TO_PHONE_US,
    .must_succeed = true,
    .done = on_released,
};

/* Asks the store also about a message that is not in flight here: the store decides, and the device needs an answer. */
void offer_take_ack(struct broker *broker, struct session *session, struct frame *frame,
                    int64_t now_ms)
{
    struct in_flight_message *message = session_find_in_flight(session, &frame->ref);
    if (message)
        message->acknowledged = true;
    struct store_request *request = store_request_new(&release_kind, session->id);
    request->write.release.holder = session_holder(session);
    request->write.release.ref = frame->ref;
    request->write.release.sim = frame->sim;
    session->pending_acks++;
    FAIL_POINT("broker.before_release");
    store_request_submit(&broker->requests, request);
    throttle_update(broker, session, now_ms);
}

void offer_take_nack(struct broker *broker, struct session *session, struct frame *frame,
                     int64_t now_ms)
{
    struct in_flight_message *message = session_find_in_flight(session, &frame->ref);
    if (!message || !message->offered || message->acknowledged)
        return;
    session_refund_offer(session, message);
    session_forget(session, &frame->ref);
    if (send_result_classify(frame->error_code) == SEND_RESULT_DEFINITE)
        session_count_failure(session, now_ms);
    return_to_queue_refused(broker, &frame->ref, session->device_id, frame->error_code);
    eligibility_update(broker, session, now_ms);
}
