#include "common/model/message_json.h"

/* In struct message "" means "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

/* By the names that a client gives them. */
static void put_options(struct json_writer *json, const struct message_options *options)
{
    const struct message_target *target = &options->target;
    json_begin_object(json, "options");
    if (*target->device_id)
        json_put_text(json, "device_id", target->device_id);
    if (*target->device_group)
        json_put_text(json, "device_group", target->device_group);
    if (target->sim != 0)
        json_put_integer(json, "sim", target->sim);
    if (options->send_at_ms != 0)
        json_put_time(json, "send_at", options->send_at_ms);
    if (options->expires_at_ms != 0)
        json_put_time(json, "expires_at", options->expires_at_ms);
    if (options->priority != MESSAGE_PRIORITY_NORMAL)
        json_put_text(json, "priority", message_priority_name(options->priority));
    if (*options->reference)
        json_put_text(json, "reference", options->reference);
    if (options->no_delivery_report)
        json_put_bool(json, "delivery_report", false);
    if (options->content != MESSAGE_TEXT)
        json_put_text(json, "content", message_content_name(options->content));
    if (options->data_port != 0)
        json_put_integer(json, "data_port", options->data_port);
    json_end_object(json);
}

static void put_options_and_batch(struct json_writer *json, const struct message *message)
{
    static const struct message_id none;
    char batch_id[MESSAGE_ID_TEXT_SIZE] = "";
    if (message_options_any(&message->options))
        put_options(json, &message->options);
    else
        json_put_null(json, "options");
    if (!message_id_equal(&message->batch_id, &none))
        message_id_format(&message->batch_id, batch_id);
    json_put_text(json, "batch_id", or_null(batch_id));
}

static void put_wait(struct json_writer *json, const struct message *message)
{
    const char *reason = message_wait_name(message->wait.reason);
    if (message->status != MESSAGE_QUEUED || !reason) {
        json_put_text(json, "waiting_for", NULL);
        return;
    }
    json_begin_object(json, "waiting_for");
    json_put_text(json, "reason", reason);
    if (message->wait.until_ms != 0)
        json_put_time(json, "until", message->wait.until_ms);
    else
        json_put_text(json, "until", NULL);
    json_put_text(json, "detail", message_wait_detail(message->wait.reason));
    json_end_object(json);
}

void message_json_put_members(struct json_writer *json, const struct message *message,
                              bool with_text)
{
    static const struct message_id none;
    char id[MESSAGE_ID_TEXT_SIZE], resent_as[MESSAGE_ID_TEXT_SIZE] = "",
                                   request_id[REQUEST_ID_TEXT_SIZE];
    const char *text = message_content_text(message->options.content, message->text);
    message_id_format(&message->id, id);
    if (!message_id_equal(&message->resent_as, &none))
        message_id_format(&message->resent_as, resent_as);
    request_id_format(&message->request_id, request_id);
    json_put_text(json, "message_id", id);
    json_put_text(json, "phone_number", message->phone_number);
    json_put_text(json, "message", with_text ? or_null(text) : NULL);
    json_put_text(json, "status", message_status_name(message->status));
    put_wait(json, message);
    json_put_text(json, "device_id", or_null(message->device_id));
    if (message->device_sim != 0)
        json_put_integer(json, "device_sim", message->device_sim);
    else
        json_put_null(json, "device_sim");
    json_put_integer(json, "segments", message->segments);
    json_put_text(json, "encoding", sms_encoding_name(message->encoding));
    json_put_integer(json, "attempts", message->attempt);
    json_put_text(json, "error_code", or_null(message->error_code));
    json_put_text(json, "error_message", or_null(message->error_message));
    put_options_and_batch(json, message);
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
