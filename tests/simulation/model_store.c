/*
 * The store's verbs in memory, with the guards of common/message.c: what
 * common/store/store_sqlite_write.c does, without SQL. A transaction is open from store_begin to
 * store_commit, and what it did is lost until then.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static const struct message_id no_journal;

void store_begin(struct world *world)
{
    world->store.committed = world->store.tables;
    world->store.open = true;
    world->store.change_count = 0;
}

void store_commit(struct world *world)
{
    world->store.open = false;
    for (size_t i = 0; i < world->store.change_count; i++)
        truth_committed(world, &world->store.changes[i]);
    world->store.change_count = 0;
}

void store_rollback(struct world *world)
{
    world->store.tables = world->store.committed;
    world->store.open = false;
    world->store.change_count = 0;
    world->counts->commits_lost++;
    TRACE(world, "store: a transaction is lost");
}

const struct tables *store_on_disk(const struct world *world)
{
    return world->store.open ? &world->store.committed : &world->store.tables;
}

static struct stored_message *find(struct world *world, const struct message_id *id)
{
    unsigned message = message_of_id(id);
    if (message == MOST_MESSAGES || !world->store.tables.messages[message].there)
        return NULL;
    return &world->store.tables.messages[message];
}

static unsigned number_of(const struct world *world, const struct stored_message *message)
{
    return (unsigned)(message - world->store.tables.messages);
}

static void note(struct world *world, struct change change)
{
    if (world->store.change_count == MOST_CHANGES)
        abort();
    world->store.changes[world->store.change_count++] = change;
}

/* Every move goes through here. */
static void move(struct world *world, struct stored_message *message, enum message_status to,
                 bool by_silence)
{
    note(world, (struct change){
                    .message = number_of(world, message),
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
    message->updated_at_ms = world_wall_ms(world);
    message->moved_at_ms = world->now_ms;
}

static void move_back(struct world *world, struct stored_message *message, bool failed,
                      double spread)
{
    move(world, message, MESSAGE_QUEUED, false);
    message->device = NOBODY;
    message->journal = no_journal;
    message->proved_attempt = message->attempt;
    message->failures += failed;
    message->not_before_ms = failed
                                 ? world_wall_ms(world) + store_pause_ms(message->failures, spread)
                                 : 0;
    if (message->revoke)
        move(world, message, MESSAGE_CANCELLED, false);
    else if (failed && message->failures >= STORE_MAX_FAILURES)
        move(world, message, MESSAGE_FAILED, false);
}

static unsigned facts_of(const struct stored_message *message, const struct store_slot *phone,
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

static enum error enqueue(struct world *world, struct store_write *write)
{
    unsigned number = message_of_id(&write->enqueue.message->id);
    world->store.tables.messages[number] = (struct stored_message){
        .there = true,
        .device = NOBODY,
        .report_seq = -1,
        .event_count = 1,
        .updated_at_ms = world_wall_ms(world),
        .moved_at_ms = world->now_ms,
    };
    return ERROR_NONE;
}

static enum error cancel(struct world *world, struct store_write *write)
{
    struct stored_message *message = find(world, &write->cancel.id);
    if (!message)
        return ERROR_MESSAGE_NOT_FOUND;
    if (message_may_become(message->status, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0)) {
        move(world, message, MESSAGE_CANCELLED, false);
        return ERROR_NONE;
    }
    write->cancel.asked = message->status == MESSAGE_ACCEPTED &&
                          !message_id_equal(&message->journal, &no_journal);
    if (!write->cancel.asked)
        return ERROR_NOT_CANCELLABLE;
    message->revoke = true;
    return ERROR_NONE;
}

static bool is_due(const struct world *world, const struct stored_message *message)
{
    int64_t now_ms = world_wall_ms(world);
    return message->there && message->status == MESSAGE_QUEUED &&
           (message->not_before_ms <= now_ms ||
            message->not_before_ms > now_ms + STORE_MAX_PAUSE_MS);
}

static enum error hand_over(struct world *world, struct store_write *write)
{
    size_t *count = &write->hand_over.message_count;
    *count = 0;
    for (unsigned i = 0; i < MOST_MESSAGES && *count < write->hand_over.slot_count; i++) {
        struct stored_message *row = &world->store.tables.messages[i];
        const struct store_slot *slot = &write->hand_over.slots[*count];
        if (!is_due(world, row))
            continue;
        row->attempt++;
        row->report_seq = -1;
        row->device = (int)phone_of_device(slot->device_id);
        row->journal = slot->assured ? slot->journal : no_journal;
        move(world, row, slot->assured ? MESSAGE_DISPATCHED : MESSAGE_ACCEPTED, false);

        struct message *message = &write->hand_over.messages[(*count)++];
        *message = (struct message){
            .id = message_id_of(i),
            .phone_number = "+1234567890",
            .text = strdup("text"),
            .segments = 1,
            .attempt = row->attempt,
            .status = row->status,
        };
        strcpy(message->device_id, slot->device_id);
    }
    return ERROR_NONE;
}

static enum store_verdict judge_offer(struct world *world, struct stored_message *message,
                                      unsigned facts)
{
    const unsigned all = MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL |
                         MESSAGE_OF_SESSION;
    if (world->broken == RULE_ACK_OF_ANY_ATTEMPT)
        facts |= MESSAGE_OF_ATTEMPT;
    if (message->status == MESSAGE_ACCEPTED && facts == all)
        return STORE_VERDICT_RELEASE;
    if (message->status != MESSAGE_DISPATCHED ||
        !message_may_become(message->status, MESSAGE_ACCEPTED, MESSAGE_ACTOR_BROKER, facts))
        return STORE_VERDICT_DROP;
    move(world, message, MESSAGE_ACCEPTED, false);
    return STORE_VERDICT_RELEASE;
}

static enum error release_message(struct world *world, struct store_write *write)
{
    struct stored_message *message = find(world, &write->release.id);
    const struct store_slot *phone = &write->release.phone;
    write->release.verdict = STORE_VERDICT_DROP;
    if (!message)
        return ERROR_NONE;
    unsigned facts = facts_of(message, phone, write->release.attempt);
    if (write->release.session ==
        world->store.tables.devices[phone_of_device(phone->device_id)].session)
        facts |= MESSAGE_OF_SESSION;
    write->release.verdict = judge_offer(world, message, facts);
    return ERROR_NONE;
}

static enum error take_back(struct world *world, struct store_write *write)
{
    struct stored_message *message = find(world, &write->take_back.id);
    if (!message || world->broken == RULE_OFFERS_FORGOTTEN)
        return ERROR_NONE;
    struct store_slot phone = {.journal = message->journal};
    strcpy(phone.device_id, write->take_back.device_id);
    unsigned facts = facts_of(message, &phone, write->take_back.attempt);
    if (message_id_equal(&message->journal, &no_journal))
        facts |= MESSAGE_NOTHING_SENT;
    if (message_may_become(message->status, MESSAGE_QUEUED, MESSAGE_ACTOR_BROKER, facts))
        move_back(world, message, write->take_back.refused, write->take_back.spread);
    return ERROR_NONE;
}

static enum error report(struct world *world, struct store_write *write)
{
    struct stored_message *message = find(world, &write->report.id);
    const struct store_slot *phone = &write->report.phone;
    if (message && write->report.attempt > 0)
        note(world, (struct change){
                        .is_report = true,
                        .message = number_of(world, message),
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
        move_back(world, message, true, write->report.spread);
        return ERROR_NONE;
    }
    bool late = write->report.seq >= 0 && facts & MESSAGE_OF_JOURNAL &&
                write->report.seq <= message->report_seq;
    write->report.changed = !late && message_may_become(message->status, write->report.status,
                                                        MESSAGE_ACTOR_PHONE, facts);
    if (write->report.changed && write->report.seq >= 0)
        message->report_seq = write->report.seq;
    if (write->report.changed)
        move(world, message, write->report.status, false);
    return ERROR_NONE;
}

static bool is_silent(const struct world *world, const struct stored_message *message,
                      int64_t since_ms)
{
    if (world->broken == RULE_SILENCE_AT_ONCE &&
        message->updated_at_ms < world_wall_ms(world) - 5000)
        since_ms = world_wall_ms(world);
    if (world->broken == RULE_UNKNOWN_OVER_SENT && message->status == MESSAGE_SENT)
        return message->updated_at_ms < world_wall_ms(world) - 5000;
    return (message->status == MESSAGE_ACCEPTED || message->status == MESSAGE_SENDING) &&
           message->updated_at_ms < since_ms;
}

/* What a clock that was wrong has dated in the future counts as news of now. */
static void correct_future(struct world *world)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &world->store.tables.messages[i];
        if (message->updated_at_ms > world_wall_ms(world) + 60000 &&
            message->status >= MESSAGE_DISPATCHED && message->status <= MESSAGE_SENDING)
            message->updated_at_ms = world_wall_ms(world);
    }
}

static enum error give_up(struct world *world, struct store_write *write)
{
    write->give_up.unknown = write->give_up.queued = 0;
    if (write->give_up.silent_since_ms > 0)
        correct_future(world);
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &world->store.tables.messages[i];
        if (!message->there)
            continue;
        if (is_silent(world, message, write->give_up.silent_since_ms)) {
            move(world, message, MESSAGE_UNKNOWN, true);
            write->give_up.unknown++;
        } else if (message->status == MESSAGE_DISPATCHED &&
                   message->updated_at_ms < write->give_up.offered_since_ms &&
                   world->broken != RULE_OFFERS_FORGOTTEN) {
            move_back(world, message, false, 0);
            write->give_up.queued++;
        }
    }
    return ERROR_NONE;
}

static enum error find_revoked(struct world *world, struct store_write *write)
{
    write->find_revoked.count = 0;
    for (unsigned i = (unsigned)write->find_revoked.after; i < MOST_MESSAGES; i++) {
        const struct stored_message *message = &world->store.tables.messages[i];
        if (!message->there || !message->revoke || message->status != MESSAGE_ACCEPTED ||
            write->find_revoked.count == write->find_revoked.capacity)
            continue;
        struct store_revoked_message *found =
            &write->find_revoked.messages[write->find_revoked.count++];
        found->id = message_id_of(i);
        found->attempt = message->attempt;
        device_id_of((unsigned)message->device, found->device_id);
        write->find_revoked.last = i + 1;
    }
    return ERROR_NONE;
}

/* ---- Phones and brokers ---- */

static struct store_journal_entry *find_entry(const struct world *world, struct store_write *write,
                                              const struct stored_message *message)
{
    struct message_id id = message_id_of(number_of(world, message));
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        struct store_journal_entry *entry = &write->connect.entries[i];
        if (message_id_equal(&entry->id, &id) &&
            (entry->attempt == message->attempt || world->broken == RULE_ACK_OF_ANY_ATTEMPT))
            return entry;
    }
    return NULL;
}

