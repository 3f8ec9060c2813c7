#include "ws-broker/protocol/frame_write.h"

#include "common/base/json_write.h"
#include "common/model/polled_app.h"
#include "common/model/protocol.h"

#include <stdio.h>

void frame_write_connection_ack(struct buffer *out, const char *device_id)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_CONNECTION_ACK);
    json_put_text(&json, "device_id", device_id);
    json_end_object(&json);
}

/* Only what the client asked for, or is best: a device that does not know a member ignores it. */
static void write_options(struct json_writer *json, const struct message *message)
{
    const struct message_options *options = &message->options;
    unsigned sim = options->target.sim != 0 ? options->target.sim : message->device_sim;
    if (sim != 0)
        json_put_integer(json, "sim", sim);
    if (options->expires_at_ms != 0)
        json_put_time(json, "expires_at", options->expires_at_ms);
    if (options->no_delivery_report)
        json_put_bool(json, "delivery_report", false);
}

static void write_message(struct buffer *out, const char *type, const struct message *message,
                          bool with_attempt)
{
    struct json_writer json = {.out = out};
    char id[MESSAGE_ID_TEXT_SIZE], request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    request_id_format(&message->request_id, request_id);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", type);
    json_put_text(&json, "message_id", id);
    if (with_attempt)
        json_put_integer(&json, "attempt", message->attempt);
    json_put_text(&json, "phone_number", message->phone_number);
    json_put_text(&json, "message", message->text);
    write_options(&json, message);
    if (*request_id)
        json_put_text(&json, "request_id", request_id);
    json_end_object(&json);
}

void frame_write_new_sms(struct buffer *out, const struct message *message)
{
    write_message(out, FRAME_NEW_SMS, message, false);
}

void frame_write_offer(struct buffer *out, const struct message *message)
{
    write_message(out, FRAME_OFFER, message, true);
}

void frame_write_welcome(struct buffer *out, const char *device_id, int64_t session,
                         unsigned credit)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_WELCOME);
    json_put_text(&json, "device_id", device_id);
    json_put_integer(&json, "session", session);
    json_put_integer(&json, "credit", credit);
    json_end_object(&json);
}

void frame_write_order(struct buffer *out, enum sent_frame_type type, const struct message_ref *ref)
{
    static const char *const types[FRAME_SENT_COUNT] = {
        [FRAME_SENT_RELEASE] = FRAME_RELEASE,
        [FRAME_SENT_DROP] = FRAME_DROP,
        [FRAME_SENT_REVOKE] = FRAME_REVOKE,
    };
    struct json_writer json = {.out = out};
    char text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&ref->id, text);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", types[type]);
    json_put_text(&json, "message_id", text);
    json_put_integer(&json, "attempt", ref->attempt);
    json_end_object(&json);
}

void frame_write_report_ack(struct buffer *out, int64_t seq)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_REPORT_ACK);
    json_put_integer(&json, "seq", seq);
    json_end_object(&json);
}

void frame_write_sms_received_ack(struct buffer *out, const char *received_id)
{
    struct json_writer json = {.out = out};
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_SMS_RECEIVED_ACK);
    json_put_text(&json, "received_id", received_id);
    json_end_object(&json);
}

void frame_write_error(struct buffer *out, const struct frame_problem *problem)
{
    struct json_writer json = {.out = out};
    char id[MESSAGE_ID_TEXT_SIZE];
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", FRAME_ERROR);
    json_put_text(&json, "code", error_code(problem->error));
    json_put_text(&json, "detail", problem->detail);
    if (problem->member)
        json_put_text(&json, "member", problem->member);
    if (problem->has_message_id) {
        message_id_format(&problem->message_id, id);
        json_put_text(&json, "message_id", id);
    }
    if (*problem->received_id)
        json_put_text(&json, "received_id", problem->received_id);
    json_end_object(&json);
}

void frame_write_event(struct buffer *out, enum sent_frame_type type, const char *data)
{
    static const char *const types[FRAME_SENT_COUNT] = {
        [FRAME_SENT_MESSAGE_ENQUEUED] = FRAME_MESSAGE_ENQUEUED,
        [FRAME_SENT_MESSAGE_CANCELLED] = FRAME_MESSAGE_CANCELLED,
        [FRAME_SENT_WEBHOOKS_UPDATED] = FRAME_WEBHOOKS_UPDATED,
        [FRAME_SENT_SETTINGS_UPDATED] = FRAME_SETTINGS_UPDATED,
    };
    buffer_append_text(out, "event: ");
    buffer_append_text(out, types[type]);
    buffer_append_text(out, "\ndata: ");
    buffer_append_text(out, data);
    buffer_append_text(out, "\n\n");
}

void frame_write_message_cancelled(struct buffer *out, const struct message_ref *ref)
{
    char id[POLLED_WIRE_ID_SIZE], data[POLLED_WIRE_ID_SIZE + 24];
    polled_wire_id_format(ref, id);
    snprintf(data, sizeof(data), "{\"messageId\":\"%s\"}", id);
    frame_write_event(out, FRAME_SENT_MESSAGE_CANCELLED, data);
}
