/*
 * The invariants of delivery, over what really happened. They are checked where they could break: when something is on
 * disk, on the wire, or at a radio.
 *
 *   I1  an id that a client was given is in the store, whatever was killed
 *   I2  a message reaches a radio at most once, not counting attempts with proof that nothing was sent; the frame of a
 *       basic phone is written once. SMSGate's app may send again what it does not know it sent: the same phone, in the
 *       same attempt; and what a restored backup has as not sent
 *   I3  an offer on the wire was committed before: dispatched, to that phone, with that attempt
 *   I4  a release, a basic phone's frame, or what is listed to a polled one, was committed before: accepted; and without such
 *       proof no other phone has the release of that message
 *   I5  every transition is in the table, and has one event
 *   I6  a message returns to the queue only from an offer, or with proof
 *   I7  each dispatch raises the attempt by one; nothing else changes it
 *   I8  unknown has a cause: a wiped phone, a kill while submitting, long silence
 *   I9  sent and delivered messages were sent, once; a sent message is not queued, cancelled or lost
 *   I10 when faults stop, every message finishes
 *   I11 sent does not become unknown
 *   I12 a report is on disk before it is acknowledged
 *   C1  a message that the gateway has cancelled is never sent; after a cancel request that waits for a phone's answer, the
 *       message is not given to a phone again
 *   L1  a message is listed to the registration that it was given to
 *   L2  it is listed no more once a report is on disk, but to be cancelled
 *   L3  it is listed as valid until its deadline, and no longer than the gateway waits for its report
 *   L4  it is listed to be cancelled only to an app that understands, and then not to be sent
 *   R1  an older connection never replaces a phone's newest one
 *   D1  a dropped offer belongs to no phone: the store does not expect that phone to send it
 *   S1  a message is not dispatched before its send_at, nor does it come by such a clock as in E1
 *   T1  a message for one phone, for a group or for a SIM goes to no other phone, as they are at the claim
 *   F1  the frame of a message has what its client asked for
 *   O1  what an operator has decided about a phone holds from its commit on: a disabled one is given nothing, and one with
 *       a limit of its own no more than that
 *   K1  a request with an idempotency key creates its messages once, and each answer to it names them
 *   B1  the messages of a batch are all there, or none; cancelling it leaves out none
 *   N1  a message is resent only where it has no result, once unless the client wants it again, and one that may have been
 *       sent only where the client accepts a duplicate
 *   P1  messages are claimed in the order of their ranks, and none waits for ever
 *   E1  a released message expires only by its phone's report; one that no phone may send, at its time, and not by a
 *       clock that had just been set when that was asked for, or was since; a phone sends no message of which it knows
 *       that it has expired
 *   X1  an incoming SMS is on disk before it is acknowledged, and what a phone has journaled is there in the end
 *   X2  an incoming SMS is stored once, however often it comes
 *
 *   Q1  what is there when its recipient opts out is given to no phone from then on; without a key that ignores it, messages
 *       to that recipient are accepted again once it has opted in, and not before
 *
 *   V1  who follows the events with a cursor sees those of each message once, all of them, in their order
 *   V2  a batch is told to be finished once, when it is
 *   V3  what is told last of a phone's connections is so
 *   V4  each incoming SMS is told of once
 *
 *   H1  a message is claimed for the connection of its phone that was stored last, and only while its broker is not ended
 *   H2  no broker ends another one whose lease lasts
 *   H3  a broker whose connection of a phone is not the one that the store has closes it: in the end they agree
 *   H4  what a broker has claimed it is told, or that the outcome is not known, unless it dies
 *   H5  in the second case it returns what it has claimed to the queue
 *
 * I13 (webhooks) and I14 (caps) have nothing to be checked on yet.
 */
#include "tests/simulation/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    TRUSTED_SILENCE_MS = 3600000, /* what the broker waits after it saw the clock set */
    LATE_GREETING_MS = 20000,     /* what it waits for a greeting, and a slow commit */
};

void violate(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->violation[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->violation, sizeof(world->violation), format, arguments);
    va_end(arguments);
}

static const char *name(enum message_status status)
{
    return message_status_name(status);
}

/* ---- On disk ---- */

static bool is_in_table(enum message_status from, enum message_status to)
{
    for (int actor = 0; actor < MESSAGE_ACTOR_OPERATOR;
         actor++) { /* there is none in these worlds */
        if (message_may_become(from, to, (enum message_actor)actor, MESSAGE_ALL_FACTS))
            return true;
    }
    return false;
}

static bool was_taken(const struct record *record)
{
    for (unsigned i = 0; i < record->submit_count; i++) {
        if (record->submits[i].taken)
            return true;
    }
    return false;
}

