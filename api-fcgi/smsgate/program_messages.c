/* POST /messages; GET and DELETE /messages/{id} */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/program_draft.h"
#include "api-fcgi/smsgate/program_state.h"
#include "common/base/fail_point.h"

#include <stdlib.h>
#include <string.h>

/* ---- Sending ---- */

static void release_draft(struct http_exchange *exchange)
{
    program_draft_fini(exchange->state->smsgate);
    free(exchange->state->smsgate);
}

static void refuse(struct http_exchange *exchange, enum error error)
{
    const struct program_draft *draft = exchange->state->smsgate;
    size_t refused = exchange->write.enqueue_batch.refused;
    switch (error) {
    case ERROR_EXTERNAL_ID_TAKEN:
        http_problem(exchange, error,
                     "%s is the id of another message; GET it to see. Nothing was sent.",
                     draft->external_id);
        break;
    case ERROR_OUTCOME_UNKNOWN:
        http_problem(
            exchange, error,
            "The message may have been accepted. Send it again with the id %s: 409 then says"
            " that it was.",
            draft->external_id);
        break;
    case ERROR_RECIPIENT_OPTED_OUT:
    case ERROR_RECIPIENT_CAP_REACHED:
        http_add_field_error(exchange, "/phoneNumbers", error,
                             "cannot have %s now; nothing was sent to any of them",
                             draft->messages[refused].phone_number);
        messages_refuse_new(exchange, error);
        break;
    case ERROR_CONTENT_NOT_SUPPORTED:
        http_add_field_error(exchange, "/deviceId", error,
                             "must be a phone with SMSGate's app; for dataMessage 1.39.0 or newer");
        messages_refuse_new(exchange, error);
        break;
    default:
        messages_refuse_new(exchange, error);
    }
}