/* Whether the phone still has it. */
static bool settle(struct world *world, struct store_write *write, struct stored_message *message)
{
    const struct store_slot *phone = &write->connect.phone;
    struct store_journal_entry *entry = find_entry(world, write, message);
    bool basic = message_id_equal(&message->journal, &no_journal);
    if (world->broken == RULE_REQUEUE_WITHOUT_PROOF && !entry) {
        move_back(world, message, false, 0);
        return false;
    }
    if (!basic && !message_id_equal(&message->journal, &phone->journal)) {
        if (message->status == MESSAGE_DISPATCHED)
            move_back(world, message, false, 0);
        else
            move(world, message, MESSAGE_UNKNOWN, false);
        return false;
    }
    if (entry) {
        unsigned facts = facts_of(message, phone, entry->attempt) | MESSAGE_OF_SESSION;
        enum store_verdict verdict = judge_offer(world, message, facts);
        if (entry->offered)
            entry->verdict = verdict;
        if (verdict == STORE_VERDICT_RELEASE)
            return true;
    }
    if (message->status != MESSAGE_DISPATCHED)
        return true;
    move_back(world, message, false, 0);
    return false;
}

static enum error connect_device(struct world *world, struct store_write *write)
{
    unsigned phone = phone_of_device(write->connect.phone.device_id);
    struct stored_device *device = &world->store.tables.devices[phone];
    device->there = device->connected = true;
    device->broker = write->connect.broker;
    write->connect.session = ++device->session;
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        struct store_journal_entry *entry = &write->connect.entries[i];
        entry->verdict = entry->offered ? STORE_VERDICT_DROP : STORE_VERDICT_NONE;
    }
    write->connect.held_count = 0;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &world->store.tables.messages[i];
        int64_t silent_ms = MAX(0, world_wall_ms(world) - message->updated_at_ms);
        if (!message->there || message->device != (int)phone ||
            message->status < MESSAGE_DISPATCHED || message->status > MESSAGE_SENDING)
            continue;
        if (settle(world, write, message) &&
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

static enum error disconnect_device(struct world *world, struct store_write *write)
{
    struct stored_device *device =
        &world->store.tables.devices[phone_of_device(write->disconnect.device_id)];
    if (device->session == write->disconnect.session)
        device->connected = false;
    return ERROR_NONE;
}

static void end_broker(struct world *world, const struct message_id *instance)
{
    struct tables *tables = &world->store.tables;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message *message = &tables->messages[i];
        if (!message->there || message->status != MESSAGE_DISPATCHED ||
            world->broken == RULE_OFFERS_FORGOTTEN)
            continue;
        const struct stored_device *device = &tables->devices[message->device];
        if (device->connected && message_id_equal(&device->broker, instance))
            move_back(world, message, false, 0);
    }
    for (unsigned i = 0; i < MOST_PHONES; i++) {
        if (message_id_equal(&tables->devices[i].broker, instance))
            tables->devices[i].connected = false;
    }
    if (message_id_equal(&tables->broker, instance))
        tables->has_broker = false;
}

