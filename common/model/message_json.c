#include "common/model/message_json.h"

/* In struct message "" means "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void message_json_put_members(struct json_writer *json, const struct message *message,
                              bool with_text)
{
    static const struct message_id none;
    char id[MESSAGE_ID_TEXT_SIZE], resent_as[MESSAGE_ID_TEXT_SIZE] = "",
                                   request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    if (!message_id_equal(&message->resent_as, &none))
        message_id_format(&message->resent_as, resent_as);
    request_id_format(&message->request_id, request_id);
    json_put_text(json, "message_id", id);
    json_put_text(json, "phone_number", message->phone_number);
    json_put_text(json, "message", with_text ? or_null(message->text) : NULL);
    json_put_text(json, "status", message_status_name(message->status));
    json_put_text(json, "device_id", or_null(message->device_id));
    json_put_integer(json, "segments", message->segments);
    json_put_text(json, "encoding", sms_encoding_name(message->encoding));
    json_put_integer(json, "attempts", message->attempt);
    json_put_text(json, "error_code", or_null(message->error_code));
    json_put_text(json, "error_message", or_null(message->error_message));
    json_put_text(json, "resent_as", or_null(resent_as));
    json_put_text(json, "request_id", or_null(request_id));
    json_put_time(json, "created_at", message_id_time_ms(&message->id));
    json_put_time(json, "updated_at", message->updated_at_ms);
    json_begin_object(json, "times");
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        if (message->reached_at_ms[status])
            json_put_time(json, message_status_name((enum message_status)status),
                          message->reached_at_ms[status]);
    }
    json_end_object(json);
}

void message_json_put(struct json_writer *json, const struct message *message, bool with_text)
{
    json_begin_object(json, NULL);
    message_json_put_members(json, message, with_text);
    json_end_object(json);
}

void message_json_put_event(struct json_writer *json, const struct message_event *event)
{
    json_begin_object(json, NULL);
    json_put_text(json, "status", message_status_name(event->status));
    json_put_time(json, "at", event->at_ms);
    json_put_integer(json, "attempt", event->attempt);
    json_put_text(json, "device_id", or_null(event->device_id));
    json_put_text(json, "reason", transition_reason_name(event->reason));
    json_put_text(json, "error_code", or_null(event->error_code));
    json_put_text(json, "error_message", or_null(event->error_message));
    json_end_object(json);
}
