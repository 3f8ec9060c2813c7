#include "tests/simulation/store_mutations.h"

#include "common/model/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct message_id no_journal;

/* ---- Names ---- */

/* Each id has its own time, because the time gives the message its seq; they are four hours apart, so that some of
   those with a priority pass others. */
struct message_id message_id_of(unsigned message)
{
    int64_t time_ms = 0x010203000000 + message * 4 * 3600000ll;
    struct message_id id = {0};
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (unsigned char)(time_ms >> 8 * (5 - i));
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

static const char *const numbers[RECIPIENTS] = {"+1234567890", "+1234567891"};

/* Two recipients, so that some messages have a device that had the last one to the same number. */
unsigned recipient_of(unsigned message)
{
    return message % 3 == 0;
}

const char *recipient_number(unsigned recipient)
{
    return numbers[recipient];
}

/* RECIPIENTS for any other number. */
static unsigned recipient_with(const char *number)
{
    unsigned recipient = 0;
    while (recipient < RECIPIENTS && strcmp(numbers[recipient], number) != 0)
        recipient++;
    return recipient;
}

static int device_of(const char *device_id)
{
    return *device_id ? (int)phone_of_device(device_id) : NOBODY;
}

/* ---- Transactions ---- */

/* Transitions are recorded only where options.publish_transitions is set. */
static void ignore_transitions(void *context, const struct store_transition *moves, size_t count)
{
    (void)context, (void)moves, (void)count;
}

/* struct admin_rows. */
static bool was_committed(struct store_database *database, int64_t transaction)
{
    const struct world_store *store = CONTAINER_OF(database, struct world_store, database);
    if (store->broken == MUTATION_DOUBT_TAKEN_FOR_FAILED)
        return false;
    if (store->broken == MUTATION_DOUBT_TAKEN_FOR_DONE)
        return true;
    return store->committed[transaction % MOST_DOUBTS];
}

void world_store_init(struct world_store *store, const struct store_limits *limits)
{
    memory_tables_init(&store->tables);
    memory_database_init(
        &store->database, &store->tables,
        &(struct store_options){.publish_transitions = ignore_transitions, .limits = *limits});
    store->rows = *store->database.transaction.rows;
    store->admin = *store->rows.admin;
    store->admin.was_committed = was_committed;
    store->rows.admin = &store->admin;
    store->database.transaction.rows = &store->rows;
}

void world_store_fini(struct world_store *store)
{
    if (store->open)
        world_store_roll_back(store);
    memory_database_fini(&store->database);
    memory_tables_fini(&store->tables);
}

void world_store_begin(struct world_store *store, int64_t now_ms, int64_t wall_ms)
{
    memcpy(store->tracked_on_disk, store->tracked, sizeof(store->tracked));
    store->open = true;
    store->now_ms = now_ms;
    store->wall_ms = wall_ms;
    store->released = 0;
    store->clock_is_trusted = false;
    store->change_count = 0;
    memory_begin(&store->database, wall_ms);
}

void world_store_commit(struct world_store *store)
{
    if (memory_commit(&store->database) != ERROR_NONE)
        abort();
    store->open = false;
}

void world_store_roll_back(struct world_store *store)
{
    memory_roll_back(&store->database);
    memcpy(store->tracked, store->tracked_on_disk, sizeof(store->tracked));
    store->open = false;
    store->change_count = 0;
}

/* ---- Reading ---- */

static struct stored_message describe(const struct memory_message *message)
{
    if (!message)
        return (struct stored_message){.device = NOBODY};
    const struct message_row *row = &message->row;
    return (struct stored_message){
        .there = true,
        .status = row->status,
        .attempt = row->attempt,
        .event_count = (unsigned)row->event_count,
        .device = device_of(row->device_id),
        .journal = row->journal,
        .cancel_requested = row->cancel_requested,
        .recipient = recipient_with(message->phone_number),
        .segments = row->segments,
        .retry_at_ms = row->retry_at_ms,
        .send_at_ms = row->options.send_at_ms,
    };
}

const struct memory_message *world_store_find(const struct world_store *store, unsigned message)
{
    struct message_id id = message_id_of(message);
    return memory_find_message(&store->tables, &id);
}

struct stored_message world_store_message(const struct world_store *store, unsigned message)
{
    return describe(world_store_find(store, message));
}

/* The undo log has the row that the transaction's first change replaced; without a change the row is as on disk. */
struct stored_message world_store_on_disk(const struct world_store *store, unsigned message)
{
    const struct undo_log *undo = &store->database.undo;
    struct message_id id = message_id_of(message);
    for (size_t i = 0; i < undo->count; i++) {
        const struct table_change *change = &undo->changes[i];
        const struct memory_message *row = change->before ? change->before : change->after;
        if (change->table == &store->tables.messages && message_id_equal(&row->row.id, &id))
            return describe(change->before);
    }
    return world_store_message(store, message);
}

static bool is_incoming(const struct memory_incoming *row, unsigned phone, unsigned received_at,
                        const char *text)
{
    return phone_of_device(row->sms.device_id) == phone &&
           row->sms.received_at_ms == received_at * 1000 && strcmp(row->sms.text, text) == 0;
}

/* Without those that the open transaction has inserted: nothing else happens to them. */
unsigned world_store_count_incoming(const struct world_store *store, unsigned phone,
                                    unsigned received_at, const char *text)
{
    const struct table *incoming = &store->tables.incoming;
    const struct undo_log *undo = &store->database.undo;
    unsigned count = 0;
    for (size_t i = 0; i < incoming->count; i++)
        count += is_incoming(incoming->rows[i], phone, received_at, text);
    for (size_t i = 0; i < undo->count; i++) {
        if (undo->changes[i].table == incoming)
            count -= is_incoming(undo->changes[i].after, phone, received_at, text);
    }
    return count;
}

bool world_store_is_connected(const struct world_store *store, unsigned phone)
{
    char device_id[DEVICE_ID_SIZE];
    device_id_of(phone, device_id);
    const struct memory_device *device = table_find(&store->tables.devices, device_id);
    return device && device->connected;
}

bool world_store_has_connection(const struct world_store *store, unsigned phone, int64_t epoch)
{
    char device_id[DEVICE_ID_SIZE];
    device_id_of(phone, device_id);
    const struct memory_device *device = table_find(&store->tables.devices, device_id);
    return device && device->connected && device->connection_epoch == epoch;
}

void world_store_add_device(struct world_store *store, unsigned phone)
{
    char device_id[DEVICE_ID_SIZE];
    device_id_of(phone, device_id);
    if (memory_device_rows.add(&store->database, device_id, store->wall_ms) != ERROR_NONE)
        abort();
}

static void read_moves(const struct world_store *store, struct store_work *work)
{
    const struct table *events = &store->tables.events;
    const struct store_event_query query = {
        .after = work->moves_cursor, .limit = STORE_WORK_PAGE, .types = EVENT_MESSAGE_BITS};
    work->moves = (struct store_event_page){.last = work->moves_cursor};
    if (!work->follows && events->count > 0)
        work->moves_cursor = ((const struct memory_any_event *)events->rows[events->count - 1])->id;
    if (!work->follows)
        return;
    if (memory_list_events(&store->tables, &query, &work->moves) != ERROR_NONE)
        abort();
    work->moves_cursor = work->moves.last;
}

/* The cursors move as in store.c. */
void world_store_poll(const struct world_store *store, int64_t wall_ms, struct store_work *work)
{
    memory_poll_work(&store->tables, wall_ms, work);
    if (work->configured_count > 0)
        work->configured_cursor = work->configured[work->configured_count - 1].traits.configured;
    if (store->broken == MUTATION_DECISION_UNNOTICED)
        work->configured_count = 0;
    if (store->broken == MUTATION_OLD_CONNECTION_STAYS)
        work->superseded_count = 0;
    read_moves(store, work);
    work->more = work->moves.more;
}

/* ---- Changes ---- */

static unsigned sims_of(const struct world_store *store, const char *device_id)
{
    const struct memory_device *device = table_find(&store->tables.devices, device_id);
    return device ? device->info.sim_slots : 0;
}

static void note(struct world_store *store, struct change change)
{
    if (store->change_count == MOST_CHANGES)
        abort();
    store->changes[store->change_count++] = change;
}

void world_store_note_transition(struct world_store *store,
                                 const struct store_transition *transition)
{
    unsigned message = message_of_id(&transition->ref.id);
    struct tracked *tracked = &store->tracked[message];
    note(store, (struct change){
                    .message = message,
                    .from = transition->from,
                    .to = transition->to,
                    .attempt = transition->ref.attempt,
                    .device = device_of(transition->device_id),
                    .journal = tracked->journal,
                    .by_silence = transition->reason == TRANSITION_NO_REPORT,
                    .moved_at_ms = tracked->moved_at_ms,
                    .sims = sims_of(store, transition->device_id),
                    .clock_is_trusted = store->clock_is_trusted,
                    .host = transition->reason == TRANSITION_CLAIMED ? store->host : NOBODY,
                });
    tracked->moved_at_ms = store->now_ms;
}

/* Notes the journals that a claim offers its messages to. */
static void track_claim(struct world_store *store, const struct store_claim *claim)
{
    for (size_t i = 0; i < claim->slot_count; i++) {
        if (claim->messages[i].text)
            store->tracked[message_of_id(&claim->messages[i].id)].journal =
                claim->slots[i].assured ? claim->slots[i].journal : no_journal;
    }
}

enum error world_store_run(struct world_store *store, struct store_write *write)
{
    const struct store_transaction *transaction = &store->database.transaction;
    size_t first = transaction->transition_count;
    memory_run(&store->database, write);
    if (write->result == ERROR_NONE && write->verb == STORE_CLAIM)
        track_claim(store, &write->claim);
    for (size_t i = first; i < transaction->transition_count; i++) {
        const struct store_transition *transition = &transaction->transitions[i];
        if (write->verb == STORE_POLL_MESSAGES && transition->to == MESSAGE_DISPATCHED)
            store->tracked[message_of_id(&transition->ref.id)].journal =
                write->poll_messages.holder.journal;
        world_store_note_transition(store, transition);
    }
    return write->result;
}

/* ---- Verbs with rules of the world ---- */

/* A text that fits into no frame. */
static char *endless_text(void)
{
    static char text[FRAME_MAX_BYTES + 1];
    memset(text, 'x', FRAME_MAX_BYTES);
    return text;
}

static struct message new_message(struct world_store *store, const struct message_id *id,
                                  char *text)
{
    unsigned number = message_of_id(id);
    struct message message = {
        .id = *id, .text = text, .segments = 1, .options = store->options[number]};
    strcpy(message.phone_number, recipient_number(recipient_of(number)));
    if (number + 1 == store->endless)
        message.text = endless_text();
    if (store->long_every > 0 && number % store->long_every == 0)
        message.segments = 2;
    store_mutations_of_message(store, &message);
    store->tracked[number] = (struct tracked){.moved_at_ms = store->now_ms};
    return message;
}

static enum error enqueue(struct world_store *store, struct store_write *write)
{
    char text[] = "text";
    struct message message = new_message(store, &write->enqueue.message->id, text);
    struct store_write ours = *write;
    ours.enqueue.message = &message;
    return store_mutations_run(store, &ours);
}

static enum error enqueue_batch(struct world_store *store, struct store_write *write)
{
    char text[] = "text";
    struct message messages[MOST_MESSAGES];
    struct store_write ours = *write;
    for (size_t i = 0; i < write->enqueue_batch.count; i++) {
        messages[i] = new_message(store, &write->enqueue_batch.messages[i].id, text);
        messages[i].batch_id = write->enqueue_batch.id;
    }
    ours.enqueue_batch.messages = messages;
    return store_mutations_run(store, &ours);
}

static enum error resend_message(struct world_store *store, struct store_write *write)
{
    unsigned number = message_of_id(&write->resend.new_id);
    struct message_options *options = &store->options[number];
    *options = store->options[message_of_id(&write->resend.id)];
    options->send_at_ms = 0;
    options->expires_at_ms = write->resend.expires_at_ms;
    store->tracked[number] = (struct tracked){.moved_at_ms = store->now_ms};
    return store_mutations_run(store, write);
}

/* Claims without the slots that are at their limit. */
static enum error claim_with_limits(struct world_store *store, struct store_claim *claim)
{
    struct store_holder *slots = calloc(claim->slot_count, sizeof(*slots));
    struct message *messages = calloc(claim->slot_count, sizeof(*messages));
    size_t count = 0;
    if (!slots || !messages)
        abort();
    for (size_t i = 0; i < claim->slot_count; i++) {
        claim->slots[i].at_daily_limit = ++store->slots % store->cap_every == 0;
        if (!claim->slots[i].at_daily_limit)
            slots[count++] = claim->slots[i];
    }
    struct store_write write = {.verb = STORE_CLAIM, .claim = *claim};
    write.claim.slot_count = count;
    write.claim.slots = slots;
    write.claim.messages = messages;
    enum error error = store_mutations_run(store, &write);
    struct store_holder *all_slots = claim->slots;
    struct message *all_messages = claim->messages;
    size_t all = claim->slot_count;
    *claim = write.claim;
    claim->slots = all_slots;
    claim->messages = all_messages;
    claim->slot_count = all;
    count = 0;
    for (size_t i = 0; i < claim->slot_count; i++) {
        if (!claim->slots[i].at_daily_limit)
            claim->messages[i] = messages[count++];
    }
    free(messages);
    free(slots);
    return error;
}

/* The time at which it takes its turn: a priority is worth a day. */
static int64_t turn_ms(const struct message_row *row)
{
    enum { DAY_MS = 86400000 };
    int64_t turn_ms = MAX(message_id_time_ms(&row->id), row->options.send_at_ms);
    if (row->options.priority == MESSAGE_PRIORITY_HIGH)
        turn_ms -= DAY_MS;
    return row->options.priority == MESSAGE_PRIORITY_LOW ? turn_ms + DAY_MS : turn_ms;
}

/* Whether any phone could be given it now, by a clock that is trusted or not. */
static bool is_for_all(const struct world_store *store, const struct message_row *row, bool trusted)
{
    const struct message_target *target = &row->options.target;
    return row->status == MESSAGE_QUEUED && !*target->device_id && !*target->device_group &&
           target->sim == 0 && row->retry_at_ms <= store->wall_ms &&
           row->options.send_at_ms <= store->wall_ms && (trusted || row->place.due_at_ms == 0) &&
           (row->options.expires_at_ms == 0 || row->options.expires_at_ms > store->wall_ms);
}

/* Which messages wait for any phone, or for their time. */
struct waiting {
    bool before[MOST_MESSAGES], scheduled[MOST_MESSAGES];
    bool in_the_way; /* one at the head of a lane that the claim removes, and looks no further */
};

/* It expires in the claim, or the clock went back to before the time it is to be sent at. */
static bool is_in_the_way(const struct world_store *store, const struct message_row *row,
                          bool trusted)
{
    const struct message_options *options = &row->options;
    return row->status == MESSAGE_QUEUED &&
           ((trusted && options->expires_at_ms != 0 && options->expires_at_ms <= store->wall_ms) ||
            (options->send_at_ms > store->wall_ms && row->place.due_at_ms == 0));
}

static void look_before(const struct world_store *store, int64_t trusted_wall_ms,
                        struct waiting *waiting)
{
    bool trusted = trusted_wall_ms != 0 &&
                   llabs(trusted_wall_ms - store->wall_ms) <= STORE_CLOCK_STEP_MS;
    waiting->in_the_way = false;
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        const struct memory_message *message = world_store_find(store, i);
        waiting->before[i] = message && is_for_all(store, &message->row, trusted);
        waiting->scheduled[i] = message && message->row.place.due_at_ms != 0 &&
                                message->row.attempt == 0;
        waiting->in_the_way |= message && is_in_the_way(store, &message->row, trusted);
    }
}