/* And its phone knows, and has not said otherwise before: SMSGate's app may do both. */
static bool was_taken_for_sure(const struct record *record)
{
    for (unsigned i = 0; i < record->submit_count; i++) {
        const struct submit *submit = &record->submits[i];
        if (submit->taken && !submit->unnoted && !submit->too_late)
            return true;
    }
    return false;
}

static void check_return(struct world *world, const struct change *change)
{
    struct record *record = &world->records[change->message];
    bool basic = record->attempts[change->attempt].basic;
    const struct submit *submit = radio_find(world, change->message, (unsigned)change->device,
                                             change->attempt);
    if (change->from == MESSAGE_DISPATCHED)
        return;
    bool proved = record->attempts[change->attempt].polled
                      ? record->attempts[change->attempt].claims_nothing
                  : basic ? record->new_sms_count == 0
                          : submit && submit->proved;
    if (!proved)
        violate(world, "I6: message %u is queued again without proof that nothing was sent",
                change->message);
    record->attempts[change->attempt].proved = true;
}

static void check_unknown(struct world *world, const struct change *change)
{
    const struct record *record = &world->records[change->message];
    const struct phone *phone = &world->phones[change->device];
    int64_t silence_ms = world->now_ms - change->moved_at_ms + world->small_jumps_ms;
    bool asked = record->attempts[change->attempt].reports & 1u << MESSAGE_UNKNOWN;
    const struct submit *submit = radio_find(world, change->message, phone->index, change->attempt);
    bool wiped = !message_id_equal(&change->journal, &phone->disk.epoch) ||
                 (!phone->assured && !phone->polled);
    /* A greeting from before the wipe may come so late, on a connection that nobody has replaced,
       that it looks like another one. Nothing was sent, or it is reported. */
    if (phone->wiped_at_ms > 0 &&
        world->now_ms - phone->wiped_at_ms < LATE_GREETING_MS + world->greeting_delay_ms)
        wiped = true;
    if (change->by_silence
            ? silence_ms < MIN(world->hosts[0].options.report_horizon_ms, TRUSTED_SILENCE_MS)
            : !wiped && !(asked && submit && submit->interrupted))
        violate(world, "I8: message %u is unknown without a cause", change->message);
}

static void note_attempt(struct world *world, const struct change *change)
{
    struct record *record = &world->records[change->message];
    static const struct message_id no_journal;
    if (change->attempt == MOST_ATTEMPTS) {
        violate(world, "I10: message %u goes round and round", change->message);
        return;
    }
    if (change->from == MESSAGE_QUEUED) {
        record->attempts[change->attempt].device = change->device;
        record->attempts[change->attempt].journal = change->journal;
        record->attempts[change->attempt].basic = message_id_equal(&change->journal, &no_journal);
        record->attempts[change->attempt].polled = polled_api_gave(&change->journal);
        record->attempts[change->attempt].by_broker = change->host != NOBODY;
        record->attempts[change->attempt].host = (unsigned)MAX(change->host, 0);
        record->attempts[change->attempt].in_doubt = two_brokers_is_in_doubt(world, change->host);
        if (record->revoke_promised)
            violate(world, "C1: message %u is given to a phone again after its cancel request",
                    change->message);
    }
    if (change->to == MESSAGE_DISPATCHED)
        record->attempts[change->attempt].dispatched = true;
    else
        record->attempts[change->attempt].accepted = true;
    record->attempts[change->attempt].accepted_ms = world->store.wall_ms;
}

