/* What clients and devices say about a message. */
#include "common/model/polled_app.h"
#include "common/store/verbs/reports.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

static enum error find_row(struct store_transaction *transaction, const struct message_id *id,
                           struct message_row *row, bool *found)
{
    return transaction->rows->messages->find(transaction->database, id, row, found);
}

enum error verb_cancel(struct store_transaction *transaction, struct store_write *write)
{
    struct message_row row;
    bool found;
    enum error error = find_row(transaction, &write->cancel.id, &row, &found);
    if (error != ERROR_NONE)
        return error;
    return found ? transition_cancel(transaction, &row, &write->cancel.asked)
                 : ERROR_MESSAGE_NOT_FOUND;
}

enum error verb_release(struct store_transaction *transaction, struct store_write *write)
{
    struct message_row row;
    bool found;
    struct device_connection newest;
    const struct store_holder *device = &write->release.holder;
    write->release.verdict = STORE_VERDICT_DROP;
    enum error error = transaction->rows->devices->find_connection(transaction->database,
                                                                   device->device_id, &newest);
    write->release.superseded = error == ERROR_NONE && newest.epoch != device->connection_epoch;
    if (error == ERROR_NONE)
        error = find_row(transaction, &write->release.ref.id, &row, &found);
    if (error != ERROR_NONE || !found)
        return error;
    unsigned facts = transition_facts(&row, device, write->release.ref.attempt);
    if (!write->release.superseded)
        facts |= MESSAGE_OF_SESSION;
    if (write->release.sim != 0)
        row.device_sim = write->release.sim;
    return transition_judge_offer(transaction, &row, facts, &write->release.verdict);
}

enum error verb_return_to_queue(struct store_transaction *transaction, struct store_write *write)
{
    struct store_return_to_queue *request = &write->return_to_queue;
    struct message_row row;
    bool found;
    request->changed = false;
    /* Where it was not, the attempt may be another claim's, whose device has sent it. */
    if (request->if_committed != 0 &&
        !transaction->rows->admin->was_committed(transaction->database, request->if_committed))
        return ERROR_NONE;
    enum error error = find_row(transaction, &request->ref.id, &row, &found);
    if (error != ERROR_NONE || !found)
        return error;
    struct store_holder holder = {.journal = row.journal};
    strcpy(holder.device_id, request->device_id);
    unsigned facts = transition_facts(&row, &holder, request->ref.attempt);
    /* The broker can prove that it never wrote a frame, which helps only where the frame itself was the release. */
    if (!message_row_has_journal(&row))
        facts |= MESSAGE_NOTHING_SENT;
    request->changed = message_may_become(row.status, MESSAGE_QUEUED, MESSAGE_ACTOR_BROKER, facts);
    if (!request->changed)
        return ERROR_NONE;
    enum transition_reason reason = request->hopeless  ? TRANSITION_TOO_LONG
                                    : request->refused ? TRANSITION_REFUSED
                                                       : TRANSITION_CONNECTION_ENDED;
    error = transition_return(transaction, &row, reason, request->jitter, request->error_code,
                              request->error_message);
    if (error != ERROR_NONE || !request->hopeless || row.status != MESSAGE_QUEUED)
        return error;
    return transition_apply(transaction, &row, MESSAGE_FAILED, reason, request->error_code,
                            request->error_message);
}

/* ---- Reports ---- */

/* A restored backup does not know what became of the messages that were open in it, nor on which device: the first
   device with evidence gets the message. */
static enum error adopt_restored(struct store_transaction *transaction, struct message_row *row,
                                 const struct store_report *report)
{
    bool has_no_device = row->status == MESSAGE_UNKNOWN && *row->device_id == '\0';
    if (!has_no_device ||
        !message_may_become(row->status, report->status, MESSAGE_ACTOR_DEVICE, MESSAGE_ALL_FACTS))
        return ERROR_NONE;
    strcpy(row->device_id, report->holder.device_id);
    row->journal = report->holder.journal;
    row->attempt = MAX(report->ref.attempt, row->attempt);
    return transaction->rows->messages->assign(transaction->database, row);
}