/* What was scheduled, and is not any more. */
static void look_for_released(struct world_store *store, const struct waiting *waiting)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        if (waiting->scheduled[i] && !store->clock_is_trusted &&
            world_store_find(store, i)->row.status != MESSAGE_EXPIRED &&
            world_store_find(store, i)->row.place.due_at_ms == 0)
            store->released = i + 1;
    }
}

/* What was claimed before its turn. */
static void look_after(struct world_store *store, const struct waiting *waiting,
                       const struct store_claim *claim)
{
    for (size_t slot = 0; slot < claim->slot_count; slot++) {
        unsigned claimed = message_of_id(&claim->messages[slot].id);
        if (!claim->messages[slot].text)
            continue;
        for (unsigned i = 0; i < MOST_MESSAGES; i++) {
            if (!waiting->before[i] || world_store_find(store, i)->row.status != MESSAGE_QUEUED ||
                turn_ms(&world_store_find(store, i)->row) >=
                    turn_ms(&world_store_find(store, claimed)->row))
                continue;
            store->overtaking = claimed + 1;
            store->overtaken = i + 1;
        }
    }
}

/* What was claimed for a connection that the store knows better of. */
static void look_for_old(struct world_store *store, const struct store_claim *claim)
{
    for (size_t i = 0; i < claim->slot_count; i++) {
        const struct memory_device *device = table_find(&store->tables.devices,
                                                        claim->slots[i].device_id);
        if (!claim->messages[i].text)
            continue;
        if (!device || device->connection_epoch != claim->slots[i].connection_epoch)
            store->to_old = message_of_id(&claim->messages[i].id) + 1;
        else if (!device->connected)
            store->to_ended = message_of_id(&claim->messages[i].id) + 1;
    }
}