static enum error lease_broker(struct world *world, struct store_write *write)
{
    struct tables *tables = &world->store.tables;
    if (write->lease.lease_ms == 0) {
        end_broker(world, &write->lease.instance);
        return ERROR_NONE;
    }
    if (tables->has_broker && !message_id_equal(&tables->broker, &write->lease.instance)) {
        struct message_id before = tables->broker;
        end_broker(world, &before);
    }
    tables->has_broker = true;
    tables->broker = write->lease.instance;
    return ERROR_NONE;
}

enum error store_execute(struct world *world, struct store_write *write)
{
    switch (write->verb) {
    case STORE_ENQUEUE:
        return enqueue(world, write);
    case STORE_CANCEL:
        return cancel(world, write);
    case STORE_HAND_OVER:
        return hand_over(world, write);
    case STORE_RELEASE:
        return release_message(world, write);
    case STORE_TAKE_BACK:
        return take_back(world, write);
    case STORE_REPORT:
        return report(world, write);
    case STORE_GIVE_UP:
        return give_up(world, write);
    case STORE_FIND_REVOKED:
        return find_revoked(world, write);
    case STORE_DEVICE_CONNECT:
        return connect_device(world, write);
    case STORE_DEVICE_DISCONNECT:
        return disconnect_device(world, write);
    case STORE_BROKER_LEASE:
        return lease_broker(world, write);
    case STORE_COUNT_STUCK:
    case STORE_DEVICE_UPDATE: /* of what the phone says of itself, which decides nothing here */
    case STORE_PROBE:
    case STORE_VERB_COUNT:
        break;
    }
    return ERROR_NONE;
}
