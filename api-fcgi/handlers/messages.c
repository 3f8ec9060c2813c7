/* POST /api/send-sms; GET and DELETE /api/sms/{message_id}. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/message_draft.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/idempotency.h"
#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/message_json.h"

#include <string.h>

/* ---- Sending ---- */

static int64_t seconds_to_midnight(void)
{
    const int64_t day_ms = 86400 * 1000;
    return (day_ms - clock_wall_ms() % day_ms + 999) / 1000;
}

static void refuse_unknown_outcome(struct http_exchange *exchange)
{
    exchange->problem.message_id = &exchange->state->sent.id;
    if (idempotency_of(exchange))
        http_problem(exchange, ERROR_OUTCOME_UNKNOWN,
                     "The message may have been accepted. Send it again with the same"
                     " Idempotency-Key, until the answer is another one.");
    else
        http_problem(
            exchange, ERROR_OUTCOME_UNKNOWN,
            "The message may have been accepted. Wait until GET /readyz answers 200, then GET"
            " /api/sms/{message_id}, and send it again only if that answers 404.");
}

void messages_refuse_new(struct http_exchange *exchange, enum error error)
{
    enum { LATER_SECONDS = 60 };
    const struct settings *settings = exchange->api->settings;
    switch (error) {
    case ERROR_RECIPIENT_CAP_REACHED:
        exchange->problem.retry_after_s = seconds_to_midnight();
        http_problem(
            exchange, error,
            "The limit is %lld messages per recipient and UTC day (RECIPIENT_DAILY_MESSAGES).",
            (long long)settings->recipient_daily_messages);
        break;
    case ERROR_RECIPIENT_OPTED_OUT:
        http_problem(exchange, error,
                     "No message to this number is accepted until it opts in again, or DELETE"
                     " /api/opt-outs/{phone_number} takes it off the list.");
        break;
    case ERROR_CONTENT_NOT_SUPPORTED:
        http_problem(exchange, error, "Its device has no app that sends what is no plain text.");
        break;
    case ERROR_KEY_CAP_REACHED:
        exchange->problem.retry_after_s = seconds_to_midnight();
        http_problem(exchange, error,
                     "The limit is %lld messages per UTC day (KEY_DAILY_MESSAGES, or of the key).",
                     (long long)exchange->key_daily_messages);
        break;
    case ERROR_DAILY_CAP_REACHED:
        exchange->problem.retry_after_s = seconds_to_midnight();
        http_problem(exchange, error, "The limit is %lld messages per UTC day (DAILY_MESSAGES).",
                     (long long)settings->daily_messages);
        break;
    case ERROR_BURST_CAP_REACHED:
        exchange->problem.retry_after_s = LATER_SECONDS;
        http_problem(exchange, error,
                     "The limit is %lld messages within ten minutes (PAUSE_AFTER_MESSAGES).",
                     (long long)settings->pause_after_messages);
        break;
    case ERROR_SENDING_PAUSED:
        exchange->problem.retry_after_s = LATER_SECONDS;
        http_problem(
            exchange, error,
            "An operator resumes it with `sms-gateway sending resume`; `sms-gateway sending status`"
            " shows why it is paused.");
        break;
    case ERROR_QUEUE_FULL:
        exchange->problem.retry_after_s = LATER_SECONDS;
        http_problem(
            exchange, error,
            "The oldest message has waited for more than %lld minutes (MAX_QUEUE_AGE_MINUTES). Are"
            " devices connected?",
            (long long)settings->max_queue_age_minutes);
        break;
    case ERROR_OUTCOME_UNKNOWN:
        refuse_unknown_outcome(exchange);
        break;
    case ERROR_IDEMPOTENCY_KEY_REUSED:
        idempotency_refuse(exchange);
        break;
    default:
        http_store_problem(exchange, error);
    }
}

void messages_answer_accepted(struct http_exchange *exchange, bool with_text)
{
    const struct message *message = &exchange->state->sent;
    enum error error = exchange->write.result;
    FAIL_POINT("api.before_answer");
    if (error != ERROR_NONE) {
        messages_refuse_new(exchange, error);
        return;
    }
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    METRICS_ADD(&exchange->api->metrics, messages_accepted_total, 0, 1);
    log_info("message accepted", LOG_TEXT("message_id", id),
             LOG_PHONE("phone_number", message->phone_number),
             LOG_NUMBER("segments", message->segments), LOG_TEXT_IF_ANY("key", exchange->key_id));

    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 202);
    http_add_header(exchange, "Location", "/api/sms/%s", id);
    message_json_put(&json, message, with_text);
}

static void answer_accepted(struct http_exchange *exchange)
{
    if (exchange->write.result == ERROR_NONE && idempotency_is_replayed(exchange))
        message_replay_answer(exchange, true); /* the client has sent the text again */
    else
        messages_answer_accepted(exchange, true); /* the client sent the text itself */
}

void messages_release_sent(struct http_exchange *exchange)
{
    message_fini(&exchange->state->sent);
}

