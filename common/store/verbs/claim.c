/* Claims: the oldest messages that are due, for the devices that may have them. */
#include "common/store/verbs/device_use.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

struct claim {
    struct store_transaction *transaction;
    struct store_claim *request;
    struct due_message due[STORE_MAX_CLAIM];

    /* The use of the devices that were looked at; a device may have several slots. */
    struct claim_use {
        struct device_use use;
        bool changed;
    } uses[STORE_MAX_CLAIM], *of_slot[STORE_MAX_CLAIM]; /* NULL: not looked up yet */
    size_t use_count;
};

static enum error find_use(struct claim *claim, size_t slot)
{
    const char *device_id = claim->request->slots[slot].device_id;
    if (claim->of_slot[slot])
        return ERROR_NONE;
    for (size_t i = 0; i < claim->use_count; i++) {
        if (strcmp(claim->uses[i].use.device_id, device_id) == 0) {
            claim->of_slot[slot] = &claim->uses[i];
            return ERROR_NONE;
        }
    }
    struct claim_use *use = &claim->uses[claim->use_count];
    use->changed = false;
    enum error error = device_use_find(claim->transaction, device_id, &use->use);
    if (error == ERROR_NONE) {
        claim->of_slot[slot] = use;
        claim->use_count++;
    }
    return error;
}

/* The first free slot whose device may have the message; slot_count without one. */
static enum error find_slot(struct claim *claim, unsigned segments, size_t *slot)
{
    struct store_claim *request = claim->request;
    int64_t most = claim->transaction->limits.device_daily_segments;
    for (*slot = 0; *slot < request->slot_count; ++*slot) {
        if (request->messages[*slot].text)
            continue;
        if (!device_use_is_counted(claim->transaction))
            return ERROR_NONE;
        enum error error = find_use(claim, *slot);
        if (error != ERROR_NONE)
            return error;
        struct claim_use *use = claim->of_slot[*slot];
        if (most == 0 || use->use.in_day + segments <= most) {
            use->use.in_day += segments;
            use->use.in_window += segments;
            use->changed = true;
            return ERROR_NONE;
        }
        request->slots[*slot].at_daily_limit = true;
    }
    return ERROR_NONE;
}

static enum error save_uses(const struct claim *claim)
{
    const struct store_transaction *transaction = claim->transaction;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < claim->use_count && error == ERROR_NONE; i++) {
        if (claim->uses[i].changed)
            error = transaction->rows->limits->save_device_use(transaction->database,
                                                               &claim->uses[i].use);
    }
    return error;
}

/* The message, with its text, is the slot's from then on. */
static enum error fill_slot(struct claim *claim, struct due_message *due, size_t index)
{
    struct store_holder *slot = &claim->request->slots[index];
    struct message *message = &claim->request->messages[index];
    *message = due->message;
    due->message.text = NULL;
    slot->at_daily_limit = false;
    message->attempt = due->row.attempt + 1;
    message->status = slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    strcpy(message->device_id, slot->device_id);
    claim->request->message_count++;
    return transition_dispatch(claim->transaction, &due->row, slot);
}

static enum error claim_one(struct claim *claim, struct due_message *due)
{
    int64_t most = claim->transaction->limits.device_daily_segments;
    size_t slot;
    /* The limit was lowered since it was accepted: it would stay at the head of the queue for ever. */
    if (most > 0 && due->row.segments > most)
        return transition_apply(claim->transaction, &due->row, MESSAGE_FAILED, TRANSITION_TOO_LONG,
                                "too_long", "no phone may be given so many segments in a day");
    enum error error = find_slot(claim, due->row.segments, &slot);
    if (error == ERROR_NONE && slot < claim->request->slot_count)
        error = fill_slot(claim, due, slot);
    return error;
}

enum error verb_claim(struct store_transaction *transaction, struct store_write *write)
{
    struct store_claim *request = &write->claim;
    struct store_sending sending;
    size_t count = 0;

    request->message_count = 0;
    struct claim *claim = transaction_scratch(transaction, sizeof(*claim));
    if (!claim)
        return ERROR_INTERNAL;
    enum error error = transaction->rows->limits->find_sending(transaction->database, &sending);
    request->paused = error == ERROR_NONE && sending.paused_since_ms != 0;
    if (error != ERROR_NONE || request->paused)
        return error;
    claim->transaction = transaction;
    claim->request = request;
    claim->use_count = 0;
    memset(claim->of_slot, 0, sizeof(claim->of_slot));
    error = transaction->rows->messages->list_due(transaction->database, transaction->now_ms,
                                                  transaction->now_ms + STORE_MAX_BACKOFF_MS,
                                                  request->slot_count, claim->due, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++)
        error = claim_one(claim, &claim->due[i]);
    if (error == ERROR_NONE)
        error = save_uses(claim);
    for (size_t i = 0; i < count; i++)
        message_fini(&claim->due[i].message); /* of those that no device may have */
    return error;
}
