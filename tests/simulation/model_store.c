/*
 * The store's verbs with the guards of common/model/message.c: what common/store/store_sqlite_*.c do,
 * without SQL.
 */
#include "tests/simulation/model_store.h"

#include "common/model/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct message_id no_journal;

/* ---- Names ---- */

struct message_id message_id_of(unsigned message)
{
    struct message_id id = {{1, 2, 3}};
    id.bytes[MESSAGE_ID_BYTES - 1] = (unsigned char)message;
    return id;
}

unsigned message_of_id(const struct message_id *id)
{
    unsigned message = MIN(id->bytes[MESSAGE_ID_BYTES - 1], (unsigned)MOST_MESSAGES);
    struct message_id ours = message_id_of(message);
    return message_id_equal(&ours, id) ? message : MOST_MESSAGES;
}

unsigned phone_of_device(const char *device_id)
{
    return (unsigned)(device_id[6] - '0');
}

void device_id_of(unsigned phone, char device_id[DEVICE_ID_SIZE])
{
    snprintf(device_id, DEVICE_ID_SIZE, "phone-%u", phone);
}

/* ---- Transactions ---- */

void model_store_begin(struct model_store *store, int64_t now_ms, int64_t wall_ms)
{
    store->committed = store->tables;
    store->open = true;
    store->now_ms = now_ms;
    store->wall_ms = wall_ms;
    store->change_count = 0;
}

void model_store_commit(struct model_store *store)
{
    store->open = false;
}

void model_store_rollback(struct model_store *store)
{
    store->tables = store->committed;
    store->open = false;
    store->change_count = 0;
}

const struct tables *model_store_on_disk(const struct model_store *store)
{
    return store->open ? &store->committed : &store->tables;
}

static struct stored_message *find(struct model_store *store, const struct message_id *id)
{
    unsigned message = message_of_id(id);
    if (message == MOST_MESSAGES || !store->tables.messages[message].there)
        return NULL;
    return &store->tables.messages[message];
}

static unsigned number_of(const struct model_store *store, const struct stored_message *message)
{
    return (unsigned)(message - store->tables.messages);
}

static void note(struct model_store *store, struct change change)
{
    if (store->change_count == MOST_CHANGES)
        abort();
    store->changes[store->change_count++] = change;
}

/* Every move goes through here. */
static void move(struct model_store *store, struct stored_message *message, enum message_status to,
                 bool by_silence)
{
    note(store, (struct change){
                    .message = number_of(store, message),
                    .from = message->status,
                    .to = to,
                    .attempt = message->attempt,
                    .device = message->device,
                    .journal = message->journal,
                    .by_silence = by_silence,
                    .moved_at_ms = message->moved_at_ms,
                });
    message->status = to;
    message->event_count++;
    message->updated_at_ms = store->wall_ms;
    message->moved_at_ms = store->now_ms;
}

static void move_back(struct model_store *store, struct stored_message *message, bool failed,
                      double spread)
{
    move(store, message, MESSAGE_QUEUED, false);
    message->device = NOBODY;
    message->journal = no_journal;
    message->proved_attempt = message->attempt;
    message->failures += failed;
    message->not_before_ms = failed ? store->wall_ms + store_backoff_ms(message->failures, spread)
                                    : 0;
    if (message->revoke)
        move(store, message, MESSAGE_CANCELLED, false);
    else if (failed && message->failures >= STORE_MAX_FAILURES)
        move(store, message, MESSAGE_FAILED, false);
}

static unsigned facts_of(const struct stored_message *message, const struct store_holder *phone,
                         unsigned attempt)
{
    unsigned facts = 0;
    if (message->device == (int)phone_of_device(phone->device_id))
        facts |= MESSAGE_BY_HOLDER;
    if (attempt == message->attempt || attempt == 0)
        facts |= MESSAGE_OF_ATTEMPT;
    if (message_id_equal(&message->journal, &phone->journal))
        facts |= MESSAGE_OF_JOURNAL;
    return facts;
}

