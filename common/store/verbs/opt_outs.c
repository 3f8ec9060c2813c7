#include "common/store/verbs/opt_outs.h"

#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_LOOKED_AT = 20000, /* queued messages in one look: some milliseconds */
    MOST_CANCELLED = 256,
    MOST_LOOKED_BACK = 2000, /* messages to the recipient that left the queue */
    MOST_RECIPIENTS = 64,    /* of one round of housekeeping */
};

enum error opt_outs_check(struct store_transaction *transaction, const char *phone_number)
{
    struct opt_out_row row;
    bool found;
    enum error error = transaction->rows->opt_outs->find(transaction->database, phone_number, &row,
                                                         &found);
    return error == ERROR_NONE && found ? ERROR_RECIPIENT_OPTED_OUT : error;
}

/* ---- Open messages ---- */

static enum error cancel(struct store_transaction *transaction, struct message_row *row)
{
    return transition_apply(transaction, row, MESSAGE_CANCELLED, TRANSITION_OPTED_OUT,
                            "recipient_opted_out", "the recipient has opted out");
}

/* An offer is cancelled. What a device may be sending is not sent again when it returns, and the device is asked to
   cancel it. */
static enum error cancel_in_flight(struct store_transaction *transaction, const char *phone_number)
{
    const struct message_rows *messages = transaction->rows->messages;
    struct message_row *rows = transaction_scratch(transaction, MOST_CANCELLED * sizeof(*rows));
    size_t count = 0;
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = messages->list_in_flight_to(transaction->database, phone_number,
                                                   MOST_LOOKED_BACK, MOST_CANCELLED, rows, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = rows[i].status == MESSAGE_DISPATCHED
                    ? cancel(transaction, &rows[i])
                    : messages->request_cancel(transaction->database, &rows[i]);
    return error;
}

/* Looks on through the queue, and moves row->cancel_after; saves the row. */
static enum error cancel_some(struct store_transaction *transaction, struct opt_out_row *row)
{
    struct message_row *rows = transaction_scratch(transaction, MOST_CANCELLED * sizeof(*rows));
    size_t count = 0;
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = transaction->rows->messages->list_queued_to(
        transaction->database, row->opt_out.phone_number, row->cancel_after, MOST_LOOKED_AT,
        MOST_CANCELLED, rows, &count, &row->cancel_after);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = cancel(transaction, &rows[i]);
    if (error == ERROR_NONE)
        error = cancel_in_flight(transaction, row->opt_out.phone_number);
    return error == ERROR_NONE ? transaction->rows->opt_outs->save(transaction->database, row)
                               : error;
}

enum error opt_outs_cancel_queued(struct store_transaction *transaction, bool *more)
{
    const struct opt_out_rows *opt_outs = transaction->rows->opt_outs;
    enum error error = ERROR_NONE;
    struct opt_out_row row;
    *more = transaction->limits.keeps_opt_outs;
    for (int i = 0; *more && i < MOST_RECIPIENTS && error == ERROR_NONE; i++) {
        error = opt_outs->find_unfinished(transaction->database, &row, more);
        if (error == ERROR_NONE && *more)
            error = cancel_some(transaction, &row);
        if (*more && transaction->rows->admin->turn_is_over(transaction->database))
            break;
    }
    return error;
}

/* ---- The list ---- */

/* *changed: it was not on the list. One that is there stays as it is, unless the recipient says so once more. */
static enum error add(struct store_transaction *transaction, const char *phone_number,
                      enum opt_out_source source, const char *keyword, bool look_now, bool *changed)
{
    struct opt_out_row row;
    bool found;
    enum error error = transaction->rows->opt_outs->find(transaction->database, phone_number, &row,
                                                         &found);
    *changed = error == ERROR_NONE && !found;
    if (error != ERROR_NONE || (found && source != OPT_OUT_BY_SMS))
        return error;
    row = (struct opt_out_row){
        .opt_out = {.since_ms = transaction->now_ms, .source = source},
        .cancel_after = 0,
    };
    snprintf(row.opt_out.phone_number, sizeof(row.opt_out.phone_number), "%s", phone_number);
    snprintf(row.opt_out.keyword, sizeof(row.opt_out.keyword), "%s", keyword);
    transaction->accepted.has_opt_outs = true;
    transaction->tally.opt_outs_added += *changed;
    return look_now ? cancel_some(transaction, &row)
                    : transaction->rows->opt_outs->save(transaction->database, &row);
}

static enum error take_off(struct store_transaction *transaction, const char *phone_number,
                           bool *changed)
{
    enum error error = transaction->rows->opt_outs->remove(transaction->database, phone_number,
                                                           changed);
    if (error == ERROR_NONE)
        transaction->tally.opt_outs_removed += *changed;
    return error;
}

enum error opt_outs_receive(struct store_transaction *transaction, struct store_receive *receive)
{
    const struct store_limits *limits = &transaction->limits;
    const struct incoming_sms *sms = receive->sms;
    char keyword[OPT_OUT_KEYWORD_SIZE];
    bool changed = false;
    enum error error = ERROR_NONE;
    if (!limits->keeps_opt_outs || *sms->sender != '+' || strlen(sms->sender) >= PHONE_NUMBER_SIZE)
        return ERROR_NONE;
    if (opt_out_keywords_find(limits->opt_out_keywords, sms->text, keyword)) {
        error = add(transaction, sms->sender, OPT_OUT_BY_SMS, keyword, true, &changed);
        receive->opt = changed ? STORE_OPTED_OUT : STORE_OPT_UNCHANGED;
    } else if (opt_out_keywords_find(limits->opt_in_keywords, sms->text, keyword)) {
        error = take_off(transaction, sms->sender, &changed);
        receive->opt = changed ? STORE_OPTED_IN : STORE_OPT_UNCHANGED;
    }
    return error;
}

enum error verb_change_opt_outs(struct store_transaction *transaction, struct store_write *write)
{
    struct store_change_opt_outs *request = &write->change_opt_outs;
    enum error error = request->remove ? ERROR_NONE : transaction->refusal;
    request->changed = 0;
    for (size_t i = 0; i < request->count && error == ERROR_NONE; i++) {
        bool changed = false;
        error = request->remove ? take_off(transaction, request->numbers[i], &changed)
                                : add(transaction, request->numbers[i], request->source, "",
                                      request->count == 1, &changed);
        request->changed += changed;
    }
    return error;
}
