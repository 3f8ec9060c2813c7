#include "ws-broker/core/incoming.h"

#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/throttle.h"
#include "ws-broker/protocol/frame_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it counts among what is owed to the device: a flood of long texts must not fill the memory. */
static unsigned weight(const struct incoming_sms *sms)
{
    return 1 + (unsigned)(strlen(sms->text) / 1024);
}

static void log_received(const struct store_receive *receive)
{
    const struct incoming_sms *sms = receive->sms;
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&receive->id, id);
    if (!receive->known)
        log_info("SMS received", LOG_TEXT("incoming_id", id),
                 LOG_NUMBER_IF_ANY("segments", sms->segments),
                 LOG_TEXT("device_id", sms->device_id));
    if (receive->opt != STORE_OPT_UNCHANGED)
        log_info(receive->opt == STORE_OPTED_OUT ? "recipient opted out" : "recipient opted in",
                 LOG_PHONE("phone_number", sms->sender), LOG_TEXT("incoming_id", id));
    if (receive->differs)
        log_warning("SMS received again with another content: the first one stays",
                    LOG_TEXT("incoming_id", id), LOG_TEXT("device_id", sms->device_id));
}

static void acknowledge(struct broker *broker, struct session *session, const char *received_id)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_sms_received_ack(&frame, received_id);
    control_send(broker, session, FRAME_SENT_SMS_RECEIVED_ACK, &frame);
}

static void refuse(struct broker *broker, struct session *session, enum error error,
                   const char *received_id, int64_t now_ms)
{
    struct frame_problem problem = {.error = error};
    snprintf(problem.detail, sizeof(problem.detail), "%s", error_title(error));
    strcpy(problem.received_id, received_id);
    control_send_error(broker, session, &problem, now_ms);
}

static void on_received(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, request->session);
    const struct store_write *write = &request->write;
    const struct incoming_sms *sms = write->receive.sms;
    FAIL_POINT("broker.after_receive");
    if (write->result == ERROR_NONE)
        log_received(&write->receive);
    if (!session)
        return;
    session->pending_incoming -= weight(sms);
    if (write->result != ERROR_NONE)
        refuse(broker, session, write->result, sms->received_id, now_ms);
    else if (session->state != SESSION_CLOSING)
        acknowledge(broker, session, sms->received_id);
    throttle_update(broker, session, now_ms);
}

static void release(struct store_request *request)
{
    incoming_sms_fini(request->context);
    free(request->context);
}

static const struct request_kind receive_kind = {
    .name = "receive",
    .verb = STORE_RECEIVE,
    .patience_us = STORE_REQUEST_PATIENCE_US,
    .must_succeed = true,
    .comes_again = true,
    .done = on_received,
    .release = release,
};

/* What the device says of it, as it is kept; takes the text. */
static struct incoming_sms *make_sms(const struct broker *broker, const struct session *session,
                                     struct frame *frame)
{
    struct incoming_sms *sms = allocation_check(calloc(1, sizeof(*sms)));
    *sms = frame->incoming;
    frame->incoming.text = NULL;
    sms->id = broker->options.new_id();
    sms->sim = frame->sim;
    strcpy(sms->device_id, session->device_id);
    incoming_sms_address(frame->incoming.sender, sms->sender);
    incoming_sms_address(frame->incoming.recipient, sms->recipient);
    struct sms_segments count = sms_segments_count(sms->text);
    sms->encoding = count.encoding;
    sms->segments = count.segments;
    return sms;
}

void incoming_take(struct broker *broker, struct session *session, struct frame *frame,
                   int64_t now_ms)
{
    struct store_request *request = store_request_new(&receive_kind, session->id);
    struct incoming_sms *sms = make_sms(broker, session, frame);
    request->context = sms;
    request->write.receive.sms = sms;
    session->pending_incoming += weight(sms);
    FAIL_POINT("broker.before_receive");
    store_request_submit(&broker->requests, request);
    throttle_update(broker, session, now_ms);
}
