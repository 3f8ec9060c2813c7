#include "common/store/verbs/transition.h"

#include "common/base/grow_list.h"
#include "common/model/polled_app.h"
#include "common/store/verbs/device_use.h"
#include "common/store/verbs/events.h"
#include "common/store/verbs/queue_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct message_id no_journal, no_batch;

bool message_row_has_journal(const struct message_row *row)
{
    return !message_id_equal(&row->journal, &no_journal);
}

unsigned transition_facts(const struct message_row *row, const struct store_holder *holder,
                          unsigned attempt)
{
    unsigned facts = 0;
    if (strcmp(row->device_id, holder->device_id) == 0)
        facts |= MESSAGE_BY_HOLDER;
    if (attempt == row->attempt || attempt == 0)
        facts |= MESSAGE_OF_ATTEMPT;
    if (message_id_equal(&row->journal, &holder->journal))
        facts |= MESSAGE_OF_JOURNAL;
    return facts;
}

/* ---- What every transition does ---- */

/* Since the message was created, or was to be sent; a clock may have gone back. */
static uint64_t age_us(const struct store_transaction *transaction, const struct message_row *row)
{
    int64_t since_ms = MAX(message_id_time_ms(&row->id), row->options.send_at_ms);
    return (uint64_t)MAX(transaction->now_ms - since_ms, 0) * 1000;
}

static void tally_transition(struct store_transaction *transaction,
                             const struct message_row *before, enum message_status to)
{
    struct tally *tally = &transaction->tally;
    tally->count_delta[before->status]--;
    tally->count_delta[to]++;
    tally->reached[to]++;
    if (before->status == MESSAGE_QUEUED && before->attempt == 0 &&
        (to == MESSAGE_DISPATCHED || to == MESSAGE_ACCEPTED))
        METRICS_OBSERVE(tally, message_dispatch_seconds, age_us(transaction, before));
    if (to == MESSAGE_DELIVERED)
        METRICS_OBSERVE(tally, message_delivery_seconds, age_us(transaction, before));
}

/* For options.publish_transitions. Without memory the log lacks a line, and nothing else is lost. */
static void record_transition(struct store_transaction *transaction,
                              const struct message_row *before, const struct message_row *after,
                              enum transition_reason reason, const char *code,
                              int64_t connection_epoch)
{
    if (!transaction->records_transitions)
        return;
    if (transaction->transition_count == transaction->transition_capacity) {
        void *more = grow_list(transaction->transitions, &transaction->transition_capacity,
                               sizeof(*transaction->transitions));
        if (!more)
            return;
        transaction->transitions = more;
    }
    struct store_transition *transition =
        &transaction->transitions[transaction->transition_count++];
    *transition = (struct store_transition){
        .reason = reason,
        .from = before->status,
        .to = after->status,
        .ref = {after->id, after->attempt},
        .request_id = after->request_id,
        .connection_epoch = connection_epoch,
        .is_devices_code = transaction->verb == STORE_REPORT ||
                           transaction->verb == STORE_REPORT_POLLED ||
                           transaction->verb == STORE_RETURN_TO_QUEUE,
    };
    strcpy(transition->device_id, *after->device_id ? after->device_id : before->device_id);
    strcpy(transition->error_code, code ? code : "");
}

/* The row in its next status, to be completed by the caller. */
static struct message_row next_row(const struct store_transaction *transaction,
                                   const struct message_row *row, enum message_status to)
{
    struct message_row after = *row;
    after.status = to;
    after.event_count++;
    after.updated_at_ms = transaction->now_ms;
    after.reached_at_ms[to] = transaction->now_ms;
    return after;
}

static enum error change_row(struct store_transaction *transaction, struct message_row *row,
                             const struct message_row *after, enum transition_reason reason,
                             const struct message_error *error, int64_t connection_epoch)
{
    enum error result = transaction->rows->messages->change(transaction->database, row, after,
                                                            reason, error);
    if (result != ERROR_NONE)
        return result;
    tally_transition(transaction, row, after->status);
    record_transition(transaction, row, after, reason, error ? error->code : NULL,
                      connection_epoch);
    bool finishes = row->status < MESSAGE_SENT && after->status >= MESSAGE_SENT;
    *row = *after;
    return finishes && !message_id_equal(&row->batch_id, &no_batch)
               ? event_note_batch(transaction, &row->batch_id)
               : ERROR_NONE;
}

