/*
 * Reads the members of a frame by a table. The frame is refused when an essential member is missing or unreadable; any
 * other member is taken as far as it can be read, with a warning.
 */
#ifndef WS_BROKER_PROTOCOL_FRAME_READING_H
#define WS_BROKER_PROTOCOL_FRAME_READING_H

#include "ws-broker/protocol/frame.h"
#include "ws-broker/protocol/frame_values.h"

/* A frame that is being read. */
struct frame_reading {
    struct frame *frame;
    const struct device_info *known;
    struct frame_problem *problem; /* why the frame is refused */
};

enum weight {
    OPTIONAL,  /* may be missing */
    EXPECTED,  /* the frame counts without it, with a warning */
    ESSENTIAL, /* the frame is refused without it */
    STATED,    /* so is it without this one, whose null is a value */
};

struct frame_member {
    const char *name;
    enum weight weight;
    enum taken (*take)(const struct json *value, struct frame_reading *reading);
    const char *wanted; /* completes "battery_level must be " */
    enum error error;   /* of a refusal; ERROR_NONE: ERROR_INVALID_VALUE */
};

/* The slot of a SIM, into frame->sim. */
enum taken frame_take_sim(const struct json *value, struct frame_reading *reading);

#define SIM_MEMBER                                                                                 \
    {                                                                                              \
        "sim", OPTIONAL, frame_take_sim, "a whole number from 1 to 4", ERROR_NONE                  \
    }

/* Reads the members of an object by their table; null is the same as missing, but where it is a value. When a member appears twice, the last one
   counts; two essential ones must be equal. False, with *reading->problem, when an essential member is missing or
   unreadable. */
MUST_CHECK bool frame_read_members(const struct json *object, const struct frame_member *members,
                                   size_t count, struct frame_reading *reading);

/* Fills in why the frame is refused; returns false. */
PRINTF_FORMAT(3, 4)
bool frame_refuse(struct frame_problem *problem, enum error error, const char *detail, ...);

/* Adds to the frame's warning; `member` is static, or NULL. */
PRINTF_FORMAT(3, 4)
void frame_warn(struct frame_reading *reading, const char *member, const char *detail, ...);

#endif
