/* Finished messages: sent once more, or removed. */
#include "common/store/verbs/admission.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

static const struct message_id never;

/* It was not sent, as far as anybody knows. */
static bool is_without_result(enum message_status status)
{
    return status == MESSAGE_FAILED || status == MESSAGE_EXPIRED || status == MESSAGE_CANCELLED ||
           status == MESSAGE_UNKNOWN;
}

static enum store_requeue_outcome judge_requeue(enum message_status status,
                                                const struct message *message,
                                                const struct message_id *requeued_as, bool again)
{
    if (!is_without_result(status))
        return STORE_REQUEUE_NOT_ENDED;
    if (!again && !message_id_equal(requeued_as, &never))
        return STORE_REQUEUE_DONE;
    return *message->text ? STORE_REQUEUED : STORE_REQUEUE_NO_TEXT;
}

static enum error enqueue_again(struct store_transaction *transaction,
                                const struct message_row *row, struct message *message,
                                const struct message_id *new_id)
{
    struct store_enqueue enqueue = {.message = message};
    message->id = *new_id;
    enum error error = admission_enqueue(transaction, &enqueue);
    return error == ERROR_NONE
               ? transaction->rows->messages->set_requeued(transaction->database, row, new_id)
               : error;
}

enum error verb_requeue(struct store_transaction *transaction, struct store_write *write)
{
    struct store_requeue *request = &write->requeue;
    struct message message = {0};
    struct message_id requeued_as = never;
    struct message_row row;
    bool found;
    enum error error = transaction->rows->messages->find(transaction->database, &request->id, &row,
                                                         &found);
    if (error == ERROR_NONE && !found)
        error = ERROR_MESSAGE_NOT_FOUND;
    if (error == ERROR_NONE)
        error = transaction->rows->messages->read_content(transaction->database, &row, &message,
                                                          &requeued_as);
    if (error == ERROR_NONE) {
        request->outcome = judge_requeue(row.status, &message, &requeued_as, request->again);
        if (request->outcome == STORE_REQUEUED)
            error = enqueue_again(transaction, &row, &message, &request->new_id);
        else
            request->new_id = requeued_as;
    }
    message_fini(&message);
    return error;
}

static enum error remove_message(struct store_transaction *transaction,
                                 const struct message_row *row)
{
    enum error error = transaction->rows->messages->remove(transaction->database, row);
    if (error == ERROR_NONE)
        transaction->tally.count_delta[row->status]--;
    return error;
}

enum error verb_erase(struct store_transaction *transaction, struct store_write *write)
{
    struct message_row row;
    bool found;
    enum error error = transaction->rows->messages->find(transaction->database, &write->erase.id,
                                                         &row, &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    write->erase.erased = row.status >= MESSAGE_SENT;
    return write->erase.erased ? remove_message(transaction, &row) : ERROR_NONE;
}

static enum error purge_messages(struct store_transaction *transaction, struct store_purge *purge)
{
    size_t count = 0, limit = (size_t)purge->limit;
    struct message_row *rows = transaction_scratch(transaction, limit * sizeof(*rows));
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = transaction->rows->messages->list_finished(
        transaction->database, transaction->now_ms - purge->message_age_ms, limit, rows, &count);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++)
        error = remove_message(transaction, &rows[i]);
    purge->messages = (int64_t)count;
    return error;
}

enum error verb_purge(struct store_transaction *transaction, struct store_write *write)
{
    struct store_purge *purge = &write->purge;
    bool space = false;
    enum error error = ERROR_NONE;
    if (purge->text_age_ms != 0)
        error = transaction->rows->messages->remove_texts(transaction->database,
                                                          transaction->now_ms - purge->text_age_ms,
                                                          purge->limit, &purge->texts);
    if (error == ERROR_NONE && purge->message_age_ms != 0)
        error = purge_messages(transaction, purge);
    if (error == ERROR_NONE)
        error = transaction->rows->admin->reclaim_space(transaction->database, &space);
    purge->more = space || purge->texts == purge->limit || purge->messages == purge->limit;
    return error;
}
