/* Claims: the messages that are due, for the devices that may have them. */
#include "common/store/verbs/claim.h"
#include "common/store/verbs/content.h"
#include "common/store/verbs/queue_place.h"
#include "common/store/verbs/transition.h"
#include "common/store/verbs/verbs.h"

#include <string.h>

/* ---- The devices of the slots ---- */

static bool has_several_sims(const struct device_traits *traits)
{
    return (traits->sims & (traits->sims - 1)) != 0;
}

static enum error add_device(struct claim *claim, const char *device_id)
{
    struct store_transaction *transaction = claim->transaction;
    struct claim_device *device = &claim->devices[claim->device_count++];
    device->device_id = device_id;
    device->slot_count = 0;
    device->used = false;
    enum error error = transaction->rows->devices->find_traits(
        transaction->database, device_id, &device->traits, &device->connection);
    claim->has_choice_of_sims |= has_several_sims(&device->traits);
    device->is_counted = device_use_is_counted(transaction, &device->traits);
    if (error == ERROR_NONE && device->is_counted)
        error = device_use_find(transaction, device_id, &device->traits, &device->use);
    return error;
}

/* Without a look at the broker: what has become of the connection tells of that too. */
static enum store_connection judge_connection(const struct store_holder *slot,
                                              const struct device_connection *newest)
{
    if (slot->connection_epoch == 0) /* it claims for itself, without a connection */
        return STORE_CONNECTION_CURRENT;
    if (slot->connection_epoch != newest->epoch)
        return STORE_CONNECTION_SUPERSEDED;
    return newest->connected ? STORE_CONNECTION_CURRENT : STORE_CONNECTION_ENDED;
}

/* Its index; device_count where it has no slot. */
static size_t find_device(const struct claim *claim, const char *device_id)
{
    size_t index = 0;
    while (index < claim->device_count && strcmp(claim->devices[index].device_id, device_id) != 0)
        index++;
    return index;
}

static enum error find_devices(struct claim *claim)
{
    const struct store_claim *request = claim->request;
    enum error error = ERROR_NONE;
    claim->device_count = 0;
    claim->has_choice_of_sims = false;
    for (size_t i = 0; i < request->slot_count && error == ERROR_NONE; i++) {
        size_t index = find_device(claim, request->slots[i].device_id);
        if (index == claim->device_count)
            error = add_device(claim, request->slots[i].device_id);
        claim->of_slot[i] = &claim->devices[index];
        claim->devices[index].slot_count++;
        request->slots[i].disabled = claim->devices[index].traits.disabled;
        request->slots[i].connection = judge_connection(&request->slots[i],
                                                        &claim->devices[index].connection);
    }
    return error;
}

static enum error save_uses(const struct claim *claim)
{
    const struct store_transaction *transaction = claim->transaction;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < claim->device_count && error == ERROR_NONE; i++) {
        if (claim->devices[i].used)
            error = transaction->rows->limits->save_device_use(transaction->database,
                                                               &claim->devices[i].use);
    }
    return error;
}

/* ---- A slot for a message ---- */

static bool may_have(struct claim *claim, size_t slot, const struct message_row *row)
{
    const struct claim_device *device = claim->of_slot[slot];
    int64_t most = device_use_daily_limit(claim->transaction, &device->traits);
    if (claim->request->messages[slot].text || device->traits.disabled ||
        claim->request->slots[slot].connection != STORE_CONNECTION_CURRENT ||
        !lane_takes(row->place.lane, device->device_id, &device->traits) ||
        (row->options.content != MESSAGE_TEXT && !claim->request->slots[slot].polled))
        return false;
    bool is_within = most == 0 || device->use.in_day + row->segments <= most;
    claim->request->slots[slot].at_daily_limit |= !is_within;
    return is_within;
}

/* How the recipient's last message was sent, where there is a choice. */
struct preference {
    char device_id[DEVICE_ID_SIZE]; /* "": there is none */
    unsigned sim;                   /* 0: there is none */
};

/* The first free slot whose device may have the message, or one of `device_id` with the same cost; slot_count without
   one. */
static size_t find_slot(struct claim *claim, const struct message_row *row, const char *device_id)
{
    const struct store_holder *slots = claim->request->slots;
    size_t count = claim->request->slot_count, first = count;
    for (size_t slot = 0; slot < count && (*device_id || first == count); slot++) {
        if (first < count &&
            (slots[slot].cost > slots[first].cost || strcmp(slots[slot].device_id, device_id) != 0))
            continue;
        if (!may_have(claim, slot, row))
            continue;
        if (strcmp(claim->of_slot[slot]->device_id, device_id) == 0)
            return slot;
        first = MIN(first, slot);
    }
    return first;
}

