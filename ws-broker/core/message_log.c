#include "ws-broker/core/message_log.h"

#include "common/base/log.h"
#include "common/model/send_result.h"

#include <string.h>

/* Why a message was returned to the queue. */
static const char *reason_of(const struct store_transition *transition)
{
    return transition->to == MESSAGE_QUEUED ? transition_reason_name(transition->reason) : "";
}

static const char *event_of(const struct store_transition *transition)
{
    if (transition->to == MESSAGE_QUEUED)
        return "message returned to queue";
    if (transition->reason == TRANSITION_CLAIMED)
        return "message dispatched";
    if (transition->reason == TRANSITION_RELEASED)
        return "message released";
    if (transition->reason == TRANSITION_REPORTED)
        return "device reported";
    return "message ended"; /* by a client, an operator, or a rule of the gateway */
}

/* A device may choose any error code; only those of the protocol are logged as they are. */
static const char *error_code_of(const struct store_transition *transition)
{
    bool is_own_word = transition->is_devices_code && *transition->error_code &&
                       !send_result_is_known(transition->error_code) &&
                       strcmp(transition->error_code, MESSAGE_TOO_LONG) != 0 &&
                       strcmp(transition->error_code, message_status_name(transition->to)) != 0;
    return is_own_word ? "other" : transition->error_code;
}

static void log_transition(const struct store_transition *transition)
{
    char id[MESSAGE_ID_TEXT_SIZE], request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&transition->ref.id, id);
    request_id_format(&transition->request_id, request_id);
    const char *reason = reason_of(transition);
    const char *protocol = transition->to == MESSAGE_DISPATCHED ? "assured" : "basic";
    log_info(event_of(transition), LOG_TEXT("message_id", id),
             LOG_TEXT_IF_ANY("request_id", request_id),
             LOG_TEXT("status", message_status_name(transition->to)),
             LOG_NUMBER("attempt", transition->ref.attempt),
             LOG_TEXT_IF_ANY("device_id", transition->device_id),
             LOG_NUMBER_IF_ANY("session", transition->connection_epoch),
             log_if(transition->connection_epoch != 0, LOG_TEXT("protocol", protocol)),
             LOG_TEXT_IF_ANY("reason", reason),
             LOG_TEXT_IF_ANY("error_code", error_code_of(transition)));
}

void message_log_transitions(void *context, const struct store_transition *transitions,
                             size_t count)
{
    (void)context;
    log_batch_begin();
    for (size_t i = 0; i < count; i++)
        log_transition(&transitions[i]);
    log_batch_end();
}

void message_log_event(const char *event, const struct message_ref *ref, const char *device_id)
{
    char text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&ref->id, text);
    log_info(event, LOG_TEXT("message_id", text), LOG_NUMBER_IF_ANY("attempt", ref->attempt),
             LOG_TEXT("device_id", device_id));
}
