#include "common/store/event_json.h"

#include <string.h>

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void put_message(struct json_writer *json, const struct store_event *event)
{
    static const struct message_id none;
    char id[MESSAGE_ID_TEXT_SIZE], batch_id[MESSAGE_ID_TEXT_SIZE] = "";
    message_id_format(&event->message_id, id);
    if (!message_id_equal(&event->batch_id, &none))
        message_id_format(&event->batch_id, batch_id);
    json_put_text(json, "message_id", id);
    json_put_text(json, "status", message_status_name(event->status));
    json_put_integer(json, "attempt", event->attempt);
    json_put_text(json, "device_id", or_null(event->device_id));
    json_put_text(json, "phone_number", event->phone_number);
    json_put_text(json, "reference", or_null(event->reference));
    json_put_text(json, "batch_id", or_null(batch_id));
    json_put_text(json, "reason", transition_reason_name(event->reason));
    json_put_text(json, "error_code", or_null(event->error_code));
    json_put_text(json, "error_message", or_null(event->error_message));
}

/* The members of an object that is already JSON. */
static void put_detail(struct json_writer *json, const char *detail)
{
    size_t length = strlen(detail);
    if (length <= 2) /* {} */
        return;
    if (json->needs_comma)
        buffer_append(json->out, ",", 1);
    buffer_append(json->out, detail + 1, length - 2);
    json->needs_comma = true;
}

static void put_other(struct json_writer *json, const struct store_event *event)
{
    const char *subject = event_type_subject(event->type);
    if (subject)
        json_put_text(json, subject, event->subject);
    if (*event->device_id)
        json_put_text(json, "device_id", event->device_id);
    if (event->detail)
        put_detail(json, event->detail);
}

void event_json_put(struct json_writer *json, const struct store_event *event, bool with_text)
{
    bool is_message = EVENT_BIT(event->type) & EVENT_MESSAGE_BITS;
    bool has_text = is_message || event->type == EVENT_INBOX_RECEIVED;
    json_begin_object(json, NULL);
    json_put_integer(json, "id", event->id);
    json_put_text(json, "type", event_type_name(event->type));
    json_put_time(json, "timestamp", event->at_ms);
    json_begin_object(json, "data");
    if (is_message)
        put_message(json, event);
    else
        put_other(json, event);
    if (with_text && has_text)
        json_put_text(json, "message", event->text ? or_null(event->text) : NULL);
    json_end_object(json);
    json_end_object(json);
}