/* ---- Messages ---- */

static enum error enqueue(struct model_store *store, struct store_write *write)
{
    unsigned number = message_of_id(&write->enqueue.message->id);
    store->tables.messages[number] = (struct stored_message){
        .there = true,
        .device = NOBODY,
        .report_seq = -1,
        .event_count = 1,
        .updated_at_ms = store->wall_ms,
        .moved_at_ms = store->now_ms,
    };
    return ERROR_NONE;
}

static enum error cancel(struct model_store *store, struct store_write *write)
{
    struct stored_message *message = find(store, &write->cancel.id);
    if (!message)
        return ERROR_MESSAGE_NOT_FOUND;
    if (message_may_become(message->status, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0)) {
        move(store, message, MESSAGE_CANCELLED, false);
        return ERROR_NONE;
    }
    write->cancel.asked = message->status == MESSAGE_ACCEPTED &&
                          !message_id_equal(&message->journal, &no_journal);
    if (!write->cancel.asked)
        return ERROR_NOT_CANCELLABLE;
    message->revoke = true;
    return ERROR_NONE;
}

static bool is_due(const struct model_store *store, const struct stored_message *message)
{
    int64_t now_ms = store->wall_ms;
    return message->there && message->status == MESSAGE_QUEUED &&
           (message->not_before_ms <= now_ms ||
            message->not_before_ms > now_ms + STORE_MAX_BACKOFF_MS);
}

/* The first slot from there on that may have a message; slot_count when there is none. */
static size_t next_slot(struct model_store *store, struct store_write *write, size_t slot)
{
    for (; slot < write->claim.slot_count; slot++) {
        bool capped = store->cap_every > 0 && ++store->slots % store->cap_every == 0;
        write->claim.slots[slot].at_daily_limit = capped;
        if (!capped)
            break;
    }
    return slot;
}

static char *endless_text(void)
{
    char *text = calloc(1, FRAME_MAX_BYTES + 1);
    if (text)
        memset(text, 'x', FRAME_MAX_BYTES);
    return text;
}

static void give(struct model_store *store, unsigned number, const struct store_holder *slot,
                 struct message *message)
{
    struct stored_message *row = &store->tables.messages[number];
    row->attempt++;
    row->report_seq = -1;
    row->device = (int)phone_of_device(slot->device_id);
    row->journal = slot->assured ? slot->journal : no_journal;
    move(store, row, slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED, false);
    *message = (struct message){
        .id = message_id_of(number),
        .phone_number = "+1234567890",
        .text = number + 1 == store->endless ? endless_text() : strdup("text"),
        .segments = 1,
        .attempt = row->attempt,
        .status = row->status,
    };
    strcpy(message->device_id, slot->device_id);
}

static enum error hand_over(struct model_store *store, struct store_write *write)
{
    size_t slot = 0;
    write->claim.message_count = 0;
    write->claim.paused = store->pause_every > 0 && ++store->hand_overs % store->pause_every == 0;
    if (write->claim.paused)
        return ERROR_NONE;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        if (!is_due(store, &store->tables.messages[i]))
            continue;
        slot = next_slot(store, write, slot);
        if (slot == write->claim.slot_count)
            break;
        give(store, i, &write->claim.slots[slot], &write->claim.messages[slot]);
        write->claim.message_count++;
        slot++;
    }
    return ERROR_NONE;
}

static enum store_verdict judge_offer(struct model_store *store, struct stored_message *message,
                                      unsigned facts)
{
    const unsigned all = MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL |
                         MESSAGE_OF_SESSION;
    if (store->broken == MUTATION_ACK_OF_ANY_ATTEMPT)
        facts |= MESSAGE_OF_ATTEMPT;
    if (message->status == MESSAGE_ACCEPTED && facts == all)
        return STORE_VERDICT_RELEASE;
    if (message->status != MESSAGE_DISPATCHED ||
        !message_may_become(message->status, MESSAGE_ACCEPTED, MESSAGE_ACTOR_BROKER, facts))
        return STORE_VERDICT_DROP;
    move(store, message, MESSAGE_ACCEPTED, false);
    return STORE_VERDICT_RELEASE;
}

