#include "common/model/event_types.h"

#include <string.h>

static const struct {
    const char *name, *subject, *meaning;
} types[EVENT_TYPE_COUNT] = {
#define EVENT_TYPE(id, value, name, subject, meaning) [value] = {name, subject, meaning},
#include "common/model/event_types.def"
#undef EVENT_TYPE
};

_Static_assert((int)EVENT_TYPE_COUNT < 32, "a bit for each");
_Static_assert((int)EVENT_MESSAGE_UNKNOWN == (int)MESSAGE_UNKNOWN &&
                   (int)EVENT_INBOX_RECEIVED == (int)MESSAGE_STATUS_COUNT,
               "the statuses come first");

const char *event_type_name(enum event_type type)
{
    return types[type].name;
}

const char *event_type_subject(enum event_type type)
{
    return types[type].subject;
}

const char *event_type_meaning(enum event_type type)
{
    return types[type].meaning;
}

uint32_t event_types_named(const char *name)
{
    uint32_t found = 0;
    size_t length = strlen(name);
    bool is_kind = strcmp(name, "*") == 0 || (length > 2 && strcmp(name + length - 2, ".*") == 0);
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (is_kind ? strncmp(types[type].name, name, length - 1) == 0
                    : strcmp(types[type].name, name) == 0)
            found |= EVENT_BIT(type);
    }
    return found;
}

enum event_type event_type_of_status(enum message_status status)
{
    return (enum event_type)status;
}
