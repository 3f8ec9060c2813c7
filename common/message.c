#include "message.h"

#include <stdlib.h>
#include <string.h>

static const char *const status_names[MESSAGE_STATUS_COUNT] = {
    [MESSAGE_QUEUED] = "queued",       [MESSAGE_DISPATCHED] = "dispatched",
    [MESSAGE_ACCEPTED] = "accepted",   [MESSAGE_SENDING] = "sending",
    [MESSAGE_SENT] = "sent",           [MESSAGE_DELIVERED] = "delivered",
    [MESSAGE_FAILED] = "failed",       [MESSAGE_EXPIRED] = "expired",
    [MESSAGE_CANCELLED] = "cancelled", [MESSAGE_UNKNOWN] = "unknown",
};

#define API    (1u << MESSAGE_ACTOR_API)
#define BROKER (1u << MESSAGE_ACTOR_BROKER)
#define PHONE  (1u << MESSAGE_ACTOR_PHONE)

/* The life of a message. What is not here is refused, whoever asks. */
static const struct {
    enum message_status from;
    enum message_status to;
    unsigned actors;
} transitions[] = {
    /* Choosing a phone. A basic phone cannot prove what it did with a frame, so writing the frame
       is the point of no return and the message is accepted at once. */
    {MESSAGE_QUEUED, MESSAGE_DISPATCHED, BROKER},
    {MESSAGE_QUEUED, MESSAGE_ACCEPTED, BROKER},
    {MESSAGE_DISPATCHED, MESSAGE_ACCEPTED, BROKER},     /* the phone acknowledged the offer */
    {MESSAGE_DISPATCHED, MESSAGE_QUEUED, BROKER},       /* it did not, or refused it */
    {MESSAGE_ACCEPTED, MESSAGE_QUEUED, BROKER | PHONE}, /* proof: the frame was never written, or
                                                           no part of it reached the radio */
    {MESSAGE_SENDING, MESSAGE_QUEUED, PHONE},           /* proof, as above */

    /* Never sent. */
    {MESSAGE_QUEUED, MESSAGE_CANCELLED, API | BROKER},
    {MESSAGE_DISPATCHED, MESSAGE_CANCELLED, API | BROKER},
    {MESSAGE_ACCEPTED, MESSAGE_CANCELLED, PHONE},
    {MESSAGE_QUEUED, MESSAGE_EXPIRED, BROKER},
    {MESSAGE_DISPATCHED, MESSAGE_EXPIRED, BROKER},
    {MESSAGE_ACCEPTED, MESSAGE_EXPIRED, PHONE},
    {MESSAGE_QUEUED, MESSAGE_FAILED, BROKER},

    /* What the phone reports; it may skip steps, Android loses broadcasts. */
    {MESSAGE_ACCEPTED, MESSAGE_SENDING, PHONE},
    {MESSAGE_ACCEPTED, MESSAGE_SENT, PHONE},
    {MESSAGE_ACCEPTED, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_ACCEPTED, MESSAGE_FAILED, PHONE},
    {MESSAGE_SENDING, MESSAGE_SENT, PHONE},
    {MESSAGE_SENDING, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_SENDING, MESSAGE_FAILED, PHONE},
    {MESSAGE_SENT, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_SENT, MESSAGE_FAILED, PHONE}, /* the network's negative delivery report */

    /* Silence, a wiped phone, a crash at the worst moment. */
    {MESSAGE_ACCEPTED, MESSAGE_UNKNOWN, BROKER | PHONE},
    {MESSAGE_SENDING, MESSAGE_UNKNOWN, BROKER | PHONE},

    /* Late evidence is never dropped. */
    {MESSAGE_UNKNOWN, MESSAGE_SENT, PHONE},
    {MESSAGE_UNKNOWN, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_UNKNOWN, MESSAGE_FAILED, PHONE},
    {MESSAGE_FAILED, MESSAGE_SENT, PHONE},
    {MESSAGE_FAILED, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_EXPIRED, MESSAGE_SENT, PHONE},
    {MESSAGE_EXPIRED, MESSAGE_DELIVERED, PHONE},
    {MESSAGE_CANCELLED, MESSAGE_SENT, PHONE},
    {MESSAGE_CANCELLED, MESSAGE_DELIVERED, PHONE},
};

const char *message_status_name(enum message_status status)
{
    return status_names[status];
}

bool message_status_parse(const char *name, enum message_status *status)
{
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *status = (enum message_status)i;
            return true;
        }
    }
    return false;
}

bool message_status_may_become(enum message_status from, enum message_status to,
                               enum message_actor actor)
{
    for (size_t i = 0; i < ARRAY_LENGTH(transitions); i++) {
        if (transitions[i].from == from && transitions[i].to == to)
            return transitions[i].actors & 1u << actor;
    }
    return false;
}

bool message_status_is_report(enum message_status status)
{
    return status == MESSAGE_SENDING || status == MESSAGE_SENT || status == MESSAGE_DELIVERED ||
           status == MESSAGE_FAILED;
}

void message_fini(struct message *message)
{
    free(message->text);
    message->text = NULL;
}