static enum error claim(struct world_store *store, struct store_write *write)
{
    struct waiting waiting;
    write->claim.message_count = 0;
    write->claim.paused = store->pause_every > 0 && ++store->claims % store->pause_every == 0;
    if (write->claim.paused)
        return ERROR_NONE;
    look_before(store, write->claim.trusted_wall_ms, &waiting);
    enum error error = store->cap_every > 0 ? claim_with_limits(store, &write->claim)
                                            : store_mutations_run(store, write);
    look_for_released(store, &waiting);
    look_for_old(store, &write->claim);
    if (!waiting.in_the_way && !write->claim.deferred)
        look_after(store, &waiting, &write->claim);
    return error;
}

static void note_report(struct world_store *store, const struct store_report *report)
{
    unsigned message = message_of_id(&report->ref.id), attempt = report->ref.attempt;
    const struct memory_message *found = message < MOST_MESSAGES ? world_store_find(store, message)
                                                                 : NULL;
    if (found && attempt == 0)
        attempt = found->row.attempt; /* a basic phone does not say it */
    if (found && attempt > 0)
        note(store, (struct change){
                        .is_report = true,
                        .message = message,
                        .to = report->confirms ? MESSAGE_ACCEPTED : report->status,
                        .attempt = attempt,
                    });
}