static enum error release_message(struct model_store *store, struct store_write *write)
{
    struct stored_message *message = find(store, &write->release.id);
    const struct store_holder *phone = &write->release.phone;
    write->release.verdict = STORE_VERDICT_DROP;
    if (!message)
        return ERROR_NONE;
    unsigned facts = facts_of(message, phone, write->release.attempt);
    if (phone->session == store->tables.devices[phone_of_device(phone->device_id)].session)
        facts |= MESSAGE_OF_SESSION;
    write->release.verdict = judge_offer(store, message, facts);
    return ERROR_NONE;
}

static enum error take_back(struct model_store *store, struct store_write *write)
{
    struct stored_message *message = find(store, &write->return_to_queue.id);
    if (!message || store->broken == MUTATION_OFFERS_FORGOTTEN)
        return ERROR_NONE;
    struct store_holder phone = {.journal = message->journal};
    strcpy(phone.device_id, write->return_to_queue.device_id);
    unsigned facts = facts_of(message, &phone, write->return_to_queue.attempt);
    if (message_id_equal(&message->journal, &no_journal))
        facts |= MESSAGE_NOTHING_SENT;
    write->return_to_queue.changed = message_may_become(message->status, MESSAGE_QUEUED,
                                                        MESSAGE_ACTOR_BROKER, facts);
    if (write->return_to_queue.changed)
        move_back(store, message, write->return_to_queue.refused, write->return_to_queue.spread);
    if (write->return_to_queue.changed && write->return_to_queue.hopeless &&
        store->broken != MUTATION_HOPELESS_TRIED_AGAIN && message->status == MESSAGE_QUEUED)
        move(store, message, MESSAGE_FAILED, false);
    return ERROR_NONE;
}

static enum error report(struct model_store *store, struct store_write *write)
{
    struct stored_message *message = find(store, &write->report.id);
    const struct store_holder *phone = &write->report.phone;
    if (message && write->report.attempt > 0)
        note(store, (struct change){
                        .is_report = true,
                        .message = number_of(store, message),
                        .to = write->report.status,
                        .attempt = write->report.attempt,
                    });
    if (!message || message->device != (int)phone_of_device(phone->device_id))
        return ERROR_MESSAGE_NOT_HELD;
    unsigned facts = facts_of(message, phone, write->report.attempt);
    if (write->report.nothing_sent)
        facts |= MESSAGE_NOTHING_SENT;
    write->report.changed = true;
    if (write->report.status == MESSAGE_FAILED && write->report.nothing_sent &&
        message_may_become(message->status, MESSAGE_QUEUED, MESSAGE_ACTOR_PHONE, facts)) {
        move_back(store, message, true, write->report.spread);
        return ERROR_NONE;
    }
    bool late = write->report.seq >= 0 && facts & MESSAGE_OF_JOURNAL &&
                write->report.seq <= message->report_seq;
    write->report.changed = !late && message_may_become(message->status, write->report.status,
                                                        MESSAGE_ACTOR_PHONE, facts);
    if (write->report.changed && write->report.seq >= 0)
        message->report_seq = write->report.seq;
    if (write->report.changed)
        move(store, message, write->report.status, false);
    return ERROR_NONE;
}

static bool is_silent(const struct model_store *store, const struct stored_message *message,
                      int64_t since_ms)
{
    if (store->broken == MUTATION_SILENCE_AT_ONCE && message->updated_at_ms < store->wall_ms - 5000)
        since_ms = store->wall_ms;
    if (store->broken == MUTATION_UNKNOWN_OVER_SENT && message->status == MESSAGE_SENT)
        return message->updated_at_ms < store->wall_ms - 5000;
    return (message->status == MESSAGE_ACCEPTED || message->status == MESSAGE_SENDING) &&
           message->updated_at_ms < since_ms;
}

