/* POST /api/batches, and /api/send-sms with `phone_numbers`; GET and DELETE /api/batches/{batch_id}. */
#include "api-fcgi/handlers/batch_draft.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/idempotency.h"
#include "common/base/fail_point.h"
#include "common/base/json_write.h"
#include "common/base/log.h"
#include "common/store/batch_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANCEL_PIECE = 200 };
_Static_assert((int)CANCEL_PIECE <= (int)STORE_MAX_CLAIM, "a piece is one write");

/* ---- Creating ---- */

static void release_draft(struct http_exchange *exchange)
{
    batch_draft_fini(exchange->state->batch);
    free(exchange->state->batch);
}

static void write_answer(struct buffer *out, const struct batch_draft *draft)
{
    struct json_writer json = {.out = out};
    batch_json_put_created(&json, &(struct batch_created){.id = draft->id,
                                                          .messages = draft->messages,
                                                          .count = draft->count,
                                                          .duplicates = draft->duplicates,
                                                          .segments = draft->segments});
}

static void refuse_unknown_outcome(struct http_exchange *exchange)
{
    exchange->problem.batch_id = &exchange->state->batch->id;
    if (idempotency_of(exchange))
        http_problem(exchange, ERROR_OUTCOME_UNKNOWN,
                     "The batch may have been accepted, all of it or nothing. Send it again with"
                     " the same Idempotency-Key, until the answer is another one.");
    else
        http_problem(exchange, ERROR_OUTCOME_UNKNOWN,
                     "The batch may have been accepted, all of it or nothing. Wait until GET"
                     " /readyz answers 200, then GET /api/batches/{batch_id}, and send it again"
                     " only if that answers 404.");
}

/* Names the first messages whose recipients have opted out. */
static void refuse_opted_out(struct http_exchange *exchange)
{
    enum { MOST_NAMED = 20 };
    const struct store_enqueue_batch *batch = &exchange->write.enqueue_batch;
    size_t named = 0;
    for (size_t i = batch->refused; i < batch->count && named < MOST_NAMED; i++) {
        struct opt_out opt_out;
        bool found = i == batch->refused;
        if (!found && store_find_opt_out(exchange->reader, batch->messages[i].phone_number,
                                         &opt_out, &found) != ERROR_NONE)
            break;
        if (found)
            batch_draft_add_error(exchange, exchange->state->batch, i, ERROR_RECIPIENT_OPTED_OUT,
                                  "has opted out; remove the message");
        named += found;
    }
    http_problem(exchange, ERROR_RECIPIENT_OPTED_OUT,
                 "None of the %zu messages was accepted; see `errors` for those to remove.",
                 batch->count);
}

/* Says at which message the batch exceeds a limit. */
static void refuse(struct http_exchange *exchange, enum error error)
{
    const struct store_enqueue_batch *batch = &exchange->write.enqueue_batch;
    bool is_limit = error == ERROR_DAILY_CAP_REACHED || error == ERROR_KEY_CAP_REACHED ||
                    error == ERROR_RECIPIENT_CAP_REACHED || error == ERROR_BURST_CAP_REACHED;
    if (is_limit)
        batch_draft_add_error(exchange, exchange->state->batch, batch->refused, error,
                              "is the first message over the limit; none of the %zu was accepted",
                              batch->count);
    if (error == ERROR_RECIPIENT_OPTED_OUT)
        refuse_opted_out(exchange);
    else if (error == ERROR_OUTCOME_UNKNOWN)
        refuse_unknown_outcome(exchange);
    else
        messages_refuse_new(exchange, error);
}

static void answer_created(struct http_exchange *exchange)
{
    const struct batch_draft *draft = exchange->state->batch;
    char id[MESSAGE_ID_TEXT_SIZE];
    if (exchange->write.result != ERROR_NONE) {
        refuse(exchange, exchange->write.result);
        return;
    }
    if (idempotency_is_replayed(exchange)) {
        idempotency_replay(exchange, NULL);
        return;
    }
    message_id_format(&draft->id, id);
    METRICS_ADD(&exchange->api->metrics, messages_accepted_total, 0, draft->count);
    METRICS_ADD(&exchange->api->metrics, batches_accepted_total, 0, 1);
    log_info("batch accepted", LOG_TEXT("batch_id", id),
             LOG_NUMBER("messages", (int64_t)draft->count), LOG_NUMBER("segments", draft->segments),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    http_begin_json(exchange, 202);
    http_add_header(exchange, "Location", "/api/batches/%s", id);
    write_answer(&exchange->response.body, draft);
    FAIL_POINT("api.before_answer");
}

/* The first answer of this request, if it was accepted while it was still valid. */
static void answer_if_done(struct http_exchange *exchange)
{
    if (exchange->write.result == ERROR_NONE && idempotency_is_replayed(exchange)) {
        buffer_clear(&exchange->response.headers);
        idempotency_replay(exchange, NULL);
    }
}

static void keep_answer(struct store_answer *answer, const struct batch_draft *draft)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&draft->id, id);
    answer->status = 202;
    snprintf(answer->location, sizeof(answer->location), "/api/batches/%s", id);
    write_answer(&answer->body, draft);
}

/* NULL after answering. */
static struct batch_draft *begin_draft(struct http_exchange *exchange)
{
    struct batch_draft *draft = calloc(1, sizeof(*draft));
    exchange->state->batch = draft;
    if (draft)
        exchange->release = release_draft;
    else
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the batch.");
    return draft;
}

