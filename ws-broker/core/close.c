#include "ws-broker/core/close.h"

#include "common/base/log.h"
#include "ws-broker/core/broker_metrics.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/lifecycle.h"
#include "ws-broker/core/return_to_queue.h"

void close_return_messages(struct broker *broker, struct session *session)
{
    struct in_flight_message message;
    while (session_take_returnable(session, &message))
        return_to_queue(broker, &message.ref, session->device_id);
}

void close_begin(struct broker *broker, struct session *session, int64_t now_ms)
{
    session_table_unset_current(&broker->sessions, session);
    lifecycle_enter(broker, session, SESSION_CLOSING, now_ms);
    eligibility_update(broker, session, now_ms);
}

void close_session(struct broker *broker, struct session *session, enum error error, int64_t now_ms)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (!is_drain_reason(error) || !session->protocol->flushes_at_drain)
        close_return_messages(broker, session);
    session->close_error = error;
    close_begin(broker, session, now_ms);
    action_queue_push_for(&broker->actions, BROKER_WRITE, session);
    broker_metrics_count_closed_by_broker(broker->options.metrics, error);
    log_info("closing device connection", LOG_TEXT("device_id", session->device_id),
             LOG_TEXT("reason", error_code(error)));
}

void close_drop(struct broker *broker, struct session *session)
{
    if (session->dropped)
        return;
    session->dropped = true;
    action_queue_push_for(&broker->actions, BROKER_DROP, session);
}
