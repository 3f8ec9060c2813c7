/* POST /api/sms/{message_id}/resend: the text of a message that ended without a result, once more. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/idempotency.h"
#include "api-fcgi/server/json_body.h"
#include "common/process/option_rules.h"

#include <string.h>

static void take_again(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, void *target)
{
    struct store_resend *resend = target;
    json_body_boolean(exchange, pointer, value, &resend->again);
}

static void take_accept_duplicate(struct http_exchange *exchange, const char *pointer,
                                  const struct json *value, void *target)
{
    struct store_resend *resend = target;
    json_body_boolean(exchange, pointer, value, &resend->accept_duplicate);
}

static const struct json_body_field fields[] = {
    {"/again", false, take_again, " repeat force "},
    {"/accept_duplicate", false, take_accept_duplicate,
     " acceptduplicates allowduplicate duplicate confirm confirmunknown "},
};

static void answer_resent(struct http_exchange *exchange)
{
    const struct store_resend *resend = &exchange->write.resend;
    char id[MESSAGE_ID_TEXT_SIZE];
    bool with_text = exchange->scopes & API_SCOPE_TEXT;
    if (exchange->write.result == ERROR_NONE && idempotency_is_replayed(exchange)) {
        message_replay_answer(exchange, with_text);
        return;
    }
    switch (exchange->write.result) {
    case ERROR_MESSAGE_NOT_FOUND:
        messages_refuse(exchange, ERROR_MESSAGE_NOT_FOUND);
        break;
    case ERROR_NOT_RESENDABLE:
        http_problem(exchange, ERROR_NOT_RESENDABLE,
                     "It was sent, or may still be sent; GET it to see. Only a failed, expired, "
                     "cancelled or unknown message can be resent.");
        break;
    case ERROR_TEXT_DELETED:
        http_problem(exchange, ERROR_TEXT_DELETED,
                     "Texts are deleted some days after their message finished "
                     "(TEXT_RETENTION_DAYS); send it as a new message.");
        break;
    case ERROR_ALREADY_RESENT:
        message_id_format(&resend->resent_as, id);
        exchange->problem.message_id = &resend->resent_as;
        http_problem(exchange, ERROR_ALREADY_RESENT,
                     "It was resent as %s. To resend it once more, send {\"again\": true}.", id);
        break;
    case ERROR_MAY_HAVE_BEEN_SENT:
        http_problem(exchange, ERROR_MAY_HAVE_BEEN_SENT,
                     "Nobody knows whether it was sent: the recipient may get the text twice. To "
                     "resend it all the same, send {\"accept_duplicate\": true}.");
        break;
    default:
        messages_answer_accepted(exchange, with_text);
    }
}

/* What was allowed when the message was accepted may have been forbidden since. False after answering. */
static bool check_rules(struct http_exchange *exchange, const struct message *message)
{
    const struct acceptance_rules *rules = &exchange->api->acceptance_rules;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = acceptance_rules_check_destination(rules, message->phone_number, reason);
    if (error != ERROR_NONE)
        http_problem(exchange, error, "Its phone number %s.", reason);
    else if ((error = acceptance_rules_check_segments(rules, message->encoding, message->segments,
                                                      reason)) != ERROR_NONE)
        http_problem(exchange, error, "Its text %s.", reason);
    return error == ERROR_NONE;
}

/* For a request with an idempotency key: the answer that it will get. */
static void keep_answer(struct store_resend *resend, const struct message *old)
{
    struct message renewed = *old;
    message_renew(&renewed, &resend->new_id, &resend->request_id, resend->expires_at_ms);
    message_replay_keep(&resend->idempotency->answer, &renewed);
}

/* The number and the text are those of the message that was resent; where that was erased, the new one's. */
static void find_content(struct http_exchange *exchange, struct message *message)
{
    static const char path[] = "/api/sms/";
    const char *location = idempotency_of(exchange)->answer.location;
    struct message_id id;
    if (strncmp(location, path, strlen(path)) == 0 &&
        message_id_parse(location + strlen(path), &id) &&
        store_find_message(exchange->reader, &id, message) != ERROR_NONE)
        *message = (struct message){0};
}

static void answer_if_done(struct http_exchange *exchange)
{
    if (exchange->write.result != ERROR_NONE || !idempotency_is_replayed(exchange))
        return;
    if (!exchange->state->sent.text)
        find_content(exchange, &exchange->state->sent);
    message_replay_answer(exchange, exchange->scopes & API_SCOPE_TEXT);
}

enum http_outcome messages_handle_resend(struct http_exchange *exchange)
{
    struct message_id id;
    struct message *message = &exchange->state->sent;
    *message = (struct message){0};
    exchange->release = messages_release_sent;
    exchange->write = (struct store_write){.verb = STORE_RESEND};
    if (!message_id_parse(exchange->request.path_argument, &id))
        return messages_refuse_id(exchange);
    struct store_resend *resend = &exchange->write.resend;
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), resend))
        return HTTP_ANSWERED;
    enum error error = store_find_message(exchange->reader, &id, message);
    if (error != ERROR_NONE && error != ERROR_MESSAGE_NOT_FOUND)
        return messages_refuse(exchange, error);
    if (error == ERROR_MESSAGE_NOT_FOUND)
        messages_refuse(exchange, error);
    if (error == ERROR_MESSAGE_NOT_FOUND || !check_rules(exchange, message))
        return idempotency_find_answer(exchange, answer_if_done);

    resend->id = id;
    resend->new_id = message_id_new();
    resend->request_id = request_id_parse(exchange->request.request_id);
    resend->expires_at_ms = option_rules_default_deadline_ms(&exchange->api->acceptance_rules, 0);
    resend->message = message;
    resend->key_daily_messages = exchange->key_daily_messages;
    resend->ignores_opt_out = exchange->key_ignores_opt_out;
    strcpy(resend->key_id, exchange->key_id);
    resend->idempotency = idempotency_of(exchange);
    if (resend->idempotency)
        keep_answer(resend, message);
    return http_park(exchange, answer_resent);
}