void invariants_check_transition(struct world *world, const struct change *change)
{
    struct record *record = &world->records[change->message];
    if (change->lease != LEASE_UNTOUCHED) {
        two_brokers_check_lease(world, change);
        return;
    }
    if (change->opt != STORE_OPT_UNCHANGED) {
        opt_outs_note(world, change);
        return;
    }
    if (change->is_report) {
        if (change->attempt < MOST_ATTEMPTS)
            record->attempts[change->attempt].reports |= 1u << change->to;
        return;
    }
    TRACE(world, "message %u: %s to %s, attempt %u, phone %d", change->message, name(change->from),
          name(change->to), change->attempt, change->device);
    bool is_handed_over = change->from == MESSAGE_QUEUED &&
                          (change->to == MESSAGE_DISPATCHED || change->to == MESSAGE_ACCEPTED);
    if (change->from != record->status || !is_in_table(change->from, change->to))
        violate(world, "I5: message %u moves from %s to %s", change->message, name(change->from),
                name(change->to));
    if (change->attempt != record->attempt + is_handed_over)
        violate(world, "I7: message %u goes from attempt %u to %u", change->message,
                record->attempt, change->attempt);
    two_brokers_check_left(world, change);
    if (change->to == MESSAGE_QUEUED)
        check_return(world, change);
    if (change->to == MESSAGE_UNKNOWN)
        check_unknown(world, change);
    if (change->from == MESSAGE_SENT && change->to == MESSAGE_UNKNOWN)
        violate(world, "I11: message %u was sent and is unknown", change->message);
    if (change->to == MESSAGE_DISPATCHED || change->to == MESSAGE_ACCEPTED)
        note_attempt(world, change);
    options_check_transition(world, change);
    if ((change->to == MESSAGE_SENT || change->to == MESSAGE_DELIVERED) && !was_taken(record))
        violate(world, "I9: message %u is %s, and was not", change->message, name(change->to));
    if ((change->to == MESSAGE_QUEUED || change->to == MESSAGE_CANCELLED ||
         change->to == MESSAGE_EXPIRED || change->from == MESSAGE_QUEUED) &&
        was_taken_for_sure(record))
        violate(world, "I9: message %u was sent and is %s", change->message, name(change->to));
    record->cancelled |= change->to == MESSAGE_CANCELLED && change->from < MESSAGE_ACCEPTED;
    record->status = change->to;
    record->attempt = change->attempt;
    record->event_count++;
}

/* I1 and I5, over all rows. */
void invariants_check_rows(struct world *world)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message row = world_store_on_disk(&world->store, i);
        const struct record *record = &world->records[i];
        if (record->promised && !row.there && world->broken != MUTATION_QUEUE_ANSWERED_EARLY)
            violate(world, "I1: message %u was promised and is not there", i);
        if (row.there && (row.status != record->status || row.attempt != record->attempt ||
                          row.event_count != record->event_count))
            violate(world, "I5: message %u is %s, which its events do not say", i,
                    name(row.status));
    }
}

/* ---- On the wire ---- */

static void check_offer(struct world *world, unsigned phone, unsigned message, unsigned attempt)
{
    const struct record *record = &world->records[message];
    if (attempt >= MOST_ATTEMPTS || !record->attempts[attempt].dispatched ||
        record->attempts[attempt].device != (int)phone)
        violate(world, "I3: the offer of message %u, attempt %u, was not committed", message,
                attempt);
}

void invariants_check_release(struct world *world, unsigned phone, unsigned message,
                              unsigned attempt)
{
    struct record *record = &world->records[message];
    if (attempt >= MOST_ATTEMPTS || !record->attempts[attempt].accepted ||
        record->attempts[attempt].device != (int)phone) {
        violate(world, "I4: the release of message %u, attempt %u, was not committed", message,
                attempt);
        return;
    }
    /* Said again, late, to a phone whose journal has the proof: it does nothing. */
    if (record->attempts[attempt].proved)
        return;
    for (unsigned i = 0; i < MOST_ATTEMPTS; i++) {
        if (i != attempt && record->attempts[i].released && !record->attempts[i].proved)
            violate(world, "I4: message %u is released twice, attempts %u and %u", message, i,
                    attempt);
    }
    if (record->new_sms_count > 0)
        violate(world, "I4: message %u is released, and a basic phone had it", message);
    record->attempts[attempt].released = true;
}

static void check_new_sms(struct world *world, unsigned phone, unsigned message)
{
    struct record *record = &world->records[message];
    struct stored_message row = world_store_on_disk(&world->store, message);
    if (!row.there || row.attempt == 0 || !record->attempts[row.attempt].basic ||
        !record->attempts[row.attempt].accepted ||
        record->attempts[row.attempt].device != (int)phone || row.device != (int)phone) {
        violate(world, "I4: the frame of message %u was not committed", message);
        return;
    }
    if (record->new_sms_count++ > 0)
        violate(world, "I2: message %u is given out twice", message);
    for (unsigned i = 0; i < MOST_ATTEMPTS; i++) {
        if (record->attempts[i].released && !record->attempts[i].proved)
            violate(world, "I4: message %u is given to a basic phone, and another has it", message);
    }
}

static void check_drop(struct world *world, unsigned phone, unsigned message, unsigned attempt)
{
    struct stored_message row = world_store_on_disk(&world->store, message);
    /* Later than accepted the phone has moved on, and a journal that says otherwise is a late one. */
    if (row.attempt == attempt && row.device == (int)phone && row.status == MESSAGE_ACCEPTED)
        violate(world, "D1: the offer of message %u is dropped, and its phone has it", message);
}

