#include "common/model/message.h"

#include <stdlib.h>
#include <string.h>

static const char *const status_names[MESSAGE_STATUS_COUNT] = {
    [MESSAGE_QUEUED] = "queued",       [MESSAGE_DISPATCHED] = "dispatched",
    [MESSAGE_ACCEPTED] = "accepted",   [MESSAGE_SENDING] = "sending",
    [MESSAGE_SENT] = "sent",           [MESSAGE_DELIVERED] = "delivered",
    [MESSAGE_FAILED] = "failed",       [MESSAGE_EXPIRED] = "expired",
    [MESSAGE_CANCELLED] = "cancelled", [MESSAGE_UNKNOWN] = "unknown",
};

#define API      (1u << MESSAGE_ACTOR_API)
#define BROKER   (1u << MESSAGE_ACTOR_BROKER)
#define PHONE    (1u << MESSAGE_ACTOR_PHONE)
#define OPERATOR (1u << MESSAGE_ACTOR_OPERATOR)

#define CURRENT (MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT)
#define OFFERED (CURRENT | MESSAGE_OF_JOURNAL | MESSAGE_OF_SESSION)
#define PROVED  (CURRENT | MESSAGE_OF_JOURNAL | MESSAGE_NOTHING_SENT)

/* The life of a message. What is not here is refused, whoever asks; common/store/sqlite/sql repeats the
   pairs for the database, and a test compares them. */
static const struct {
    enum message_status from;
    enum message_status to;
    unsigned actors;
    unsigned needs; /* facts */
} transitions[] = {
    /* Choosing a phone. A basic phone cannot prove what it did with a frame, so writing the frame
       is the point of no return and the message is accepted at once. */
    {MESSAGE_QUEUED, MESSAGE_DISPATCHED, BROKER, 0},
    {MESSAGE_QUEUED, MESSAGE_ACCEPTED, BROKER, 0},
    {MESSAGE_DISPATCHED, MESSAGE_ACCEPTED, BROKER, OFFERED}, /* the phone acknowledged the offer */
    {MESSAGE_DISPATCHED, MESSAGE_QUEUED, BROKER, CURRENT},   /* it did not, or refused it */
    {MESSAGE_ACCEPTED, MESSAGE_QUEUED, BROKER | PHONE, PROVED}, /* the broker: never written */
    {MESSAGE_SENDING, MESSAGE_QUEUED, PHONE, PROVED},

    /* Never sent. */
    {MESSAGE_QUEUED, MESSAGE_CANCELLED, API | BROKER, 0},
    {MESSAGE_DISPATCHED, MESSAGE_CANCELLED, API | BROKER, 0},
    {MESSAGE_ACCEPTED, MESSAGE_CANCELLED, PHONE, CURRENT},
    {MESSAGE_QUEUED, MESSAGE_EXPIRED, BROKER, 0},
    {MESSAGE_DISPATCHED, MESSAGE_EXPIRED, BROKER, 0},
    {MESSAGE_ACCEPTED, MESSAGE_EXPIRED, PHONE, CURRENT},
    {MESSAGE_QUEUED, MESSAGE_FAILED, BROKER, 0}, /* no phone could send it, too often */

    /* What the phone reports; it may skip steps, Android loses broadcasts. */
    {MESSAGE_ACCEPTED, MESSAGE_SENDING, PHONE, CURRENT},
    {MESSAGE_ACCEPTED, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_ACCEPTED, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_ACCEPTED, MESSAGE_FAILED, PHONE, CURRENT},
    {MESSAGE_SENDING, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_SENDING, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_SENDING, MESSAGE_FAILED, PHONE, CURRENT},
    {MESSAGE_SENT, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_SENT, MESSAGE_FAILED, PHONE, CURRENT}, /* the network's negative delivery report */

    /* Silence, another journal, a crash at the worst moment; a restored backup, which does not know what
       has been sent since. */
    {MESSAGE_QUEUED, MESSAGE_UNKNOWN, OPERATOR, 0},
    {MESSAGE_DISPATCHED, MESSAGE_UNKNOWN, OPERATOR, 0},
    {MESSAGE_ACCEPTED, MESSAGE_UNKNOWN, BROKER | PHONE | OPERATOR, CURRENT},
    {MESSAGE_SENDING, MESSAGE_UNKNOWN, BROKER | PHONE | OPERATOR, CURRENT},

    /* Late evidence is never dropped. */
    {MESSAGE_UNKNOWN, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_UNKNOWN, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_UNKNOWN, MESSAGE_FAILED, PHONE, CURRENT},
    {MESSAGE_FAILED, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_FAILED, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_EXPIRED, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_EXPIRED, MESSAGE_DELIVERED, PHONE, CURRENT},
    {MESSAGE_CANCELLED, MESSAGE_SENT, PHONE, CURRENT},
    {MESSAGE_CANCELLED, MESSAGE_DELIVERED, PHONE, CURRENT},
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

bool message_may_become(enum message_status from, enum message_status to, enum message_actor actor,
                        unsigned facts)
{
    for (size_t i = 0; i < ARRAY_LENGTH(transitions); i++) {
        if (transitions[i].from == from && transitions[i].to == to)
            return (transitions[i].actors & 1u << actor) && (transitions[i].needs & ~facts) == 0;
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