/* ---- The kinds of transitions ---- */

/* The device that has the message has not sent it. */
static enum error note_device_error(struct store_transaction *transaction,
                                    const struct message_row *row,
                                    const struct message_error *message_error)
{
    struct device_error last_error = {.at_ms = transaction->now_ms, .message_id = row->id};
    snprintf(last_error.code, sizeof(last_error.code), "%s",
             message_error->code ? message_error->code : "");
    snprintf(last_error.message, sizeof(last_error.message), "%s",
             message_error->text ? message_error->text : "");
    return transaction->rows->devices->save_error(transaction->database, row->device_id,
                                                  &last_error);
}

/* An expired message says so, whether the gateway or a device has looked at the clock. */
static struct message_error error_for(enum message_status to, const char *code, const char *text)
{
    bool expires = to == MESSAGE_EXPIRED;
    return (struct message_error){
        .code = expires && !(code && *code) ? message_status_name(MESSAGE_EXPIRED) : code,
        .text = expires && !(text && *text) ? "it was not sent before its time was over" : text,
    };
}

enum error transition_apply(struct store_transaction *transaction, struct message_row *row,
                            enum message_status to, enum transition_reason reason, const char *code,
                            const char *text)
{
    struct message_row after = next_row(transaction, row, to);
    const struct message_error message_error = error_for(to, code, text);
    enum error error = ERROR_NONE;
    bool sent_nothing = to == MESSAGE_CANCELLED || to == MESSAGE_EXPIRED;
    if (sent_nothing && row->status != MESSAGE_QUEUED)
        error = device_use_refund(transaction, row);
    if (error == ERROR_NONE && to == MESSAGE_FAILED && reason == TRANSITION_REPORTED)
        error = note_device_error(transaction, row, &message_error);
    return error == ERROR_NONE ? change_row(transaction, row, &after, reason, &message_error, 0)
                               : error;
}

/* An app of a polled device that does not understand the request would send the message. */
static enum error check_app(struct store_transaction *transaction, const struct message_row *row,
                            bool *understands)
{
    struct polled_device device;
    bool found;
    enum error error = transaction->rows->devices->find_polled(transaction->database,
                                                               row->device_id, &device, &found);
    *understands = error == ERROR_NONE && (!found || device.app_version >= POLLED_APP_CANCELS);
    return error;
}

enum error transition_cancel(struct store_transaction *transaction, struct message_row *row,
                             bool *asked)
{
    *asked = false;
    if (row->status == MESSAGE_CANCELLED)
        return ERROR_NONE;
    if (message_may_become(row->status, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0))
        return transition_apply(transaction, row, MESSAGE_CANCELLED, TRANSITION_CANCEL_REQUESTED,
                                NULL, NULL);
    *asked = row->status == MESSAGE_ACCEPTED && message_row_has_journal(row);
    enum error error = *asked ? check_app(transaction, row, asked) : ERROR_NONE;
    if (error != ERROR_NONE)
        return error;
    return *asked ? transaction->rows->messages->request_cancel(transaction->database, row)
                  : ERROR_NOT_CANCELLABLE;
}

enum error transition_expire(struct store_transaction *transaction, struct message_row *row)
{
    return transition_apply(transaction, row, MESSAGE_EXPIRED, TRANSITION_EXPIRED, NULL, NULL);
}

enum error transition_dispatch(struct store_transaction *transaction, struct message_row *row,
                               const struct store_holder *holder)
{
    enum message_status to = holder->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    struct message_row after = next_row(transaction, row, to);
    after.attempt++;
    strcpy(after.device_id, holder->device_id);
    after.device_sim = 0;
    after.journal = holder->assured ? holder->journal : no_journal;
    after.report_seq = -1;
    return change_row(transaction, row, &after, TRANSITION_CLAIMED, NULL, holder->connection_epoch);
}

