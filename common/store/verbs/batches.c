/* Messages that one request creates together, and cancels together. */
#include "common/base/fail_point.h"
#include "common/store/verbs/admission.h"
#include "common/store/verbs/idempotency.h"
#include "common/store/verbs/queue_place.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

enum { PIECE = 64 };

static enum error insert_piece(struct store_transaction *transaction,
                               const struct message messages[], size_t count)
{
    struct message_place places[PIECE];
    for (size_t i = 0; i < count; i++) {
        struct message_row row = {.id = messages[i].id, .options = messages[i].options};
        places[i] = queue_place(&row, transaction->now_ms);
    }
    return transaction->rows->messages->insert_many(transaction->database, messages, places, count);
}

static enum error insert_batch_row(struct store_transaction *transaction,
                                   const struct store_enqueue_batch *request)
{
    struct store_batch batch = {.id = request->id,
                                .created_at_ms = message_id_time_ms(&request->id),
                                .count = (int64_t)request->count};
    strcpy(batch.key_id, request->key_id);
    strcpy(batch.external_id, request->external_id);
    return transaction->rows->batches->insert(transaction->database, &batch);
}

static enum error check_external_id(struct store_transaction *transaction, const char *external_id)
{
    bool found = false;
    enum error error = ERROR_NONE;
    if (*external_id)
        error = transaction->rows->batches->find_external(transaction->database, external_id,
                                                          &found);
    return found ? ERROR_EXTERNAL_ID_TAKEN : error;
}

static enum error enqueue_batch(struct store_transaction *transaction,
                                struct store_enqueue_batch *batch)
{
    enum error error = check_external_id(transaction, batch->external_id);
    if (error == ERROR_NONE)
        error = admission_count_batch(transaction, batch);
    if (error == ERROR_NONE)
        error = insert_batch_row(transaction, batch);
    for (size_t i = 0; i < batch->count && error == ERROR_NONE; i += PIECE) {
        error = insert_piece(transaction, batch->messages + i,
                             MIN(batch->count - i, (size_t)PIECE));
        FAIL_POINT("store.within_batch");
    }
    return error;
}

enum error verb_enqueue_batch(struct store_transaction *transaction, struct store_write *write)
{
    struct store_enqueue_batch *batch = &write->enqueue_batch;
    if (!batch->idempotency)
        return enqueue_batch(transaction, batch);
    enum error error = idempotency_find(transaction, batch->idempotency);
    if (error != ERROR_NONE || batch->idempotency->replayed)
        return error;
    error = enqueue_batch(transaction, batch);
    return error == ERROR_NONE ? idempotency_keep(transaction, batch->idempotency) : error;
}

/* ---- Cancelling ---- */

static enum error cancel_rows(struct store_transaction *transaction, struct message_row rows[],
                              size_t count, struct store_cancel_batch *request)
{
    for (size_t i = 0; i < count; i++) {
        bool asked;
        enum error error = transition_cancel(transaction, &rows[i], &asked);
        if (error != ERROR_NONE && error != ERROR_NOT_CANCELLABLE)
            return error;
        request->too_late += error == ERROR_NOT_CANCELLABLE;
        request->asked += error == ERROR_NONE && asked;
        request->cancelled += error == ERROR_NONE && !asked;
        request->after = rows[i].seq;
    }
    return ERROR_NONE;
}

enum error verb_cancel_batch(struct store_transaction *transaction, struct store_write *write)
{
    struct store_cancel_batch *request = &write->cancel_batch;
    const struct batch_rows *batches = transaction->rows->batches;
    struct message_row *rows = transaction_scratch(transaction, request->limit * sizeof(*rows));
    size_t count = 0;
    bool found;
    request->cancelled = request->asked = request->too_late = 0;
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = batches->find(transaction->database, &request->id, &found);
    if (error == ERROR_NONE && !found)
        return ERROR_BATCH_NOT_FOUND;
    if (error == ERROR_NONE)
        error = batches->list_messages(transaction->database, &request->id, request->after,
                                       request->limit, rows, &count);
    if (error == ERROR_NONE)
        error = cancel_rows(transaction, rows, count, request);
    request->more = count == request->limit;
    return error;
}
