#include "ws-broker/core/message_log.h"

#include "common/base/log.h"
#include "common/model/send_result.h"

#include <string.h>

/* Why a message is in the queue again, by the verb that put it there. */
static const char *const return_reasons[STORE_VERB_COUNT] = {
    [STORE_RETURN_TO_QUEUE] = "connection_ended", [STORE_REPORT] = "nothing_sent",
    [STORE_DEVICE_CONNECT] = "not_in_journal",    [STORE_EXPIRE] = "no_answer",
    [STORE_BROKER_LEASE] = "broker_restarted",
};

static const char *reason_of(const struct store_transition *move)
{
    if (move->to != MESSAGE_QUEUED || !return_reasons[move->verb])
        return "";
    if (move->verb == STORE_RETURN_TO_QUEUE && strcmp(move->error_code, MESSAGE_TOO_LONG) == 0)
        return MESSAGE_TOO_LONG;
    bool is_refused = move->verb == STORE_RETURN_TO_QUEUE && *move->error_code;
    return is_refused ? "refused" : return_reasons[move->verb];
}

static const char *event_of(const struct store_transition *move)
{
    if (move->to == MESSAGE_QUEUED)
        return "message returned to queue";
    if (move->verb == STORE_CLAIM && move->to != MESSAGE_FAILED)
        return "message dispatched";
    if (move->to == MESSAGE_ACCEPTED)
        return "message released";
    if (move->verb == STORE_REPORT && move->from != MESSAGE_QUEUED)
        return "device reported";
    return "message ended"; /* by a wish or a rule of the gateway's */
}

/* An error code is the phone's to choose, so only those of the protocol are written as they are. */
static const char *error_code_of(const struct store_transition *move)
{
    bool is_a_phones = move->verb == STORE_REPORT || move->verb == STORE_RETURN_TO_QUEUE;
    bool is_free = is_a_phones && *move->error_code && !send_result_is_known(move->error_code) &&
                   strcmp(move->error_code, MESSAGE_TOO_LONG) != 0;
    return is_free ? "other" : move->error_code;
}

static void log_move(const struct store_transition *move)
{
    char id[MESSAGE_ID_TEXT_SIZE], request_id[REQUEST_ID_TEXT_SIZE];
    message_id_format(&move->id, id);
    request_id_format(&move->request_id, request_id);
    const char *reason = reason_of(move);
    const char *protocol = move->to == MESSAGE_DISPATCHED ? "assured" : "basic";
    log_info(event_of(move), LOG_TEXT("message_id", id), LOG_TEXT_IF_ANY("request_id", request_id),
             LOG_TEXT("status", message_status_name(move->to)),
             LOG_NUMBER("attempt", move->attempt), LOG_TEXT_IF_ANY("device_id", move->device_id),
             LOG_NUMBER_IF_ANY("session", move->session),
             log_if(move->session != 0, LOG_TEXT("protocol", protocol)),
             LOG_TEXT_IF_ANY("reason", reason), LOG_TEXT_IF_ANY("error_code", error_code_of(move)));
}

void message_log_transitions(void *context, const struct store_transition *transitions,
                             size_t count)
{
    (void)context;
    log_hold();
    for (size_t i = 0; i < count; i++)
        log_move(&transitions[i]);
    log_release();
}

void message_log_event(const char *event, const struct message_id *id, unsigned attempt,
                       const char *device_id)
{
    char text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(id, text);
    log_info(event, LOG_TEXT("message_id", text), LOG_NUMBER_IF_ANY("attempt", attempt),
             LOG_TEXT("device_id", device_id));
}