static enum error report(struct world_store *store, struct store_write *write)
{
    note_report(store, &write->report);
    return store_mutations_run(store, write);
}

static enum error report_polled(struct world_store *store, struct store_write *write)
{
    for (size_t i = 0; i < write->report_polled.count; i++)
        note_report(store, &write->report_polled.reports[i]);
    return store_mutations_run(store, write);
}

/* A device without a connection claims for itself. */
static enum error poll_messages(struct world_store *store, struct store_write *write)
{
    struct waiting waiting;
    store->clock_is_trusted = store->api_trusts_clock;
    look_before(store, write->poll_messages.trusted_wall_ms, &waiting);
    enum error error = store_mutations_run(store, write);
    look_for_released(store, &waiting);
    return error;
}

static enum error receive(struct world_store *store, struct store_write *write)
{
    const struct incoming_sms *sms = write->receive.sms;
    unsigned recipient = recipient_with(sms->sender);
    enum store_opt opt = strcmp(sms->text, "STOP") == 0    ? STORE_OPTED_OUT
                         : strcmp(sms->text, "START") == 0 ? STORE_OPTED_IN
                                                           : STORE_OPT_UNCHANGED;
    enum error error = store_mutations_run(store, write);
    if (error == ERROR_NONE && !write->receive.known && opt != STORE_OPT_UNCHANGED &&
        recipient < RECIPIENTS)
        note(store, (struct change){.opt = opt, .recipient = recipient});
    return error;
}

