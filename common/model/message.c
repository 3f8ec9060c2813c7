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
#define DEVICE   (1u << MESSAGE_ACTOR_DEVICE)
#define OPERATOR (1u << MESSAGE_ACTOR_OPERATOR)

#define NOTHING 0
#define CURRENT (MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT)
#define OFFERED (CURRENT | MESSAGE_OF_JOURNAL | MESSAGE_OF_SESSION)
#define PROVED  (CURRENT | MESSAGE_OF_JOURNAL | MESSAGE_NOTHING_SENT)

static const struct {
    enum message_status from;
    enum message_status to;
    unsigned actors;
    unsigned needs; /* facts */
} transitions[] = {
#define TRANSITION(from, to, actors, needs) {MESSAGE_##from, MESSAGE_##to, actors, needs},
#include "common/model/transitions.def"
#undef TRANSITION
};

static const char *const priority_names[MESSAGE_PRIORITY_COUNT] = {
    [MESSAGE_PRIORITY_NORMAL] = "normal",
    [MESSAGE_PRIORITY_HIGH] = "high",
    [MESSAGE_PRIORITY_LOW] = "low",
};

const char *message_priority_name(enum message_priority priority)
{
    return priority_names[priority];
}

bool message_priority_parse(const char *name, enum message_priority *priority)
{
    for (int i = 0; i < MESSAGE_PRIORITY_COUNT; i++) {
        if (strcmp(name, priority_names[i]) == 0) {
            *priority = (enum message_priority)i;
            return true;
        }
    }
    return false;
}

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
           status == MESSAGE_FAILED || status == MESSAGE_EXPIRED;
}

bool message_options_any(const struct message_options *options)
{
    const struct message_target *target = &options->target;
    return *target->device_id || *target->device_group || target->sim != 0 ||
           options->priority != MESSAGE_PRIORITY_NORMAL || options->send_at_ms != 0 ||
           options->expires_at_ms != 0 || options->no_delivery_report || *options->reference ||
           options->content != MESSAGE_TEXT;
}

bool message_has_options(const struct message *message)
{
    static const struct message_id none;
    return message_options_any(&message->options) || !message_id_equal(&message->batch_id, &none);
}

void message_renew(struct message *message, const struct message_id *id,
                   const struct request_id *request_id, int64_t expires_at_ms)
{
    struct message renewed = {
        .id = *id,
        .request_id = *request_id,
        .text = message->text,
        .encoding = message->encoding,
        .segments = message->segments,
        .updated_at_ms = message_id_time_ms(id),
        .options = message->options,
    };
    strcpy(renewed.phone_number, message->phone_number);
    renewed.reached_at_ms[MESSAGE_QUEUED] = renewed.updated_at_ms;
    renewed.options.send_at_ms = 0;
    renewed.options.expires_at_ms = expires_at_ms;
    *message = renewed;
}

void message_fini(struct message *message)
{
    free(message->text);
    message->text = NULL;
}