/* What a clock that was wrong has dated in the future counts as news of now. */
static void correct_future(struct model_store *store)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &store->tables.messages[i];
        if (message->updated_at_ms > store->wall_ms + 60000 &&
            message->status >= MESSAGE_DISPATCHED && message->status <= MESSAGE_SENDING)
            message->updated_at_ms = store->wall_ms;
    }
}

static enum error give_up(struct model_store *store, struct store_write *write)
{
    write->expire.unknown = write->expire.queued = 0;
    if (write->expire.silent_since_ms > 0)
        correct_future(store);
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &store->tables.messages[i];
        if (!message->there)
            continue;
        if (is_silent(store, message, write->expire.silent_since_ms)) {
            move(store, message, MESSAGE_UNKNOWN, true);
            write->expire.unknown++;
        } else if (message->status == MESSAGE_DISPATCHED &&
                   message->updated_at_ms < write->expire.offered_since_ms &&
                   store->broken != MUTATION_OFFERS_FORGOTTEN) {
            move_back(store, message, false, 0);
            write->expire.queued++;
        }
    }
    return ERROR_NONE;
}

static enum error find_revoked(struct model_store *store, struct store_write *write)
{
    write->find_cancel_requests.count = 0;
    for (unsigned i = (unsigned)write->find_cancel_requests.after; i < MOST_MESSAGES; i++) {
        const struct stored_message *message = &store->tables.messages[i];
        if (!message->there || !message->revoke || message->status != MESSAGE_ACCEPTED ||
            write->find_cancel_requests.count == write->find_cancel_requests.capacity)
            continue;
        struct store_cancel_request *found =
            &write->find_cancel_requests.messages[write->find_cancel_requests.count++];
        found->id = message_id_of(i);
        found->attempt = message->attempt;
        device_id_of((unsigned)message->device, found->device_id);
        write->find_cancel_requests.last = i + 1;
    }
    return ERROR_NONE;
}

/* ---- Phones and brokers ---- */

static struct store_journal_entry *find_entry(const struct model_store *store,
                                              struct store_write *write,
                                              const struct stored_message *message)
{
    struct message_id id = message_id_of(number_of(store, message));
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        struct store_journal_entry *entry = &write->connect.entries[i];
        if (message_id_equal(&entry->id, &id) &&
            (entry->attempt == message->attempt || store->broken == MUTATION_ACK_OF_ANY_ATTEMPT))
            return entry;
    }
    return NULL;
}

/* Whether the phone still has it. */
static bool settle(struct model_store *store, struct store_write *write,
                   struct stored_message *message)
{
    const struct store_holder *phone = &write->connect.phone;
    struct store_journal_entry *entry = find_entry(store, write, message);
    bool basic = message_id_equal(&message->journal, &no_journal);
    if (store->broken == MUTATION_REQUEUE_WITHOUT_PROOF && !entry) {
        move_back(store, message, false, 0);
        return false;
    }
    if (!basic && !message_id_equal(&message->journal, &phone->journal)) {
        if (message->status == MESSAGE_DISPATCHED)
            move_back(store, message, false, 0);
        else
            move(store, message, MESSAGE_UNKNOWN, false);
        return false;
    }
    if (entry) {
        unsigned facts = facts_of(message, phone, entry->attempt) | MESSAGE_OF_SESSION;
        enum store_verdict verdict = judge_offer(store, message, facts);
        if (entry->offered)
            entry->verdict = verdict;
        if (verdict == STORE_VERDICT_RELEASE)
            return true;
    }
    if (message->status != MESSAGE_DISPATCHED)
        return true;
    move_back(store, message, false, 0);
    return false;
}

