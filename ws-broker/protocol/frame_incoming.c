#include "ws-broker/protocol/frame_incoming.h"

#include <stdlib.h>
#include <string.h>

/* Names the SMS, so it is taken as it is or not at all. */
static enum taken take_received_id(const struct json *value, struct frame_reading *reading)
{
    enum { NUL_SIZE = 3 }; /* that was mended */
    char received_id[RECEIVED_ID_SIZE + NUL_SIZE];
    if (frame_value_text(value, received_id, sizeof(received_id)) != TAKEN)
        return IGNORED;
    frame_value_cut_nul(received_id);
    if (!received_id_valid(received_id))
        return IGNORED;
    strcpy(reading->frame->incoming.received_id, received_id);
    strcpy(reading->problem->received_id, received_id);
    strcpy(reading->frame->warning.received_id, received_id);
    return TAKEN;
}

/* A long one is cut, as it is no reason to lose the SMS; "", or Android's null: the network did not say. */
static enum taken take_sender(const struct json *value, struct frame_reading *reading)
{
    char *sender = reading->frame->incoming.sender;
    if (json_is_null(value))
        return TAKEN;
    enum taken taken = frame_value_text(value, sender, INCOMING_ADDRESS_SIZE);
    if (taken == CUT)
        frame_warn(reading, "from", "from must be a text of at most %d bytes: it was cut",
                   INCOMING_ADDRESS_SIZE - 1);
    return taken == CUT ? TAKEN : taken;
}

static enum taken take_recipient(const struct json *value, struct frame_reading *reading)
{
    char *recipient = reading->frame->incoming.recipient;
    return frame_value_text(value, recipient, INCOMING_ADDRESS_SIZE);
}

/* A number as text has at most 24 characters, and null is Android's text of an empty SMS. Without memory the text stays NULL. */
static enum taken take_message(const struct json *value, struct frame_reading *reading)
{
    const char *text = json_text(value);
    size_t size = MAX(text ? strlen(text) : 0, (size_t)24) + 1;
    char **taken = &reading->frame->incoming.text;
    *taken = malloc(size);
    if (!*taken)
        return TAKEN;
    **taken = '\0';
    return json_is_null(value) ? TAKEN : frame_value_text(value, *taken, size);
}

/* As the device's clock says: it may be years off. */
static enum taken take_received_at(const struct json *value, struct frame_reading *reading)
{
    int64_t *received_at_ms = &reading->frame->incoming.received_at_ms;
    if (frame_value_time(value, received_at_ms))
        return TAKEN;
    *received_at_ms = 0;
    return IGNORED;
}

bool frame_read_incoming(const struct json *object, struct frame_reading *reading)
{
    static const struct frame_member members[] = {
        {"received_id", ESSENTIAL, take_received_id,
         "a text of 1 to 64 visible ASCII characters that the device gives to no other SMS",
         ERROR_NONE},
        {"from", STATED, take_sender, "the number or the name of the sender", ERROR_NONE},
        {"message", STATED, take_message, "a text", ERROR_NONE},
        {"received_at", OPTIONAL, take_received_at,
         "a time of RFC 3339, or seconds or milliseconds since 1970", ERROR_NONE},
        SIM_MEMBER,
        {"to", OPTIONAL, take_recipient, "a text of at most 64 bytes", ERROR_NONE},
    };
    if (!frame_read_members(object, members, ARRAY_LENGTH(members), reading))
        return false;
    return reading->frame->incoming.text ||
           frame_refuse(reading->problem, ERROR_INTERNAL, "there is no memory: send it again");
}
