#include "tests/simulation/store_mutations.h"

#include "common/model/lane.h"
#include "common/model/polled_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Claims ---- */

/* Without the SIM, or without what is before it. */
static void strip_lane(char lane[LANE_SIZE], bool of_sim)
{
    const char *slash = strchr(lane, '/');
    char rest[LANE_SIZE] = LANE_ANY;
    if (of_sim && slash)
        lane[slash - lane] = '\0';
    if (of_sim)
        return;
    if (slash)
        strcat(rest, slash);
    strcpy(lane, rest);
}

/* Where the rule that is broken puts a queued message. */
static struct message_place broken_place(enum mutation broken, const struct message_row *row)
{
    struct message_place place = row->place;
    const struct message_target *target = &row->options.target;
    bool is_due = place.due_at_ms == 0;
    if (broken == MUTATION_TARGET_IGNORED && *target->device_id && is_due)
        strip_lane(place.lane, false);
    if (broken == MUTATION_GROUP_IGNORED && *target->device_group && is_due)
        strip_lane(place.lane, false);
    if (broken == MUTATION_SIM_IGNORED && target->sim != 0 && is_due)
        strip_lane(place.lane, true);
    if (broken == MUTATION_PRIORITY_STARVES && row->options.priority == MESSAGE_PRIORITY_LOW)
        place.rank_ms = INT64_MAX;
    return place;
}

void store_mutations_break_queue(struct store_database *database, enum mutation broken)
{
    const struct table *queued = &database->tables->messages_in[MESSAGE_QUEUED];
    for (size_t i = 0; i < queued->count && broken != MUTATION_NONE; i++) {
        struct message_row row = ((const struct memory_message *)queued->rows[i])->row;
        struct message_place place = broken_place(broken, &row);
        if (row.place.rank_ms == place.rank_ms && strcmp(row.place.lane, place.lane) == 0)
            continue;
        row.place = place;
        if (memory_message_rows.set_place(database, &row) != ERROR_NONE)
            abort();
    }
}

/* As if the operator had decided otherwise. In place: nothing else looks at the devices during a claim. */
static void break_device(enum mutation broken, struct device_configuration *configuration)
{
    if (broken == MUTATION_DISABLED_IS_GIVEN)
        configuration->disabled = false;
    if (broken == MUTATION_OWN_LIMIT_IGNORED)
        configuration->daily_segments.is_own = false;
}

/* As if a slot were for the connection that the store has. */
static void break_slots(const struct world_store *store, const struct store_claim *claim,
                        int64_t epochs[])
{
    for (size_t i = 0; i < claim->slot_count; i++) {
        struct store_holder *slot = &claim->slots[i];
        const struct memory_device *device = table_find(&store->tables.devices, slot->device_id);
        bool is_newest = device && device->connection_epoch == slot->connection_epoch;
        epochs[i] = slot->connection_epoch;
        if ((store->broken == MUTATION_HAND_OVER_ON_OLD_SESSION && !is_newest) ||
            (store->broken == MUTATION_ZOMBIE_HANDS_OVER && is_newest))
            slot->connection_epoch = 0;
    }
}

static void mend_slots(const struct world_store *store, const struct store_claim *claim,
                       const int64_t epochs[])
{
    for (size_t i = 0; i < claim->slot_count; i++) {
        struct store_holder *slot = &claim->slots[i];
        slot->connection_epoch = epochs[i];
        bool is_untold = (store->broken == MUTATION_OLD_CONNECTION_STAYS &&
                          slot->connection == STORE_CONNECTION_SUPERSEDED) ||
                         (store->broken == MUTATION_ZOMBIE_UNTOLD &&
                          slot->connection == STORE_CONNECTION_ENDED);
        if (is_untold)
            slot->connection = STORE_CONNECTION_CURRENT;
    }
}

static enum error claim(struct world_store *store, struct store_write *write)
{
    const struct table *devices = &store->tables.devices;
    struct device_configuration decided[MOST_PHONES];
    int64_t epochs[STORE_MAX_CLAIM];
    store_mutations_break_queue(&store->database, store->broken);
    for (size_t i = 0; i < devices->count; i++) {
        struct memory_device *device = devices->rows[i];
        decided[i] = device->configuration;
        break_device(store->broken, &device->configuration);
    }
    break_slots(store, &write->claim, epochs);
    enum error error = world_store_run(store, write);
    mend_slots(store, &write->claim, epochs);
    for (size_t i = 0; i < devices->count; i++)
        ((struct memory_device *)devices->rows[i])->configuration = decided[i];
    for (size_t i = 0; i < write->claim.slot_count && store->broken == MUTATION_OPTIONS_NOT_TOLD;
         i++) {
        write->claim.messages[i].options.target.sim = 0;
        write->claim.messages[i].options.expires_at_ms = 0;
    }
    return error;
}

