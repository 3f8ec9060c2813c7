/* Incoming SMS. */
#include "common/store/verbs/events.h"
#include "common/store/verbs/opt_outs.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

/* A text that retention has removed may have been any. */
static bool is_same(const struct incoming_sms *stored, const struct incoming_sms *sms)
{
    bool has_text = *stored->text || stored->segments == 0;
    return strcmp(stored->sender, sms->sender) == 0 &&
           (!has_text || strcmp(stored->text, sms->text) == 0);
}

/* What follows from a new one belongs here, after it is inserted: in its transaction. */
static enum error receive_new(struct store_transaction *transaction, struct store_receive *receive)
{
    const struct incoming_sms *sms = receive->sms;
    if (transaction->refusal != ERROR_NONE)
        return transaction->refusal;
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&sms->id, id);
    const struct event_row event = {
        .type = EVENT_INBOX_RECEIVED, .device_id = sms->device_id, .subject = id};
    enum error error = transaction->rows->incoming->insert(transaction->database, sms);
    if (error == ERROR_NONE)
        error = event_put(transaction, &event);
    if (error == ERROR_NONE)
        error = opt_outs_receive(transaction, receive);
    if (error == ERROR_NONE)
        transaction->tally.received[METRICS_RECEIVED_STORED]++;
    return error;
}

enum error verb_receive(struct store_transaction *transaction, struct store_write *write)
{
    struct store_receive *receive = &write->receive;
    const struct incoming_sms *sms = receive->sms;
    struct incoming_sms stored = {0};
    enum error error = transaction->rows->incoming->find(
        transaction->database, sms->device_id, sms->received_id, &stored, &receive->known);
    receive->differs = false;
    receive->opt = STORE_OPT_UNCHANGED;
    receive->id = sms->id;
    if (error != ERROR_NONE)
        return error;
    if (!receive->known)
        return receive_new(transaction, receive);
    receive->id = stored.id;
    receive->differs = !is_same(&stored, sms);
    incoming_sms_fini(&stored);
    transaction->tally.received[METRICS_RECEIVED_KNOWN]++;
    return ERROR_NONE;
}