/* *deferred: the preferred device is not among the slots, and is asked for the next claim. A message that was not sent
   by one SIM may be sent by another. */
static enum error find_preferred(struct claim *claim, const struct due_message *due,
                                 struct preference *preferred, bool *deferred)
{
    struct store_transaction *transaction = claim->transaction;
    struct store_claim *request = claim->request;
    const struct message_target *target = &due->row.options.target;
    bool any_device = !*target->device_id && (claim->device_count > 1 || request->may_defer);
    bool any_sim = target->sim == 0 && due->row.failures == 0 && claim->has_choice_of_sims;
    char lane[LANE_SIZE];
    *preferred = (struct preference){0};
    *deferred = false;
    if (transaction->limits.same_device_ms == 0 || (!any_device && !any_sim) ||
        due->row.options.content == MESSAGE_ENCRYPTED)
        return ERROR_NONE;
    enum error error = transaction->rows->messages->find_last_device(
        transaction->database, due->message.phone_number,
        transaction->now_ms - transaction->limits.same_device_ms, preferred->device_id,
        &preferred->sim);
    if (!any_sim)
        preferred->sim = 0;
    if (error != ERROR_NONE || !any_device || !*preferred->device_id || !request->may_defer ||
        find_device(claim, preferred->device_id) < claim->device_count)
        return error;
    lane_of_device(preferred->device_id, lane);
    *deferred = claim_want(request, lane);
    request->deferred |= *deferred;
    return ERROR_NONE;
}

/* The message, with its text, is the slot's from then on. */
static enum error fill_slot(struct claim *claim, struct due_message *due,
                            const struct preference *preferred, size_t index)
{
    struct store_holder *slot = &claim->request->slots[index];
    struct message *message = &claim->request->messages[index];
    struct claim_device *device = claim->of_slot[index];
    if (device->is_counted) {
        device_use_add(&device->use, due->row.segments, claim->transaction->now_ms);
        device->used = true;
    }
    *message = due->message;
    due->message.text = NULL;
    slot->at_daily_limit = false;
    message->attempt = due->row.attempt + 1;
    message->status = slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED;
    strcpy(message->device_id, slot->device_id);
    if (preferred->sim != 0 && strcmp(preferred->device_id, slot->device_id) == 0 &&
        has_several_sims(&device->traits) && device->traits.sims & 1u << preferred->sim)
        message->device_sim = preferred->sim;
    claim->request->message_count++;
    return transition_dispatch(claim->transaction, &due->row, slot);
}

/* The clock has been set back since it was due. */
static enum error wait_again(struct store_transaction *transaction, struct message_row *row)
{
    row->place = queue_place(row, transaction->now_ms);
    return transaction->rows->messages->set_place(transaction->database, row);
}

static enum error claim_one(struct claim *claim, struct due_message *due)
{
    struct store_transaction *transaction = claim->transaction;
    int64_t most = transaction->limits.device_daily_segments;
    int64_t expires_at_ms = due->row.options.expires_at_ms;
    struct preference preferred;
    bool deferred, sends;
    if (due->row.options.send_at_ms > transaction->now_ms)
        return wait_again(transaction, &due->row);
    if (expires_at_ms != 0 && expires_at_ms <= transaction->now_ms)
        return claim->is_clock_trusted ? transition_expire(transaction, &due->row) : ERROR_NONE;
    /* The limit was lowered since it was accepted: it would stay at the head of the queue for ever. */
    if (most > 0 && due->row.segments > most)
        return transition_apply(transaction, &due->row, MESSAGE_FAILED, TRANSITION_TOO_LONG,
                                "too_long", "no phone may be given so many segments in a day");
    enum error error = content_find_sender(transaction, &due->row.options, &sends);
    if (error == ERROR_NONE && !sends)
        return transition_apply(transaction, &due->row, MESSAGE_FAILED,
                                TRANSITION_CONTENT_NOT_SUPPORTED, "content_not_supported",
                                "its phone has no app that can send it");
    if (error == ERROR_NONE)
        error = find_preferred(claim, due, &preferred, &deferred);
    if (error != ERROR_NONE || deferred)
        return error;
    size_t slot = find_slot(claim, &due->row, preferred.device_id);
    if (slot < claim->request->slot_count)
        return fill_slot(claim, due, &preferred, slot);
    /* Slots of other devices may stay empty, which would say that no message is left. */
    if (*due->row.place.lane)
        (void)claim_want(claim->request, due->row.place.lane);
    return ERROR_NONE;
}

