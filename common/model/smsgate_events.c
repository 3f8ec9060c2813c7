#include "common/model/smsgate_events.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t types;
} events[] = {
    {"sms:received", EVENT_BIT(EVENT_INBOX_RECEIVED)},
    {"sms:sent", EVENT_BIT(EVENT_MESSAGE_SENT)},
    {"sms:delivered", EVENT_BIT(EVENT_MESSAGE_DELIVERED)},
    {"sms:failed", EVENT_BIT(EVENT_MESSAGE_FAILED) | EVENT_BIT(EVENT_MESSAGE_EXPIRED)},
    {"sms:cancelled", EVENT_BIT(EVENT_MESSAGE_CANCELLED)},
};

uint32_t smsgate_event_types(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(events); i++)
        if (strcmp(events[i].name, name) == 0)
            return events[i].types;
    return 0;
}

const char *smsgate_event_of_types(uint32_t types)
{
    for (size_t i = 0; i < ARRAY_LENGTH(events); i++)
        if (events[i].types & types)
            return events[i].name;
    return "system:ping";
}

const char *smsgate_event_name(enum event_type type)
{
    return smsgate_event_of_types(EVENT_BIT(type));
}