static void answer_sent(struct http_exchange *exchange)
{
    const struct program_draft *draft = exchange->state->smsgate;
    const struct program_view view = {
        .id = draft->external_id, .messages = draft->messages, .count = draft->count};
    struct json_writer json = {.out = &exchange->response.body};
    char id[MESSAGE_ID_TEXT_SIZE];
    if (exchange->write.result != ERROR_NONE) {
        refuse(exchange, exchange->write.result);
        return;
    }
    message_id_format(&draft->id, id);
    METRICS_ADD(&exchange->api->metrics, messages_accepted_total, 0, draft->count);
    METRICS_ADD(&exchange->api->metrics, batches_accepted_total, 0, 1);
    log_info("batch accepted", LOG_TEXT("batch_id", id),
             LOG_NUMBER("messages", (int64_t)draft->count),
             LOG_NUMBER("segments", (int64_t)(draft->count * draft->messages[0].segments)),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    http_begin_json(exchange, 202);
    http_add_header(exchange, "Location", PROGRAM_PATH "/messages/%s", draft->external_id);
    program_state_put(&json, &view);
    FAIL_POINT("api.before_answer");
}

/* The batch of a program's id: ERROR_BATCH_NOT_FOUND. */
static enum error find_batch(struct http_exchange *exchange, const char *id,
                             struct store_batch *batch)
{
    return program_id_valid(id) ? store_find_external_batch(exchange->reader, id, batch)
                                : ERROR_BATCH_NOT_FOUND;
}

/* Of a message that was accepted while it was valid: a program whose answer was lost repeats it later. Otherwise the answer stands. */
static enum http_outcome refuse_if_known(struct http_exchange *exchange)
{
    const struct program_draft *draft = exchange->state->smsgate;
    struct store_batch batch;
    if (exchange->response.status != 400 ||
        find_batch(exchange, draft->external_id, &batch) != ERROR_NONE)
        return HTTP_ANSWERED;
    buffer_clear(&exchange->problem.text); /* of the answer that it would have been */
    refuse(exchange, ERROR_EXTERNAL_ID_TAKEN);
    return HTTP_ANSWERED;
}

enum http_outcome program_messages_handle_send(struct http_exchange *exchange)
{
    struct program_draft *draft = calloc(1, sizeof(*draft));
    if (!draft)
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the message.");
    exchange->state->smsgate = draft;
    exchange->release = release_draft;
    if (!program_draft_read(exchange, draft))
        return refuse_if_known(exchange);
    exchange->write = (struct store_write){
        .verb = STORE_ENQUEUE_BATCH,
        .enqueue_batch = {.id = draft->id,
                          .messages = draft->messages,
                          .count = draft->count,
                          .key_daily_messages = exchange->key_daily_messages,
                          .ignores_opt_out = exchange->key_ignores_opt_out},
    };
    strcpy(exchange->write.enqueue_batch.external_id, draft->external_id);
    strcpy(exchange->write.enqueue_batch.key_id, exchange->key_id);
    return http_park(exchange, answer_sent);
}

/* ---- Reading ---- */

static enum http_outcome refuse_message(struct http_exchange *exchange, enum error error)
{
    return error == ERROR_BATCH_NOT_FOUND
               ? http_problem(exchange, ERROR_MESSAGE_NOT_FOUND, "No message has the id %s.",
                              exchange->request.path_argument)
               : http_store_problem(exchange, error);
}

static enum http_outcome answer_state(struct http_exchange *exchange)
{
    struct store_batch batch;
    struct store_page page = {0};
    struct json_writer json = {.out = &exchange->response.body};
    enum error error = find_batch(exchange, exchange->request.path_argument, &batch);
    if (error == ERROR_NONE) {
        const struct store_query query = {.batch_id = batch.id, .limit = PROGRAM_MAX_NUMBERS};
        error = store_list_messages(exchange->reader, &query, &page);
    }
    if (error == ERROR_NONE && page.count == 0) /* retention has just removed it */
        error = ERROR_BATCH_NOT_FOUND;
    if (error == ERROR_NONE) {
        http_begin_json(exchange, 200);
        program_state_put(&json, &(struct program_view){.id = batch.external_id,
                                                        .messages = page.messages,
                                                        .count = page.count,
                                                        .newest_first = true});
    }
    store_page_fini(&page);
    return error == ERROR_NONE ? HTTP_ANSWERED : refuse_message(exchange, error);
}

enum http_outcome program_messages_handle_get(struct http_exchange *exchange)
{
    return answer_state(exchange);
}

/* ---- Cancelling ---- */

static void answer_cancelled(struct http_exchange *exchange)
{
    const struct store_cancel_batch *cancel = &exchange->write.cancel_batch;
    char id[MESSAGE_ID_TEXT_SIZE];
    if (exchange->write.result != ERROR_NONE) {
        refuse_message(exchange, exchange->write.result);
        return;
    }
    if (cancel->cancelled + cancel->asked == 0) {
        http_problem(exchange, ERROR_NOT_CANCELLABLE,
                     "It was released to a device, or has its final state; GET it to see.");
        return;
    }
    message_id_format(&cancel->id, id);
    log_info("batch cancelled", LOG_TEXT("batch_id", id),
             LOG_NUMBER("cancelled", (int64_t)cancel->cancelled),
             LOG_NUMBER("asked", (int64_t)cancel->asked),
             LOG_NUMBER("too_late", (int64_t)cancel->too_late),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    answer_state(exchange);
}

enum http_outcome program_messages_handle_cancel(struct http_exchange *exchange)
{
    _Static_assert((int)PROGRAM_MAX_NUMBERS <= (int)STORE_MAX_CLAIM, "one write cancels them all");
    struct store_batch batch;
    enum error error = find_batch(exchange, exchange->request.path_argument, &batch);
    if (error != ERROR_NONE)
        return refuse_message(exchange, error);
    exchange->write = (struct store_write){
        .verb = STORE_CANCEL_BATCH, .cancel_batch = {.id = batch.id, .limit = PROGRAM_MAX_NUMBERS}};
    return http_park(exchange, answer_cancelled);
}
