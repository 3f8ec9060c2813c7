#include "api-fcgi/webhook/smsgate_body.h"

#include "common/base/json_write.h"
#include "common/model/smsgate_events.h"
#include "common/store/webhook_json.h"

#include <string.h>

enum { MOST_BYTES = 1 << 20 };

static void put_sim(struct json_writer *json, unsigned sim)
{
    if (sim)
        json_put_integer(json, "simNumber", sim);
    else
        json_put_null(json, "simNumber");
}

/* ---- Incoming SMS ---- */

static enum error put_incoming(struct json_writer *json, struct store_reader *reader,
                               const struct store_event *event)
{
    struct message_id id;
    struct incoming_sms sms;
    if (!message_id_parse(event->subject, &id))
        return ERROR_NONE;
    enum error error = store_find_incoming(reader, &id, &sms);
    if (error != ERROR_NONE) /* retention may have removed it since */
        return error == ERROR_INCOMING_NOT_FOUND ? ERROR_NONE : error;
    json_put_text(json, "messageId", event->subject);
    json_put_text(json, "message", sms.text);
    json_put_text(json, "sender", sms.sender);
    json_put_text(json, "phoneNumber", sms.sender);
    json_put_text(json, "recipient", *sms.recipient ? sms.recipient : NULL);
    put_sim(json, sms.sim);
    json_put_time(json, "receivedAt", sms.received_at_ms ? sms.received_at_ms : event->at_ms);
    incoming_sms_fini(&sms);
    return ERROR_NONE;
}

/* ---- Messages ---- */

static void put_outcome(struct json_writer *json, const struct store_event *event,
                        unsigned segments)
{
    const char *reason = *event->error_message ? event->error_message : event->error_code;
    switch (event->status) {
    case MESSAGE_SENT:
        json_put_integer(json, "partsCount", segments);
        json_put_time(json, "sentAt", event->at_ms);
        break;
    case MESSAGE_DELIVERED:
        json_put_time(json, "deliveredAt", event->at_ms);
        break;
    case MESSAGE_FAILED:
        json_put_text(json, "reason", *reason ? reason : "failed");
        json_put_time(json, "failedAt", event->at_ms);
        break;
    case MESSAGE_EXPIRED:
        json_put_text(json, "reason", "TTL expired");
        json_put_time(json, "failedAt", event->at_ms);
        break;
    case MESSAGE_CANCELLED:
        json_put_time(json, "cancelledAt", event->at_ms);
        break;
    case MESSAGE_QUEUED:
    case MESSAGE_DISPATCHED:
    case MESSAGE_ACCEPTED:
    case MESSAGE_SENDING:
    case MESSAGE_UNKNOWN:
    case MESSAGE_STATUS_COUNT:
        break;
    }
}

/* A message that did not come from a program of SMSGate has the gateway's own id. */
static enum error read_id(struct store_reader *reader, const struct store_event *event,
                          char id[STORE_EXTERNAL_ID_SIZE])
{
    static const struct message_id none;
    enum error error = ERROR_NONE;
    id[0] = '\0';
    if (!message_id_equal(&event->batch_id, &none))
        error = store_read_external_id(reader, &event->batch_id, id);
    if (*id == '\0')
        message_id_format(&event->message_id, id);
    return error;
}

static enum error put_message(struct json_writer *json, struct store_reader *reader,
                              const struct store_event *event)
{
    char id[STORE_EXTERNAL_ID_SIZE];
    struct message message = {.segments = 1};
    enum error error = read_id(reader, event, id);
    if (error == ERROR_NONE)
        error = store_find_message(reader, &event->message_id, &message);
    if (error != ERROR_NONE && error != ERROR_MESSAGE_NOT_FOUND)
        return error;
    json_put_text(json, "messageId", id);
    json_put_text(json, "recipient", event->phone_number);
    json_put_text(json, "phoneNumber", event->phone_number);
    put_sim(json, message.device_sim ? message.device_sim : message.options.target.sim);
    put_outcome(json, event, message.segments);
    message_fini(&message);
    return ERROR_NONE;
}

/* ---- The envelope ---- */

char *smsgate_body_make(struct store_reader *reader, const struct webhook *webhook,
                        const struct store_event *event, size_t *length)
{
    struct buffer body;
    struct json_writer json = {.out = &body};
    char name[WEBHOOK_DELIVERY_NAME_SIZE];
    enum error error = ERROR_NONE;
    buffer_init(&body, MOST_BYTES);
    webhook_delivery_name(event->id, event->at_ms, name);
    json_begin_object(&json, NULL);
    json_put_text(&json, "id", name);
    json_put_text(&json, "webhookId", *webhook->external_id ? webhook->external_id : webhook->id);
    json_put_text(&json, "event", smsgate_event_name(event->type));
    json_put_text(&json, "deviceId", event->device_id);
    json_begin_object(&json, "payload");
    if (EVENT_BIT(event->type) & EVENT_MESSAGE_BITS)
        error = put_message(&json, reader, event);
    else if (event->type == EVENT_INBOX_RECEIVED)
        error = put_incoming(&json, reader, event);
    json_end_object(&json);
    json_end_object(&json);
    *length = body.length;
    char *text = error == ERROR_NONE ? buffer_take(&body) : NULL;
    buffer_fini(&body);
    return text;
}
