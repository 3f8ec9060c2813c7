/* The types of events: event_types.def. Any thread. */
#ifndef COMMON_MODEL_EVENT_TYPES_H
#define COMMON_MODEL_EVENT_TYPES_H

#include "common/model/message.h"

/* The values are stored in the database and never change. */
enum event_type {
#define EVENT_TYPE(id, value, name, subject, meaning) EVENT_##id = (value),
#include "common/model/event_types.def"
#undef EVENT_TYPE
    EVENT_TYPE_COUNT
};

/* A set of types has the bit `1 << type` of each. */
#define EVENT_BIT(type)    (UINT32_C(1) << (type))
#define EVENT_TYPES_ALL    (EVENT_BIT(EVENT_TYPE_COUNT) - 1)
#define EVENT_MESSAGE_BITS (EVENT_BIT(MESSAGE_STATUS_COUNT) - 1)

/* "message.sent", ... */
const char *event_type_name(enum event_type type);
/* The member of an event's data that names what it is about; NULL: it has none. */
const char *event_type_subject(enum event_type type);
/* In one sentence, for people. */
const char *event_type_meaning(enum event_type type);

/* The types of that name: of one ("message.sent"), of a kind ("message.*"), or of all ("*"). 0: there is none. */
uint32_t event_types_named(const char *name);

/* The type of a message's event. */
enum event_type event_type_of_status(enum message_status status);

#endif
