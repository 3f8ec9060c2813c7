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