enum { SHORT_SILENCE_MS = 5000, MOST_OTHERS = 16 };

/* Makes a transition that no verb would make. */
static void force(struct world_store *store, const struct memory_message *message,
                  enum message_status to)
{
    struct message_row before = message->row, after = before;
    after.status = to;
    after.event_count++;
    after.updated_at_ms = store->wall_ms;
    if (to == MESSAGE_QUEUED) {
        after.device_id[0] = '\0';
        after.journal = (struct message_id){0};
    }
    struct store_transition transition = {
        .from = before.status, .to = to, .ref = {before.id, before.attempt}};
    strcpy(transition.device_id, before.device_id);
    strcpy(transition.error_code, to == MESSAGE_UNKNOWN ? "no_report" : "");
    world_store_note_transition(store, &transition);
    if (memory_message_rows.change(&store->database, &before, &after, TRANSITION_CREATED, NULL) !=
        ERROR_NONE)
        abort();
}

static enum error expire(struct world_store *store, struct store_write *write)
{
    struct store_expire asked = write->expire_unreported;
    if (store->broken == MUTATION_SILENCE_AT_ONCE)
        write->expire_unreported.silent_for_ms = SHORT_SILENCE_MS;
    if (store->broken == MUTATION_OFFERS_FORGOTTEN)
        write->expire_unreported.offered_for_ms = INT64_MAX / 2;
    for (unsigned i = 0; i < MOST_MESSAGES && store->broken == MUTATION_UNKNOWN_OVER_SENT; i++) {
        const struct memory_message *message = world_store_find(store, i);
        if (message && message->row.status == MESSAGE_SENT &&
            message->row.updated_at_ms < store->wall_ms - SHORT_SILENCE_MS)
            force(store, message, MESSAGE_UNKNOWN);
    }
    for (unsigned i = 0; i < MOST_MESSAGES && store->broken == MUTATION_EXPIRES_AFTER_RELEASE;
         i++) {
        const struct memory_message *message = world_store_find(store, i);
        if (message && message->row.status == MESSAGE_ACCEPTED &&
            message->row.options.expires_at_ms != 0 &&
            message->row.options.expires_at_ms <= store->wall_ms)
            force(store, message, MESSAGE_EXPIRED);
    }
    enum error error = world_store_run(store, write);
    write->expire_unreported.silent_for_ms = asked.silent_for_ms;
    write->expire_unreported.offered_for_ms = asked.offered_for_ms;
    return error;
}

static bool has_entry(const struct store_connect_device *connect, const struct message_row *row)
{
    for (size_t i = 0; i < connect->entry_count; i++) {
        if (message_id_equal(&connect->entries[i].ref.id, &row->id) &&
            connect->entries[i].ref.attempt == row->attempt)
            return true;
    }
    return false;
}

/* Returns every message in flight to the queue that the phone's journal does not have. */
static void requeue_all_but_the_journal(struct world_store *store,
                                        const struct store_connect_device *connect)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        const struct memory_message *message = world_store_find(store, i);
        if (message && message->row.status >= MESSAGE_DISPATCHED &&
            message->row.status <= MESSAGE_SENDING &&
            strcmp(message->row.device_id, connect->holder.device_id) == 0 &&
            !has_entry(connect, &message->row))
            force(store, message, MESSAGE_QUEUED);
    }
}

/* Makes all entries of the journal count for the current attempts. */
static void raise_attempts(struct world_store *store, struct store_connect_device *connect)
{
    for (size_t i = 0; i < connect->entry_count; i++) {
        const struct memory_message *message = memory_find_message(&store->tables,
                                                                   &connect->entries[i].ref.id);
        if (message)
            connect->entries[i].ref.attempt = message->row.attempt;
    }
}

static enum error connect_device(struct world_store *store, struct store_write *write)
{
    if (store->broken == MUTATION_REQUEUE_WITHOUT_PROOF)
        requeue_all_but_the_journal(store, &write->connect);
    if (store->broken == MUTATION_ACK_OF_ANY_ATTEMPT)
        raise_attempts(store, &write->connect);
    return world_store_run(store, write);
}

static enum error release_message(struct world_store *store, struct store_write *write)
{
    unsigned attempt = write->release.ref.attempt;
    if (store->broken == MUTATION_ACK_OF_ANY_ATTEMPT)
        write->release.ref.attempt = 0; /* counts for the current attempt */
    enum error error = world_store_run(store, write);
    write->release.ref.attempt = attempt;
    if (store->broken == MUTATION_OLD_CONNECTION_STAYS)
        write->release.superseded = false;
    return error;
}