enum error transition_return(struct store_transaction *transaction, struct message_row *row,
                             enum transition_reason reason, double jitter, const char *code,
                             const char *text)
{
    bool is_failure = reason == TRANSITION_REFUSED || reason == TRANSITION_NOTHING_SENT;
    struct message_row after = next_row(transaction, row, MESSAGE_QUEUED);
    const struct message_error message_error = {code, text};
    after.device_id[0] = '\0';
    after.device_sim = 0;
    after.journal = no_journal;
    after.proved_attempt = row->attempt;
    after.failures += is_failure;
    after.retry_at_ms = is_failure ? transaction->now_ms + store_backoff_ms(after.failures, jitter)
                                   : 0;
    after.place = queue_place(&after, transaction->now_ms);
    enum error error = device_use_refund(transaction, row);
    if (error == ERROR_NONE && is_failure)
        error = note_device_error(transaction, row, &message_error);
    if (error == ERROR_NONE)
        error = change_row(transaction, row, &after, reason, &message_error, 0);
    if (error != ERROR_NONE)
        return error;
    if (row->cancel_requested)
        return transition_apply(transaction, row, MESSAGE_CANCELLED, TRANSITION_CANCEL_REQUESTED,
                                code, text);
    transaction->has_returned |= !is_failure;
    bool is_exhausted = is_failure && row->failures >= STORE_MAX_FAILURES;
    return is_exhausted ? transition_apply(transaction, row, MESSAGE_FAILED,
                                           TRANSITION_TOO_MANY_FAILURES, code, text)
                        : ERROR_NONE;
}

enum error transition_return_offers(struct store_transaction *transaction,
                                    struct message_row rows[], size_t count,
                                    enum transition_reason reason)
{
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = transition_return(transaction, &rows[i], reason, 0, NULL, NULL);
    return error;
}

enum error transition_restore(struct store_transaction *transaction, struct message_row *row)
{
    static const struct message_error restored = {"restored",
                                                  "It was open in a backup that was restored."};
    struct message_row after = next_row(transaction, row, MESSAGE_UNKNOWN);
    if (!message_may_become(row->status, MESSAGE_UNKNOWN, MESSAGE_ACTOR_OPERATOR,
                            MESSAGE_ALL_FACTS))
        return ERROR_INTERNAL;
    after.device_id[0] = '\0';
    after.device_sim = 0;
    after.journal = no_journal;
    return change_row(transaction, row, &after, TRANSITION_RESTORED, &restored, 0);
}

enum error transition_lose_journal(struct store_transaction *transaction, struct message_row *row)
{
    if (row->status == MESSAGE_DISPATCHED)
        return transition_return(transaction, row, TRANSITION_NOT_IN_JOURNAL, 0, NULL, NULL);
    return transition_apply(transaction, row, MESSAGE_UNKNOWN, TRANSITION_JOURNAL_LOST,
                            "journal_lost",
                            "the phone came back without the journal that knew the message");
}

enum error transition_judge_offer(struct store_transaction *transaction, struct message_row *row,
                                  unsigned facts, enum store_verdict *verdict)
{
    const unsigned all = MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL |
                         MESSAGE_OF_SESSION;
    *verdict = STORE_VERDICT_DROP;
    if (row->status == MESSAGE_ACCEPTED && facts == all) {
        *verdict = STORE_VERDICT_RELEASE; /* the first one did not arrive */
        return ERROR_NONE;
    }
    if (!message_may_become(row->status, MESSAGE_ACCEPTED, MESSAGE_ACTOR_BROKER, facts) ||
        row->status != MESSAGE_DISPATCHED)
        return ERROR_NONE;
    *verdict = STORE_VERDICT_RELEASE;
    return transition_apply(transaction, row, MESSAGE_ACCEPTED, TRANSITION_RELEASED, NULL, NULL);
}
