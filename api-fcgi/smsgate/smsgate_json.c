#include "api-fcgi/smsgate/smsgate_json.h"

const char *smsgate_state_name(enum message_status status)
{
    static const char *const names[MESSAGE_STATUS_COUNT] = {
        [MESSAGE_QUEUED] = "Pending",      [MESSAGE_DISPATCHED] = "Pending",
        [MESSAGE_ACCEPTED] = "Processed",  [MESSAGE_SENDING] = "Processed",
        [MESSAGE_SENT] = "Sent",           [MESSAGE_DELIVERED] = "Delivered",
        [MESSAGE_FAILED] = "Failed",       [MESSAGE_EXPIRED] = "Failed",
        [MESSAGE_CANCELLED] = "Cancelled", [MESSAGE_UNKNOWN] = "Processed",
    };
    return names[status];
}

void smsgate_content_put(struct json_writer *json, const struct message *message)
{
    const struct message_options *options = &message->options;
    bool is_data = options->content == MESSAGE_DATA;
    json_begin_object(json, is_data ? "dataMessage" : "textMessage");
    json_put_text(json, is_data ? "data" : "text",
                  message_content_text(options->content, message->text));
    if (is_data)
        json_put_integer(json, "port", options->data_port);
    json_end_object(json);
}
