#include "common/model/message_wait.h"

static const struct {
    const char *name, *detail;
} reasons[MESSAGE_WAIT_COUNT] = {
    [MESSAGE_WAIT_DEVICE_BUSY] = {"device_busy",
                                  "Each device that may have it is busy with other messages."},
    [MESSAGE_WAIT_DEVICE_BUDGET] =
        {"device_budget",
         "Each device that may have it has been given as many segments as its limits"
         " allow for now: DEVICE_SEGMENTS_PER_MINUTE,"
         " DEVICE_SEGMENTS_BURST, DEVICE_DAILY_SEGMENTS, or its own. Connect another device, or "
         "raise the limit."},
    [MESSAGE_WAIT_BATTERY] =
        {"battery",
         "The battery of each device that may have it is below MIN_BATTERY_PERCENT. Charge"
         " one."},
    [MESSAGE_WAIT_NO_DEVICE] = {"no_device",
                                "No device is paired. Pair one: sms-gateway devices pair."},
    [MESSAGE_WAIT_DEVICE_OFFLINE] = {"device_offline", "No device that may have it is connected."},
    [MESSAGE_WAIT_DEVICE_DISABLED] =
        {"device_disabled", "Each connected device that may have it is disabled. Enable one:"
                            " sms-gateway devices update ID --enable."},
    [MESSAGE_WAIT_SIM_MISSING] =
        {"sim_missing",
         "No connected device that may have it has said that it has a SIM in that slot."},
    [MESSAGE_WAIT_SCHEDULED] = {"scheduled", "It is not to be sent before its send_at."},
    [MESSAGE_WAIT_RETRY_BACKOFF] = {"retry_backoff",
                                    "A device could not send it, and it is tried again later."},
    [MESSAGE_WAIT_PAUSED] = {"paused", "Sending is paused. To go on: sms-gateway sending resume."},
};

const char *message_wait_name(enum message_wait_reason reason)
{
    return reasons[reason].name;
}

const char *message_wait_detail(enum message_wait_reason reason)
{
    return reasons[reason].detail;
}