static enum http_outcome create(struct http_exchange *exchange, bool is_valid)
{
    struct batch_draft *draft = exchange->state->batch;
    if (!is_valid)
        return idempotency_find_answer(exchange, answer_if_done);
    buffer_fini(&exchange->request.body); /* batches that wait must not fill the memory */
    exchange->write = (struct store_write){
        .verb = STORE_ENQUEUE_BATCH,
        .enqueue_batch = {.id = draft->id,
                          .messages = draft->messages,
                          .count = draft->count,
                          .key_daily_messages = exchange->key_daily_messages,
                          .ignores_opt_out = exchange->key_ignores_opt_out,
                          .idempotency = idempotency_of(exchange)},
    };
    strcpy(exchange->write.enqueue_batch.key_id, exchange->key_id);
    if (exchange->write.enqueue_batch.idempotency)
        keep_answer(&exchange->write.enqueue_batch.idempotency->answer, draft);
    return http_park(exchange, answer_created);
}

enum http_outcome batches_handle_create(struct http_exchange *exchange)
{
    struct batch_draft *draft = begin_draft(exchange);
    return draft ? create(exchange, batch_draft_read(exchange, draft)) : HTTP_ANSWERED;
}

enum http_outcome batches_handle_numbers(struct http_exchange *exchange, struct json *body)
{
    struct batch_draft *draft = begin_draft(exchange);
    return draft ? create(exchange, batch_draft_read_numbers(exchange, body, draft))
                 : HTTP_ANSWERED;
}

/* ---- Reading ---- */

static bool read_id(struct http_exchange *exchange, struct message_id *id)
{
    if (message_id_parse(exchange->request.path_argument, id))
        return true;
    http_problem(exchange, ERROR_BATCH_NOT_FOUND,
                 "A batch id is a UUID, as in the answer of POST /api/batches.");
    return false;
}

static enum http_outcome refuse_batch(struct http_exchange *exchange, enum error error)
{
    return error == ERROR_BATCH_NOT_FOUND ? http_problem(exchange, error, "No batch has the id %s.",
                                                         exchange->request.path_argument)
                                          : http_store_problem(exchange, error);
}

enum http_outcome batches_handle_get(struct http_exchange *exchange)
{
    struct message_id id;
    struct store_batch batch;
    if (!read_id(exchange, &id))
        return HTTP_ANSWERED;
    enum error error = store_find_batch(exchange->reader, &id, &batch);
    if (error != ERROR_NONE)
        return refuse_batch(exchange, error);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    batch_json_put(&json, &batch);
    return HTTP_ANSWERED;
}

/* ---- Cancelling ---- */

static void answer_cancelled(struct http_exchange *exchange)
{
    const struct batch_cancellation *sum = &exchange->state->cancellation;
    struct json_writer json = {.out = &exchange->response.body};
    if (exchange->write.result != ERROR_NONE && sum->cancelled + sum->asked > 0) {
        http_problem(exchange, exchange->write.result,
                     "Some messages were cancelled, others not yet. Send the request again.");
        return;
    }
    if (exchange->write.result != ERROR_NONE) {
        refuse_batch(exchange, exchange->write.result);
        return;
    }
    log_info(
        "batch cancelled", LOG_TEXT("batch_id", exchange->request.path_argument),
        LOG_NUMBER("cancelled", (int64_t)sum->cancelled), LOG_NUMBER("asked", (int64_t)sum->asked),
        LOG_NUMBER("too_late", (int64_t)sum->too_late), LOG_TEXT_IF_ANY("key", exchange->key_id));
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "batch_id", exchange->request.path_argument);
    json_put_integer(&json, "cancelled", (int64_t)sum->cancelled);
    json_put_integer(&json, "asked", (int64_t)sum->asked);
    json_put_integer(&json, "too_late", (int64_t)sum->too_late);
    json_end_object(&json);
}

/* Other writes run between two pieces. */
static void end_piece(struct store_write *write)
{
    struct http_exchange *exchange = CONTAINER_OF(write, struct http_exchange, write);
    struct batch_cancellation *sum = &exchange->state->cancellation;
    const struct store_cancel_batch *piece = &write->cancel_batch;
    if (write->result == ERROR_NONE) {
        sum->cancelled += piece->cancelled;
        sum->asked += piece->asked;
        sum->too_late += piece->too_late;
        write->run_inline = false;
        if (piece->more) {
            enum error error = store_submit(exchange->api->store, write);
            if (error == ERROR_NONE)
                return; /* it is the store's again */
            write->result = error;
        }
    }
    exchange->wake(exchange);
}

enum http_outcome batches_handle_cancel(struct http_exchange *exchange)
{
    struct message_id id;
    if (!read_id(exchange, &id))
        return HTTP_ANSWERED;
    exchange->state->cancellation = (struct batch_cancellation){0};
    exchange->resume = answer_cancelled;
    exchange->write = (struct store_write){
        .verb = STORE_CANCEL_BATCH,
        .cancel_batch = {.id = id, .limit = CANCEL_PIECE},
        .done = end_piece,
    };
    enum error error = store_submit(exchange->api->store, &exchange->write);
    return error == ERROR_NONE ? HTTP_PARKED : http_store_problem(exchange, error);
}