static enum error connect_device(struct model_store *store, struct store_write *write)
{
    unsigned phone = phone_of_device(write->connect.phone.device_id);
    struct stored_device *device = &store->tables.devices[phone];
    device->there = device->connected = true;
    device->broker = write->connect.broker;
    write->connect.session = ++device->session;
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        struct store_journal_entry *entry = &write->connect.entries[i];
        entry->verdict = entry->offered ? STORE_VERDICT_DROP : STORE_VERDICT_NONE;
    }
    write->connect.held_count = 0;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &store->tables.messages[i];
        int64_t silent_ms = MAX(0, store->wall_ms - message->updated_at_ms);
        if (!message->there || message->device != (int)phone ||
            message->status < MESSAGE_DISPATCHED || message->status > MESSAGE_SENDING)
            continue;
        if (settle(store, write, message) &&
            write->connect.held_count < write->connect.held_capacity)
            write->connect.held[write->connect.held_count++] = (struct store_held_message){
                .id = message_id_of(i),
                .attempt = message->attempt,
                .silent_ms = silent_ms,
                .revoke = message->revoke,
            };
    }
    return ERROR_NONE;
}

static enum error disconnect_device(struct model_store *store, struct store_write *write)
{
    struct stored_device *device =
        &store->tables.devices[phone_of_device(write->disconnect.device_id)];
    if (device->session == write->disconnect.session)
        device->connected = false;
    return ERROR_NONE;
}

static void end_broker(struct model_store *store, const struct message_id *instance)
{
    struct tables *tables = &store->tables;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &tables->messages[i];
        if (!message->there || message->status != MESSAGE_DISPATCHED ||
            store->broken == MUTATION_OFFERS_FORGOTTEN)
            continue;
        const struct stored_device *device = &tables->devices[message->device];
        if (device->connected && message_id_equal(&device->broker, instance))
            move_back(store, message, false, 0);
    }
    for (unsigned i = 0; i < MOST_PHONES; i++) {
        if (message_id_equal(&tables->devices[i].broker, instance))
            tables->devices[i].connected = false;
    }
    if (message_id_equal(&tables->broker, instance))
        tables->has_broker = false;
}

static enum error lease_broker(struct model_store *store, struct store_write *write)
{
    struct tables *tables = &store->tables;
    if (write->lease.lease_ms == 0) {
        end_broker(store, &write->lease.instance);
        return ERROR_NONE;
    }
    if (tables->has_broker && !message_id_equal(&tables->broker, &write->lease.instance)) {
        struct message_id before = tables->broker;
        end_broker(store, &before);
    }
    tables->has_broker = true;
    tables->broker = write->lease.instance;
    return ERROR_NONE;
}

enum error model_store_execute(struct model_store *store, struct store_write *write)
{
    switch (write->verb) {
    case STORE_ENQUEUE:
        return enqueue(store, write);
    case STORE_CANCEL:
        return cancel(store, write);
    case STORE_CLAIM:
        return hand_over(store, write);
    case STORE_RELEASE:
        return release_message(store, write);
    case STORE_RETURN_TO_QUEUE:
        return take_back(store, write);
    case STORE_REPORT:
        return report(store, write);
    case STORE_EXPIRE:
        return give_up(store, write);
    case STORE_FIND_CANCEL_REQUESTS:
        return find_revoked(store, write);
    case STORE_DEVICE_CONNECT:
        return connect_device(store, write);
    case STORE_DEVICE_DISCONNECT:
        return disconnect_device(store, write);
    case STORE_BROKER_LEASE:
        return lease_broker(store, write);
    case STORE_COUNT_STUCK:
    case STORE_DEVICE_UPDATE: /* of what the phone says of itself, which decides nothing here */
    case STORE_CREATE_KEY:
    case STORE_REVOKE_KEY:
    case STORE_CREATE_PAIRING:
    case STORE_PAIR:
    case STORE_CREATE_TOKEN:
    case STORE_REVOKE_TOKEN:
    case STORE_COUNT_TAKEOVER:
    case STORE_FIND_REVOKED_TOKENS: /* its phones have no tokens */
    case STORE_SET_SENDING:
    case STORE_REQUEUE:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_PROBE:
    case STORE_VERB_COUNT:
        break;
    }
    return ERROR_NONE;
}