/* ---- The order of the messages ---- */

static enum error claim_candidate(struct claim *claim, const struct lane_entry *entry)
{
    struct due_message due = {0};
    enum error error = claim->transaction->rows->messages->load_due(claim->transaction->database,
                                                                    entry->seq, &due);
    if (error == ERROR_NONE)
        error = claim_one(claim, &due);
    message_fini(&due.message);
    return error;
}

/* A transaction takes turns with those of other stores, but each claim costs something too. */
static bool is_cut(const struct claim *claim)
{
    const struct store_transaction *transaction = claim->transaction;
    return claim->request->message_count >= STORE_LEAST_CLAIM &&
           transaction->rows->admin->turn_is_over(transaction->database);
}

/* The lane "", and the candidates of the other lanes, by their ranks. */
static enum error claim_all(struct claim *claim)
{
    struct store_claim *request = claim->request;
    size_t next_due = 0, next = 0;
    enum error error = ERROR_NONE;
    while (error == ERROR_NONE && request->message_count < request->slot_count) {
        bool has_due = next_due < claim->due_count, has_candidate = next < claim->candidate_count;
        request->cut = (has_due || has_candidate) && is_cut(claim);
        if ((!has_due && !has_candidate) || request->cut)
            break;
        if (has_candidate && (!has_due || claim->candidates[next].rank_ms <
                                              message_id_time_ms(&claim->due[next_due].row.id)))
            error = claim_candidate(claim, &claim->candidates[next++]);
        else
            error = claim_one(claim, &claim->due[next_due++]);
    }
    return error;
}

int64_t claim_expired_at_ms(const struct claim *claim)
{
    return claim->is_clock_trusted ? 0 : claim->transaction->now_ms;
}

/* Messages whose time has come leave the lane of those that wait. Only a clock that is trusted says so of a send_at. */
static enum error end_waits(struct store_transaction *transaction, bool is_clock_trusted)
{
    struct message_row *rows = transaction_scratch(transaction, STORE_MAX_CLAIM * sizeof(*rows));
    const struct message_rows *messages = transaction->rows->messages;
    size_t count;
    if (!rows)
        return ERROR_INTERNAL;
    enum error error = messages->list_waited(transaction->database, transaction->now_ms,
                                             transaction->now_ms + STORE_MAX_BACKOFF_MS,
                                             !is_clock_trusted, STORE_MAX_CLAIM, rows, &count);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        if (rows[i].retry_at_ms > transaction->now_ms + STORE_MAX_BACKOFF_MS)
            rows[i].retry_at_ms = 0; /* a wrong clock wrote it */
        rows[i].place = queue_place(&rows[i], transaction->now_ms);
        error = messages->set_place(transaction->database, &rows[i]);
    }
    return error;
}

enum error verb_claim(struct store_transaction *transaction, struct store_write *write)
{
    struct store_claim *request = &write->claim;
    struct store_sending sending;
    bool is_clock_trusted = transaction_trusts(transaction, request->trusted_wall_ms);

    request->message_count = request->wanted_count = 0;
    request->claimed_at_ms = transaction->now_ms;
    request->lanes_left = request->deferred = request->cut = false;
    enum error error = transaction->rows->limits->find_sending(transaction->database, &sending);
    request->paused = error == ERROR_NONE && sending.paused_since_ms != 0;
    if (error == ERROR_NONE && !request->paused)
        error = end_waits(transaction, is_clock_trusted);
    if (error != ERROR_NONE || request->paused)
        return error;
    struct claim *claim = transaction_scratch(transaction, sizeof(*claim));
    if (!claim)
        return ERROR_INTERNAL;
    claim->transaction = transaction;
    claim->request = request;
    claim->is_clock_trusted = is_clock_trusted;
    claim->due_count = 0;
    error = find_devices(claim);
    if (error == ERROR_NONE)
        error = claim_gather(claim);
    if (error == ERROR_NONE)
        error = transaction->rows->messages->list_due(
            transaction->database, claim_expired_at_ms(claim), request->slot_count, claim->due,
            &claim->due_count);
    if (error == ERROR_NONE)
        error = claim_all(claim);
    if (error == ERROR_NONE)
        error = save_uses(claim);
    for (size_t i = 0; i < claim->due_count; i++)
        message_fini(&claim->due[i].message); /* of those that no device may have */
    return error;
}