/* As if the device had not fetched it. */
static void take_back_accepted(struct world_store *store,
                               const struct store_return_to_queue *request)
{
    const struct memory_message *message = memory_find_message(&store->tables, &request->ref.id);
    if (message && message->row.status == MESSAGE_ACCEPTED &&
        message->row.attempt == request->ref.attempt &&
        table_find(&store->tables.polled, message->row.device_id))
        force(store, message, MESSAGE_QUEUED);
}

static enum error return_to_queue(struct world_store *store, struct store_write *write)
{
    bool hopeless = write->return_to_queue.hopeless;
    if (store->broken == MUTATION_OFFERS_FORGOTTEN)
        return ERROR_NONE;
    if (store->broken == MUTATION_HOPELESS_TRIED_AGAIN)
        write->return_to_queue.hopeless = false;
    if (store->broken == MUTATION_ACCEPTED_TAKEN_BACK)
        take_back_accepted(store, &write->return_to_queue);
    enum error error = world_store_run(store, write);
    write->return_to_queue.hopeless = hopeless;
    return error;
}

/* The leases of others are over, or none is. In place, and only for the time of the write: those that it leaves are as before. */
static enum error lease_among_broken(struct world_store *store, struct store_write *write)
{
    const struct table *brokers = &store->tables.brokers;
    struct memory_broker before[MOST_OTHERS], *row;
    size_t count = 0;
    for (size_t i = 0; i < brokers->count && count < MOST_OTHERS; i++) {
        row = brokers->rows[i];
        if (message_id_equal(&row->instance, &write->lease.instance))
            continue;
        before[count++] = *row;
        row->lease_until_ms = store->wall_ms + (store->broken == MUTATION_LEASE_IGNORED ? -1 : 1);
    }
    enum error error = world_store_run(store, write);
    for (size_t i = 0; i < count; i++) {
        row = table_find(brokers, before[i].name);
        if (row && message_id_equal(&row->instance, &before[i].instance))
            row->lease_until_ms = before[i].lease_until_ms;
    }
    return error;
}

static enum error lease(struct world_store *store, struct store_write *write)
{
    struct store_lease_broker *request = &write->lease;
    if (store->broken == MUTATION_OFFERS_FORGOTTEN)
        return ERROR_NONE;
    if (store->broken == MUTATION_LEASE_IGNORED || store->broken == MUTATION_DEAD_BROKER_STAYS)
        return lease_among_broken(store, write);
    enum error error = world_store_run(store, write);
    if (store->broken == MUTATION_ZOMBIE_UNTOLD)
        request->lost = request->replaced = false;
    return error;
}

/* ---- Requests of clients ---- */

static enum error resend_message(struct world_store *store, struct store_write *write)
{
    bool accepts = write->resend.accept_duplicate;
    write->resend.accept_duplicate |= store->broken == MUTATION_RESENT_WITHOUT_CONSENT;
    enum error error = world_store_run(store, write);
    write->resend.accept_duplicate = accepts;
    return error;
}

/* The next page begins one message too late. */
static enum error cancel_batch(struct world_store *store, struct store_write *write)
{
    struct store_cancel_batch *cancel = &write->cancel_batch;
    enum error error = world_store_run(store, write);
    for (unsigned i = 0; i < MOST_MESSAGES && store->broken == MUTATION_BATCH_CANCEL_SKIPS; i++) {
        const struct memory_message *message = world_store_find(store, i);
        if (error != ERROR_NONE || !cancel->more || !message || message->row.seq <= cancel->after)
            continue;
        cancel->after = message->row.seq;
        break;
    }
    return error;
}

/* With the recipient on the list, or off it, as before. */
static enum error receive_without_consequences(struct world_store *store, struct store_write *write)
{
    bool *keeps_opt_outs = &store->database.transaction.limits.keeps_opt_outs;
    struct opt_out_row row = {.cancel_after = OPT_OUT_CANCELLED};
    *keeps_opt_outs = false;
    enum error error = world_store_run(store, write);
    *keeps_opt_outs = true;
    if (error != ERROR_NONE || store->broken != MUTATION_OPT_OUT_KEEPS_QUEUED)
        return error;
    snprintf(row.opt_out.phone_number, PHONE_NUMBER_SIZE, "%.16s", write->receive.sms->sender);
    return memory_opt_out_rows.save(&store->database, &row);
}

