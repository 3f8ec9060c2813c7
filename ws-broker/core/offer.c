#include "ws-broker/core/offer.h"

#include "common/base/fail_point.h"
#include "common/model/send_result.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/core/return_to_queue.h"
#include "ws-broker/core/throttle.h"

void offer_send_release(struct broker *broker, struct session *session, const struct message_id *id,
                        unsigned attempt)
{
    control_send_order(broker, session, FRAME_SENT_RELEASE, id, attempt);
}

void offer_send_drop(struct broker *broker, struct session *session, const struct message_id *id,
                     unsigned attempt)
{
    message_log_event("offer dropped", id, attempt, session->device_id);
    control_send_order(broker, session, FRAME_SENT_DROP, id, attempt);
}

static void complete_offer(struct broker *broker, struct session *session,
                           const struct store_write *write, int64_t now_ms)
{
    const struct message_id *id = &write->release.id;
    unsigned attempt = write->release.attempt;
    if (write->release.verdict != STORE_VERDICT_RELEASE) {
        session_forget(session, id, attempt);
        offer_send_drop(broker, session, id, attempt);
        return;
    }
    struct in_flight_message *message = session_find_in_flight(session, id, attempt);
    if (message) {
        message->offered = false;
        message->due_at_ms = now_ms + broker->options.report_horizon_ms;
    }
    offer_send_release(broker, session, id, attempt);
}

static void on_released(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, request->session);
    FAIL_POINT("broker.after_release");
    if (!session)
        return;
    session->pending_acks--;
    if (session->state == SESSION_READY)
        complete_offer(broker, session, &request->write, now_ms);
    throttle_update(broker, session, now_ms);
}

static const struct request_kind release_kind = {
    .name = "release",
    .verb = STORE_RELEASE,
    .must_succeed = true,
    .done = on_released,
};

/* Asks the store also about a message that is not in flight here: the store decides, and the device needs an answer. */
void offer_take_ack(struct broker *broker, struct session *session, struct frame *frame,
                    int64_t now_ms)
{
    struct in_flight_message *message = session_find_in_flight(session, &frame->message_id,
                                                               frame->attempt);
    if (message)
        message->acknowledged = true;
    struct store_request *request = store_request_new(&release_kind, session->id);
    request->write.release.phone = session_holder(session);
    request->write.release.id = frame->message_id;
    request->write.release.attempt = frame->attempt;
    session->pending_acks++;
    FAIL_POINT("broker.before_release");
    store_request_submit(&broker->requests, request);
    throttle_update(broker, session, now_ms);
}

void offer_take_nack(struct broker *broker, struct session *session, struct frame *frame,
                     int64_t now_ms)
{
    const struct in_flight_message *message = session_find_in_flight(session, &frame->message_id,
                                                                     frame->attempt);
    if (!message || !message->offered || message->acknowledged)
        return;
    session_forget(session, &frame->message_id, frame->attempt);
    if (send_result_classify(frame->error_code) == SEND_RESULT_DEFINITE)
        session_count_failure(session, now_ms);
    return_to_queue_refused(broker, &frame->message_id, frame->attempt, session->device_id,
                            frame->error_code);
    eligibility_update(broker, session, now_ms);
}
