#include "common/store/verbs/transaction.h"

#include "common/store/verbs/admission.h"
#include "common/store/verbs/events.h"
#include "common/store/verbs/verbs.h"

#include <stdlib.h>

void transaction_init(struct store_transaction *transaction, struct store_database *database,
                      const struct store_rows *rows, const struct store_options *options)
{
    *transaction = (struct store_transaction){
        .database = database,
        .rows = rows,
        .limits = options->limits,
        .metrics = options->metrics,
        .records_transitions = options->publish_transitions,
    };
}

void transaction_fini(struct store_transaction *transaction)
{
    free(transaction->transitions);
    free(transaction->scratch);
}

void transaction_reset(struct store_transaction *transaction, int64_t now_ms)
{
    transaction->now_ms = now_ms;
    transaction->lost = transaction->has_returned = false;
    transaction->refusal = ERROR_NONE;
    transaction->tally = (struct tally){0};
    transaction->transition_count = 0;
    transaction->finished_count = 0;
    admission_begin(transaction);
}

typedef enum error verb_function(struct store_transaction *, struct store_write *);

static verb_function *const verbs[STORE_VERB_COUNT] = {
    [STORE_ENQUEUE] = verb_enqueue,
    [STORE_ENQUEUE_BATCH] = verb_enqueue_batch,
    [STORE_CANCEL] = verb_cancel,
    [STORE_CANCEL_BATCH] = verb_cancel_batch,
    [STORE_CLAIM] = verb_claim,
    [STORE_RELEASE] = verb_release,
    [STORE_RETURN_TO_QUEUE] = verb_return_to_queue,
    [STORE_REPORT] = verb_report,
    [STORE_POLL_MESSAGES] = verb_poll_messages,
    [STORE_REPORT_POLLED] = verb_report_polled,
    [STORE_NOTE_POLLED] = verb_note_polled,
    [STORE_EXPIRE_UNREPORTED] = verb_expire_unreported,
    [STORE_DEVICE_CONNECT] = verb_connect_device,
    [STORE_DEVICE_UPDATE] = verb_update_device,
    [STORE_DEVICE_DISCONNECT] = verb_disconnect_device,
    [STORE_NOTE_WAITS] = verb_note_waits,
    [STORE_CONFIGURE_DEVICE] = verb_configure_device,
    [STORE_BROKER_LEASE] = verb_lease_broker,
    [STORE_CREATE_KEY] = verb_create_key,
    [STORE_REVOKE_KEY] = verb_revoke_key,
    [STORE_OPEN_SESSION] = verb_open_session,
    [STORE_CREATE_PAIRING] = verb_create_pairing,
    [STORE_PAIR] = verb_pair,
    [STORE_CREATE_TOKEN] = verb_create_token,
    [STORE_REVOKE_TOKEN] = verb_revoke_token,
    [STORE_COUNT_TAKEOVER] = verb_count_takeover,
    [STORE_CREATE_TICKET] = verb_create_ticket,
    [STORE_TAKE_TICKET] = verb_take_ticket,
    [STORE_SET_SENDING] = verb_set_sending,
    [STORE_CREATE_WEBHOOK] = verb_create_webhook,
    [STORE_CHANGE_WEBHOOK] = verb_change_webhook,
    [STORE_REMOVE_WEBHOOK] = verb_remove_webhook,
    [STORE_TEST_WEBHOOK] = verb_test_webhook,
    [STORE_REDELIVER] = verb_redeliver,
    [STORE_NOTE_DELIVERIES] = verb_note_deliveries,
    [STORE_RESEND] = verb_resend,
    [STORE_RECEIVE] = verb_receive,
    [STORE_CHANGE_OPT_OUTS] = verb_change_opt_outs,
    [STORE_ERASE] = verb_erase,
    [STORE_PURGE] = verb_purge,
    [STORE_FIND_ANSWER] = verb_find_answer,
    [STORE_PROBE] = verb_probe,
    [STORE_SETTLE] = verb_settle,
};