/* Stores it under a name that it has not had before. */
static enum error receive(struct world_store *store, struct store_write *write)
{
    struct incoming_sms other = *write->receive.sms;
    const char *broken_keyword = store->broken == MUTATION_OPT_OUT_KEEPS_QUEUED ? "STOP"
                                 : store->broken == MUTATION_OPT_IN_IGNORED     ? "START"
                                                                                : "";
    if (strcmp(other.text, broken_keyword) == 0)
        return receive_without_consequences(store, write);
    snprintf(other.received_id, sizeof(other.received_id), "%zu", store->tables.incoming.count);
    struct store_write ours = *write;
    ours.receive.sms = &other;
    return store->broken == MUTATION_INCOMING_DOUBLED ? world_store_run(store, &ours)
                                                      : world_store_run(store, write);
}

/* ---- Events ---- */

static bool is_last_event_of_message(const struct table *events)
{
    return events->count > 0 &&
           ((const struct memory_any_event *)events->rows[events->count - 1])->of_message;
}

static enum error report(struct world_store *store, struct store_write *write)
{
    struct table *events = &store->tables.events;
    enum error error = world_store_run(store, write);
    if (error != ERROR_NONE || !write->report.changed || !is_last_event_of_message(events))
        return error;
    if (store->broken == MUTATION_EVENT_LOST)
        return table_remove(events, &store->database.undo, events->rows[events->count - 1]);
    const struct memory_message *message = memory_find_message(&store->tables,
                                                               &write->report.ref.id);
    char batch_id[MESSAGE_ID_TEXT_SIZE];
    if (store->broken != MUTATION_BATCH_FINISHED_EARLY || !message ||
        message_id_equal(&message->row.batch_id, &(struct message_id){{0}}))
        return error;
    message_id_format(&message->row.batch_id, batch_id);
    const struct event_row event = {.type = EVENT_BATCH_FINISHED, .subject = batch_id};
    return memory_event_rows.insert(&store->database, &event, store->wall_ms);
}

/* ---- Polled phones ---- */

/* In place, as above: what is changed is what the rule would have kept. */
static void spoil_accepted(struct world_store *store, const struct store_poll_messages *poll)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct memory_message *message = (struct memory_message *)world_store_find(store, i);
        if (!message || message->row.status != MESSAGE_ACCEPTED ||
            strcmp(message->row.device_id, poll->holder.device_id) != 0)
            continue;
        if (store->broken == MUTATION_LISTED_AFTER_REPORT)
            message->row.report_seq = -1;
        if (store->broken == MUTATION_LISTED_TO_ANOTHER)
            message->row.journal = poll->holder.journal;
    }
}

static enum error poll_messages(struct world_store *store, struct store_write *write)
{
    enum { BEFORE_TWICE = 1060999 };
    struct store_poll_messages *poll = &write->poll_messages;
    unsigned version = poll->app_version;
    spoil_accepted(store, poll);
    if (store->broken == MUTATION_CANCELLING_TO_OLD_APP)
        poll->app_version = MAX(version, (unsigned)POLLED_APP_CANCELS);
    if (store->broken == MUTATION_SEVERAL_TO_APP_OF_ONE && polled_app_window(version, 2) == 1)
        poll->app_version = BEFORE_TWICE;
    enum error error = world_store_run(store, write);
    poll->app_version = version;
    return error;
}

static enum error report_polled(struct world_store *store, struct store_write *write)
{
    for (size_t i = 0; i < write->report_polled.count; i++)
        write->report_polled.reports[i].of_one_segment &= store->broken !=
                                                          MUTATION_PROOF_OF_ONE_PART;
    return world_store_run(store, write);
}

void store_mutations_of_message(const struct world_store *store, struct message *message)
{
    int64_t *send_at_ms = &message->options.send_at_ms;
    if (store->broken == MUTATION_SCHEDULE_EARLY && *send_at_ms != 0)
        *send_at_ms -= (*send_at_ms - store->wall_ms) / 2;
}

enum error store_mutations_run(struct world_store *store, struct store_write *write)
{
    static enum error (*const own[STORE_VERB_COUNT])(struct world_store *, struct store_write *) = {
        [STORE_CLAIM] = claim,
        [STORE_EXPIRE_UNREPORTED] = expire,
        [STORE_RELEASE] = release_message,
        [STORE_RETURN_TO_QUEUE] = return_to_queue,
        [STORE_DEVICE_CONNECT] = connect_device,
        [STORE_BROKER_LEASE] = lease,
        [STORE_RESEND] = resend_message,
        [STORE_CANCEL_BATCH] = cancel_batch,
        [STORE_RECEIVE] = receive,
        [STORE_REPORT] = report,
        [STORE_POLL_MESSAGES] = poll_messages,
        [STORE_REPORT_POLLED] = report_polled,
    };
    bool is_broken = store->broken != MUTATION_NONE && own[write->verb];
    return is_broken ? own[write->verb](store, write) : world_store_run(store, write);
}