static void check_report_ack(struct world *world, unsigned phone, unsigned seq)
{
    const struct reported *reported = &world->phones[phone].reported[seq % MOST_REPORTS];
    const struct record *record = &world->records[reported->message];
    if (!(record->attempts[reported->attempt].reports & 1u << reported->status))
        violate(world, "I12: report %u of phone-%u is acknowledged and not on disk", seq, phone);
}

void invariants_check_frame(struct world *world, unsigned phone, const char *text)
{
    unsigned message = frame_message(text), attempt = frame_number(text, "\"attempt\":");
    if (frame_is(text, "report_ack"))
        check_report_ack(world, phone, frame_number(text, "\"seq\":"));
    if (frame_is(text, "sms_received_ack"))
        incoming_check_ack(world, text);
    if (message == MOST_MESSAGES)
        return;
    if (frame_is(text, "offer") || frame_is(text, "new_sms"))
        options_check_frame(world, phone, message, text);
    if (frame_is(text, "offer"))
        check_offer(world, phone, message, attempt);
    if (frame_is(text, "release"))
        invariants_check_release(world, phone, message, attempt);
    if (frame_is(text, "new_sms"))
        check_new_sms(world, phone, message);
    if (frame_is(text, "drop"))
        check_drop(world, phone, message, attempt);
}

void invariants_check_close(struct world *world, unsigned index, enum error error)
{
    const struct connection *connection = &world->connections[index];
    /* Of two brokers that connection is the newest which was stored last. */
    bool is_newest = connection->opened == world->phones[connection->phone].last_opened &&
                     (world->broker_count == 1 ||
                      world_store_has_connection(&world->store, connection->phone,
                                                 connection->session_epoch));
    if (error == ERROR_REPLACED && is_newest)
        violate(world, "R1: the newest connection of phone-%u is replaced", connection->phone);
}

/* ---- At a radio ---- */

void invariants_check_submit(struct world *world, unsigned phone, unsigned message,
                             unsigned attempt)
{
    const struct record *record = &world->records[message];
    struct phone *sender = &world->phones[phone];
    const struct held *held = polled_find(&sender->app, message, attempt);
    if (sender->polled && held && held->is_old)
        return;
    for (unsigned i = 0; i < record->submit_count; i++) {
        const struct submit *submit = &record->submits[i];
        bool may_again = submit->unnoted && submit->phone == phone && submit->attempt == attempt;
        if (!submit->proved && !may_again)
            violate(world, "I2: message %u is handed to a radio again, that of phone-%u", message,
                    phone);
    }
    if (record->cancelled)
        violate(world, "C1: message %u is sent, and was cancelled", message);
}

/* ---- At the end ---- */

/* Also one that waits for a time which a wrong clock made far away, or for a phone that nobody has. */
static bool is_settled(const struct world *world, unsigned message,
                       const struct stored_message *row)
{
    enum { SOON_MS = 60000 };
    return row->status >= MESSAGE_SENT ||
           (row->status == MESSAGE_QUEUED && (row->send_at_ms > world_wall_ms(world) + SOON_MS ||
                                              !devices_can_send(world, message)));
}

bool invariants_all_finished(const struct world *world)
{
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message row = world_store_on_disk(&world->store, i);
        if (row.there && !is_settled(world, i, &row))
            return false;
    }
    return true;
}

/* Where the gateway's clock stays behind, apps end each message by the time that it tells them, until it has failed ten times: some
   hours later. */
static bool is_ended_by_apps(const struct world *world, const struct stored_message *row)
{
    bool is_behind = world->right_ms - world->wall_offset_ms > STORE_CLOCK_STEP_MS, any = false;
    for (unsigned i = 0; i < world->phone_count; i++)
        any |= world->phones[i].polled;
    return is_behind && any && row->status == MESSAGE_QUEUED;
}

void invariants_check_end(struct world *world)
{
    invariants_check_rows(world);
    clients_check_end(world);
    incoming_check_end(world);
    follower_check_end(world);
    two_brokers_check_end(world);
    for (unsigned i = 0; i < MOST_MESSAGES; i++) {
        struct stored_message row = world_store_on_disk(&world->store, i);
        const struct record *record = &world->records[i];
        if (record->promised && !row.there)
            violate(world, "I1: message %u was promised and is not there", i);
        if (!row.there)
            continue;
        world->counts->ended[row.status]++;
        if (!is_settled(world, i, &row) && !is_ended_by_apps(world, &row))
            violate(world, "I10: message %u is still %s, %lld s after the last fault", i,
                    name(row.status),
                    (long long)(world->now_ms - world->recovering_since_ms) / 1000);
        if (was_taken_for_sure(record) &&
            (row.status == MESSAGE_CANCELLED || row.status == MESSAGE_EXPIRED))
            violate(world, "I9: message %u was sent and is %s", i, name(row.status));
    }
}