static enum error lease(struct world_store *store, struct store_write *write)
{
    enum { MOST = 8 };
    const struct table *brokers = &store->tables.brokers;
    struct memory_broker before[MOST];
    size_t count = 0;
    for (size_t i = 0; i < brokers->count && count < MOST; i++)
        before[count++] = *(const struct memory_broker *)brokers->rows[i];
    enum error error = store_mutations_run(store, write);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        if (!message_id_equal(&before[i].instance, &write->lease.instance) &&
            strcmp(before[i].name, write->lease.name) != 0 && !table_find(brokers, before[i].name))
            note(store, (struct change){.lease = LEASE_ENDED,
                                        .instance = before[i].instance,
                                        .left_ms = before[i].lease_until_ms - store->wall_ms});
    }
    if (error == ERROR_NONE && write->lease.lease_ms > 0 && !write->lease.lost)
        note(store, (struct change){.lease = LEASE_RENEWED, .instance = write->lease.instance});
    return error;
}

enum error world_store_execute(struct world_store *store, struct store_write *write)
{
    static enum error (*const own[STORE_VERB_COUNT])(struct world_store *, struct store_write *) = {
        [STORE_ENQUEUE] = enqueue,
        [STORE_ENQUEUE_BATCH] = enqueue_batch,
        [STORE_RESEND] = resend_message,
        [STORE_CLAIM] = claim,
        [STORE_BROKER_LEASE] = lease,
        [STORE_REPORT] = report,
        [STORE_RECEIVE] = receive,
        [STORE_POLL_MESSAGES] = poll_messages,
        [STORE_REPORT_POLLED] = report_polled,
    };
    return own[write->verb] ? own[write->verb](store, write) : store_mutations_run(store, write);
}