/* A newer report of the same attempt counts more than one that arrives late from an older connection. */
static bool is_late(const struct store_report *report, const struct message_row *row,
                    unsigned facts)
{
    return report->seq >= 0 && facts & MESSAGE_OF_JOURNAL && report->seq <= row->report_seq;
}

enum { ITS_OWN = MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL };

/* A polled device has no journal of its own, and so no numbers of reports: report_seq is what it has noted of the message. */
static void compare_notes(struct message_row *row, struct store_report *report, unsigned facts)
{
    bool is_own = (facts & ITS_OWN) == ITS_OWN;
    int64_t noted = MAX(row->report_seq, 0);
    report->of_another_list = is_own && polled_notes_differ(noted, report->notes);
    if (is_own && report->notes != 0 && !report->confirms)
        row->report_seq = polled_notes_join(noted, report->notes);
}

/* A polled device has the message, and no more: it need not be listed again. */
static enum error confirm(struct store_transaction *transaction, struct message_row *row,
                          int64_t notes, unsigned facts)
{
    if (row->status != MESSAGE_ACCEPTED || row->report_seq >= 0 || (facts & ITS_OWN) != ITS_OWN)
        return ERROR_NONE;
    row->report_seq = notes;
    return transaction->rows->messages->set_confirmed(transaction->database, row);
}

/* An app is told a time for each message, also where its client set no deadline. It ends one earlier only by a clock that is wrong:
   its own, or the gateway's when the app was told. */
static bool is_in_time(const struct store_transaction *transaction, const struct message_row *row)
{
    int64_t expires_at_ms = row->options.expires_at_ms;
    return expires_at_ms == 0 || expires_at_ms > transaction->now_ms + STORE_CLOCK_STEP_MS;
}

static enum error take_report(struct store_transaction *transaction, struct store_report *report)
{
    struct message_row row;
    bool found;
    enum error error = find_row(transaction, &report->ref.id, &row, &found);
    if (error == ERROR_NONE && found)
        error = adopt_restored(transaction, &row, report);
    if (error != ERROR_NONE)
        return error;
    if (!found || strcmp(row.device_id, report->holder.device_id) != 0)
        return ERROR_MESSAGE_NOT_HELD;

    unsigned facts = transition_facts(&row, &report->holder, report->ref.attempt);
    bool nothing_sent = report->nothing_sent && (!report->of_one_segment || row.segments == 1);
    if (nothing_sent)
        facts |= MESSAGE_NOTHING_SENT;
    report->changed = false;
    compare_notes(&row, report, facts);
    if (report->confirms)
        return confirm(transaction, &row, report->notes, facts);
    report->changed = true;
    bool is_failure = report->status == MESSAGE_FAILED ||
                      (report->status == MESSAGE_EXPIRED && is_in_time(transaction, &row));
    if (nothing_sent && is_failure &&
        message_may_become(row.status, MESSAGE_QUEUED, MESSAGE_ACTOR_DEVICE, facts))
        return transition_return(transaction, &row, TRANSITION_NOTHING_SENT, report->jitter,
                                 report->error_code, report->error_message);
    report->changed = !is_late(report, &row, facts) &&
                      message_may_become(row.status, report->status, MESSAGE_ACTOR_DEVICE, facts);
    if (!report->changed)
        return ERROR_NONE;
    if (report->seq >= 0)
        row.report_seq = report->seq;
    if (report->sim != 0)
        row.device_sim = report->sim;
    return transition_apply(transaction, &row, report->status, TRANSITION_REPORTED,
                            report->error_code, report->error_message);
}

enum error reports_take(struct store_transaction *transaction, struct store_report *report)
{
    transaction->refund = (struct store_refund){0};
    enum error error = take_report(transaction, report);
    report->refund = transaction->refund;
    return error;
}

enum error verb_report(struct store_transaction *transaction, struct store_write *write)
{
    return reports_take(transaction, &write->report);
}
