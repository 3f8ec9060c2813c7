/* Messages without a report, offers without an answer, and what else housekeeping ends. */
#include "common/store/verbs/opt_outs.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

/* A time in the future was written by a wrong clock, and its message would be waited for until then: it counts as
   changed now. */
static enum error correct_future(struct store_transaction *transaction)
{
    enum { SLACK_MS = 60000 };
    return transaction->rows->messages->correct_future(
        transaction->database, transaction->now_ms + SLACK_MS, transaction->now_ms);
}

static enum error expire_silent(struct store_transaction *transaction, struct store_expire *expire,
                                struct message_row rows[], size_t limit)
{
    size_t count;
    enum error error = correct_future(transaction);
    if (error == ERROR_NONE)
        error = transaction->rows->messages->list_silent(
            transaction->database, transaction->now_ms - expire->silent_for_ms, limit, rows,
            &count);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++)
        error = transition_apply(transaction, &rows[i], MESSAGE_UNKNOWN, TRANSITION_NO_REPORT,
                                 "no_report", "the phone has not said what became of the message");
    if (error == ERROR_NONE)
        expire->unknown = (unsigned)count;
    return error;
}

/* Queued, or offered: a device that acknowledges the offer later is told to drop it. */
static enum error expire_unsent(struct store_transaction *transaction, struct store_expire *expire,
                                struct message_row rows[], size_t limit)
{
    size_t count;
    enum error error = transaction->rows->messages->list_expired(
        transaction->database, transaction->now_ms, limit, rows, &count);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++)
        error = transition_expire(transaction, &rows[i]);
    if (error == ERROR_NONE)
        expire->expired = (unsigned)count;
    return error;
}

enum error verb_expire_unreported(struct store_transaction *transaction, struct store_write *write)
{
    struct store_expire *expire = &write->expire_unreported;
    enum error error = opt_outs_cancel_queued(transaction, &expire->more_to_cancel);
    struct message_row *rows = transaction_scratch(transaction, STORE_MAX_CLAIM * sizeof(*rows));
    size_t limit = MIN(expire->limit, (unsigned)STORE_MAX_CLAIM), count;

    if (!rows || error != ERROR_NONE)
        return error != ERROR_NONE ? error : ERROR_INTERNAL;
    expire->unknown = expire->queued = expire->expired = 0;
    if (transaction_trusts(transaction, expire->trusted_wall_ms))
        error = expire_unsent(transaction, expire, rows, limit);
    if (error == ERROR_NONE && expire->silent_for_ms != 0)
        error = expire_silent(transaction, expire, rows, limit);
    if (error != ERROR_NONE || expire->offered_for_ms == 0)
        return error;
    error = transaction->rows->messages->list_offered(
        transaction->database, transaction->now_ms - expire->offered_for_ms, limit, rows, &count);
    if (error != ERROR_NONE)
        return error;
    expire->queued = (unsigned)count;
    return transition_return_offers(transaction, rows, count, TRANSITION_NO_ANSWER);
}
