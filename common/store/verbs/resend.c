/* The text of a message that has ended without a result, once more. */
#include "common/store/verbs/admission.h"
#include "common/store/verbs/idempotency.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

static const struct message_id never;

/* It was not sent, as far as anybody knows. */
static bool is_without_result(enum message_status status)
{
    return status == MESSAGE_FAILED || status == MESSAGE_EXPIRED || status == MESSAGE_CANCELLED ||
           status == MESSAGE_UNKNOWN;
}

/* `old` has the content. */
static enum error judge(enum message_status status, const struct message *old,
                        const struct store_resend *resend)
{
    if (!is_without_result(status))
        return ERROR_NOT_RESENDABLE;
    if (*old->text == '\0')
        return ERROR_TEXT_DELETED;
    if (!resend->again && !message_id_equal(&old->resent_as, &never))
        return ERROR_ALREADY_RESENT;
    if (!resend->accept_duplicate && status == MESSAGE_UNKNOWN)
        return ERROR_MAY_HAVE_BEEN_SENT;
    return ERROR_NONE;
}

static enum error enqueue_again(struct store_transaction *transaction,
                                const struct message_row *row, struct store_resend *resend)
{
    struct message *message = resend->message;
    struct store_enqueue enqueue = {.message = message,
                                    .key_daily_messages = resend->key_daily_messages,
                                    .ignores_opt_out = resend->ignores_opt_out};
    strcpy(enqueue.key_id, resend->key_id);
    message_renew(message, &resend->new_id, &resend->request_id, resend->expires_at_ms);
    enum error error = admission_enqueue(transaction, &enqueue);
    if (error == ERROR_NONE)
        error = transaction->rows->messages->set_resent(transaction->database, row,
                                                        &resend->new_id);
    return error == ERROR_NONE && resend->idempotency
               ? idempotency_keep(transaction, resend->idempotency)
               : error;
}

static enum error resend_message(struct store_transaction *transaction, struct store_resend *resend)
{
    struct message_row row;
    bool found;
    enum error error = transaction->rows->messages->find(transaction->database, &resend->id, &row,
                                                         &found);
    if (error != ERROR_NONE)
        return error;
    if (!found)
        return ERROR_MESSAGE_NOT_FOUND;
    message_fini(resend->message);
    error = transaction->rows->messages->read_content(transaction->database, &row, resend->message);
    if (error != ERROR_NONE)
        return error;
    resend->resent_as = resend->message->resent_as;
    error = judge(row.status, resend->message, resend);
    return error == ERROR_NONE ? enqueue_again(transaction, &row, resend) : error;
}

enum error verb_resend(struct store_transaction *transaction, struct store_write *write)
{
    struct store_resend *resend = &write->resend;
    if (!resend->idempotency)
        return resend_message(transaction, resend);
    enum error error = idempotency_find(transaction, resend->idempotency);
    return error != ERROR_NONE || resend->idempotency->replayed
               ? error
               : resend_message(transaction, resend);
}
