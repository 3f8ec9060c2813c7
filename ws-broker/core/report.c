#include "ws-broker/core/report.h"

#include "common/base/fail_point.h"
#include "common/base/jitter.h"
#include "common/model/protocol.h"
#include "common/model/send_result.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/core/throttle.h"
#include "ws-broker/protocol/frame_write.h"

#include <stdio.h>
#include <string.h>

static void log_without_effect(const struct store_write *write)
{
    const char *device_id = write->report.holder.device_id;
    if (write->result == ERROR_MESSAGE_NOT_HELD)
        message_log_event("report about a message the device does not have", &write->report.ref,
                          device_id);
    else if (write->result == ERROR_NONE && !write->report.changed)
        message_log_event("report changed nothing", &write->report.ref, device_id);
}

/* Also of a report that changed nothing, so that the device stops sending it. */
static void acknowledge(struct broker *broker, struct session *session, int64_t seq)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_report_ack(&frame, seq);
    control_send(broker, session, FRAME_SENT_REPORT_ACK, &frame);
}

static void refuse(struct broker *broker, struct session *session, const struct store_write *write,
                   int64_t now_ms)
{
    struct frame_problem problem = {
        .error = write->result,
        .has_message_id = true,
        .message_id = write->report.ref.id,
    };
    snprintf(problem.detail, sizeof(problem.detail), "%s", error_title(write->result));
    control_send_error(broker, session, &problem, now_ms);
}

/* The store has found that nothing of the message was sent. */
static void refund(struct broker *broker, struct session *session,
                   const struct store_report *report, int64_t now_ms)
{
    struct in_flight_message *message = session_find_in_flight(session, &report->ref);
    if (message)
        message->segments = 0;
    send_budget_refund(&session->send_budget, report->refund.segments, report->refund.given_at_ms);
    eligibility_update(broker, session, now_ms);
    broker->dispatch.due = true;
}

/* A device that has sent what it was only offered answers the offer with that. */
static void end_offer(struct broker *broker, struct session *session,
                      const struct store_report *report, int64_t now_ms)
{
    const struct in_flight_message *message = session_find_in_flight(session, &report->ref);
    bool was_sent = report->status == MESSAGE_SENT || report->status == MESSAGE_DELIVERED;
    if (!message || !was_sent || !message->offered || message->acknowledged)
        return;
    session_forget(session, &report->ref);
    eligibility_update(broker, session, now_ms);
    broker->dispatch.due = true;
}

static void on_reported(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, request->session);
    const struct store_write *write = &request->write;
    bool stored = write->result == ERROR_NONE || write->result == ERROR_MESSAGE_NOT_HELD;
    FAIL_POINT("broker.after_report");
    log_without_effect(write);
    if (!session)
        return;
    session->pending_reports--;
    if (write->result == ERROR_NONE && write->report.refund.segments > 0)
        refund(broker, session, &write->report, now_ms);
    if (write->result == ERROR_NONE && write->report.changed)
        end_offer(broker, session, &write->report, now_ms);
    if (write->report.seq >= 0) { /* a report that was not stored comes again */
        if (stored && session->state != SESSION_CLOSING)
            acknowledge(broker, session, write->report.seq);
    } else if (write->result != ERROR_NONE) {
        refuse(broker, session, write, now_ms);
    }
    throttle_update(broker, session, now_ms);
}

static const struct request_kind report_kind = {
    .name = "report",
    .verb = STORE_REPORT,
    .patience_us = STORE_REQUEST_PATIENCE_US,
    .must_succeed = true,
    .done = on_reported,
};

/* `failed`, and the device says that no part of the message reached the radio. */
static bool says_nothing_sent(const struct frame *frame)
{
    return frame->status == MESSAGE_FAILED && frame->parts_sent == 0 &&
           send_result_classify(frame->error_code) == SEND_RESULT_DEFINITE;
}

void report_take(struct broker *broker, struct session *session, struct frame *frame,
                 int64_t now_ms)
{
    struct store_request *request = store_request_new(&report_kind, session->id);
    struct store_write *write = &request->write;
    write->report.ref = frame->ref;
    write->report.seq = frame->seq;
    write->report.status = frame->status;
    write->report.sim = frame->sim;
    write->report.holder = session_holder(session);
    strcpy(write->report.error_code, frame->error_code);
    strcpy(write->report.error_message, frame->error_message);
    if (says_nothing_sent(frame))
        session_count_failure(session, now_ms);
    else if (frame->status == MESSAGE_SENT || frame->status == MESSAGE_DELIVERED)
        session_clear_failures(session);
    /* Proof, and so a reason to send it again, only from a device with a journal and about the attempt it names. */
    if (says_nothing_sent(frame) && session->protocol->has_journal && frame->ref.attempt > 0) {
        write->report.nothing_sent = true;
        write->report.of_one_segment = frame->code_was_translated;
        write->report.jitter = jitter_next(&broker->jitter);
    }
    FAIL_POINT("broker.before_report");
    store_request_submit(&broker->requests, request);

    /* An offer stays in flight until it is released or returned, or the store has taken a report that it was sent. */
    const struct in_flight_message *message = session_find_in_flight(session, &frame->ref);
    if (message && !message->offered && frame->status != MESSAGE_SENDING)
        session_forget(session, &frame->ref);
    session->pending_reports++;
    throttle_update(broker, session, now_ms);
}