bool verb_is_atomic(enum store_verb verb)
{
    return verb == STORE_ENQUEUE || verb == STORE_PROBE || verb == STORE_FIND_ANSWER;
}

bool verb_fails_early(enum store_verb verb)
{
    return verb == STORE_CLAIM || verb == STORE_RELEASE || verb == STORE_RETURN_TO_QUEUE ||
           verb == STORE_REPORT;
}

enum error transaction_run_write(struct store_transaction *transaction, struct store_write *write)
{
    transaction->verb = write->verb;
    if (verb_is_atomic(write->verb))
        return verbs[write->verb](transaction, write);

    struct tally tally = transaction->tally;
    struct accepted_counts accepted = transaction->accepted;
    size_t transition_count = transaction->transition_count;
    enum error error = verbs[write->verb](transaction, write);
    if (error != ERROR_NONE) {
        transaction->tally = tally;
        transaction->accepted = accepted;
        transaction->transition_count = transition_count;
    }
    return error;
}

enum error transaction_refund(struct store_transaction *transaction,
                              const struct store_write *write)
{
    admission_refund(transaction, &write->enqueue);
    return transaction->lost ? ERROR_INTERNAL : ERROR_NONE;
}

enum error transaction_flush(struct store_transaction *transaction)
{
    const struct message_rows *messages = transaction->rows->messages;
    enum error error = ERROR_NONE;
    for (int i = 0; i < MESSAGE_STATUS_COUNT && error == ERROR_NONE; i++) {
        int64_t delta = transaction->tally.count_delta[i];
        if (delta != 0)
            error = messages->add_to_count(transaction->database, (enum message_status)i, delta);
    }
    if (error == ERROR_NONE)
        error = event_flush_batches(transaction);
    return error == ERROR_NONE ? admission_flush(transaction) : error;
}

static void report_tally(struct store_transaction *transaction)
{
    struct tally *tally = &transaction->tally;
    struct metrics *metrics = transaction->metrics;
    if (!metrics)
        return;
    for (int i = MESSAGE_DELIVERED; i < MESSAGE_STATUS_COUNT; i++) {
        if (tally->reached[i] > 0)
            METRICS_ADD(metrics, messages_finished_total, i, tally->reached[i]);
    }
    for (int i = 0; i < METRICS_RECEIVED_SIZE; i++) {
        if (tally->received[i] > 0)
            METRICS_ADD(metrics, incoming_sms_total, i, tally->received[i]);
    }
    if (tally->opt_outs_added > 0)
        METRICS_ADD(metrics, opt_outs_added_total, 0, tally->opt_outs_added);
    if (tally->opt_outs_removed > 0)
        METRICS_ADD(metrics, opt_outs_removed_total, 0, tally->opt_outs_removed);
    if (tally->reached[MESSAGE_SENT] > 0)
        METRICS_ADD(metrics, messages_sent_total, 0, tally->reached[MESSAGE_SENT]);
    metrics_move(&metrics->message_dispatch_seconds, &tally->message_dispatch_seconds);
    metrics_move(&metrics->message_delivery_seconds, &tally->message_delivery_seconds);
}

void transaction_committed(struct store_transaction *transaction)
{
    admission_committed(transaction);
    report_tally(transaction);
}

bool transaction_trusts(const struct store_transaction *transaction, int64_t trusted_wall_ms)
{
    return trusted_wall_ms != 0 &&
           llabs(transaction->now_ms - trusted_wall_ms) <= STORE_CLOCK_STEP_MS;
}

void *transaction_scratch(struct store_transaction *transaction, size_t bytes)
{
    if (bytes > transaction->scratch_bytes) {
        free(transaction->scratch);
        transaction->scratch = malloc(bytes);
        transaction->scratch_bytes = transaction->scratch ? bytes : 0;
    }
    return transaction->scratch;
}