/* False after answering with all that is wrong. */
static bool read_message(struct http_exchange *exchange, const struct json *body,
                         struct message *message)
{
    struct message_drafts drafts;
    message_drafts_init(&drafts, exchange);
    enum error error = message_drafts_read(&drafts, body, "", message);
    message_drafts_fini(&drafts);
    if (error != ERROR_NONE)
        http_store_problem(exchange, error);
    if (error != ERROR_NONE || !json_body_accept(exchange))
        return false;
    if (!message->text)
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the message.");
    return message->text;
}

static enum http_outcome send_one(struct http_exchange *exchange, const struct json *body)
{
    struct message *message = &exchange->state->sent;
    *message = (struct message){0};
    exchange->release = messages_release_sent;
    if (!read_message(exchange, body, message))
        return idempotency_find_answer(exchange, message_replay_answer_if_done);

    message_draft_finish(exchange, message);
    if (store_read_wait(exchange->reader, message) != ERROR_NONE)
        message->wait = (struct message_wait){0}; /* it is sent all the same */
    exchange->write = (struct store_write){
        .verb = STORE_ENQUEUE,
        .enqueue = {.message = message,
                    .key_daily_messages = exchange->key_daily_messages,
                    .ignores_opt_out = exchange->key_ignores_opt_out,
                    .idempotency = idempotency_of(exchange)},
    };
    strcpy(exchange->write.enqueue.key_id, exchange->key_id);
    if (exchange->write.enqueue.idempotency)
        message_replay_keep(&exchange->write.enqueue.idempotency->answer, message);
    FAIL_POINT("api.before_enqueue");
    return http_park(exchange, answer_accepted);
}

enum http_outcome messages_handle_send(struct http_exchange *exchange)
{
    struct json *body = json_body_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    bool many = json_is_object(body) && json_member(body, "phone_numbers");
    enum http_outcome outcome = many ? batches_handle_numbers(exchange, body)
                                     : send_one(exchange, body);
    json_free(body); /* not of the exchange, which may be another thread's by now */
    return outcome;
}

/* ---- Reading and cancelling ---- */

enum http_outcome messages_refuse(struct http_exchange *exchange, enum error error)
{
    return error == ERROR_MESSAGE_NOT_FOUND
               ? http_problem(exchange, error, "No message has the id %s.",
                              exchange->request.path_argument)
               : http_store_problem(exchange, error);
}

static void put_message(struct http_exchange *exchange, int status, const struct message *message)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, status);
    message_json_put(&json, message, exchange->scopes & API_SCOPE_TEXT);
}

static enum http_outcome answer_message(struct http_exchange *exchange, int status,
                                        const struct message_id *id)
{
    struct message message;
    enum error error = store_find_message(exchange->reader, id, &message);
    if (error != ERROR_NONE)
        return messages_refuse(exchange, error);
    put_message(exchange, status, &message);
    message_fini(&message);
    return HTTP_ANSWERED;
}

enum http_outcome messages_refuse_id(struct http_exchange *exchange)
{
    return http_problem(exchange, ERROR_MESSAGE_NOT_FOUND,
                        "A message id is a UUID, as in the answer of POST /api/send-sms.");
}

enum http_outcome messages_handle_get(struct http_exchange *exchange)
{
    struct message_id id;
    if (!message_id_parse(exchange->request.path_argument, &id))
        return messages_refuse_id(exchange);
    return answer_message(exchange, 200, &id);
}

static void refuse_cancel(struct http_exchange *exchange)
{
    http_problem(exchange, ERROR_NOT_CANCELLABLE,
                 "It was released to a device, or has its final status; GET it to see.");
}

/* 200 says that it is cancelled. An app that had said so may report since the commit that it has sent it all the same. */
static void answer_if_cancelled(struct http_exchange *exchange, const struct message_id *id)
{
    struct message message;
    enum error error = store_find_message(exchange->reader, id, &message);
    if (error != ERROR_NONE) {
        messages_refuse(exchange, error);
        return;
    }
    if (message.status == MESSAGE_CANCELLED)
        put_message(exchange, 200, &message);
    else
        refuse_cancel(exchange);
    message_fini(&message);
}

static void answer_cancelled(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&write->cancel.id, id);
    switch (write->result) {
    case ERROR_NONE:
        log_info(write->cancel.asked ? "message cancellation requested" : "message cancelled",
                 LOG_TEXT("message_id", id), LOG_TEXT_IF_ANY("key", exchange->key_id));
        if (write->cancel.asked)
            answer_message(exchange, 202, &write->cancel.id);
        else
            answer_if_cancelled(exchange, &write->cancel.id);
        break;
    case ERROR_NOT_CANCELLABLE:
        refuse_cancel(exchange);
        break;
    default:
        messages_refuse(exchange, write->result);
    }
}

enum http_outcome messages_handle_cancel(struct http_exchange *exchange)
{
    struct message_id id;
    if (!message_id_parse(exchange->request.path_argument, &id))
        return messages_refuse_id(exchange);
    exchange->write = (struct store_write){.verb = STORE_CANCEL, .cancel.id = id};
    return http_park(exchange, answer_cancelled);
}
