/* The promises about writes: which the core may request, what is on disk afterwards, and which frames it then owes. */
#include "common/model/protocol.h"
#include "common/model/send_result.h"
#include "tests/fuzz/broker_world.h"

/* ---- What the core wants of the store ---- */

static bool is_device(const char *device_id, unsigned device)
{
    char expected[DEVICE_ID_SIZE];
    device_id_of(device, expected);
    return strcmp(device_id, expected) == 0;
}

static bool is_of(const struct store_holder *slot, const struct phone *phone)
{
    return is_device(slot->device_id, phone->device) && slot->assured == phone->assured &&
           message_id_equal(&slot->journal, &phone->journal);
}

/* Whether the core is reading such a frame about that attempt. */
static bool is_said(enum frame_type type, const struct message_ref *ref)
{
    return world.said && world.said->type == type &&
           message_id_equal(&world.said->ref.id, &ref->id) &&
           world.said->ref.attempt == ref->attempt;
}

/* Only phones that are connected, read from and have room are given messages; one claim at a time. */
static void want_claim(const struct store_write *write)
{
    unsigned places[SESSIONS] = {0};
    CHECK(!world.draining && store_count(STORE_CLAIM) == 0);
    CHECK(write->claim.slot_count > 0 && write->claim.slot_count <= ARRAY_LENGTH(world.slots));
    for (size_t i = 0; i < write->claim.slot_count; i++) {
        const struct store_holder *slot = &write->claim.slots[i];
        const struct phone *phone = phone_newest(phone_of_device(slot->device_id));
        CHECK(phone && is_of(slot, phone) && phone->connected && !phone->paused);
        CHECK(!phone->disabled);
        CHECK(in_flight_count(phone) + ++places[phone - world.phones] <= in_flight_limit(phone));
        world.slots[i] = phone->id;
    }
}

static void want_release(const struct store_write *write)
{
    struct phone *phone = world.speaker;
    CHECK(is_said(FRAME_IS_ACK, &write->release.ref));
    CHECK(phone->connected && phone == phone_newest(phone->device));
    CHECK(is_of(&write->release.holder, phone) &&
          write->release.holder.connection_epoch == phone->connection_epoch);
    struct in_flight *held = in_flight_find(phone, message_of_id(&write->release.ref.id),
                                            write->release.ref.attempt);
    if (held)
        held->answered = true;
    world.heard = true;
}

/* The message is no longer in flight. A phone that did not refuse it had its chance. */
static bool leave_hand(unsigned message, unsigned attempt, bool refused)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        struct phone *phone = &world.phones[i];
        struct in_flight *held = in_flight_find(phone, message, attempt);
        if (!held || !in_flight_is_returnable(held))
            continue;
        CHECK(!refused || (phone == world.speaker && held->offered && !held->answered));
        in_flight_take(phone, held);
        phone->must_close |= !refused;
        return true;
    }
    return false;
}

static void want_take_back(const struct store_write *write)
{
    const struct message_ref *ref = &write->return_to_queue.ref;
    struct attempt *attempt = store_find_attempt(ref);
    CHECK(attempt->claimed && is_device(write->return_to_queue.device_id, attempt->device));
    CHECK(!attempt->returned && (attempt->assured || !attempt->given));
    if (write->return_to_queue.refused) {
        CHECK(is_said(FRAME_IS_NACK, ref));
        CHECK(write->return_to_queue.jitter >= 0 && write->return_to_queue.jitter <= 1);
        world.heard = true;
        world.speaker->consecutive_failures++;
    }
    CHECK(attempt->orphaned ||
          leave_hand(message_of_id(&ref->id), ref->attempt, write->return_to_queue.refused));
    world.orphaned -= attempt->orphaned;
    attempt->orphaned = false;
    attempt->returned = true;
}

static bool says_nothing_sent(const struct frame *said)
{
    return said->status == MESSAGE_FAILED && said->parts_sent == 0 &&
           send_result_classify(said->error_code) == SEND_RESULT_DEFINITE;
}

static void want_report(const struct store_write *write)
{
    struct phone *phone = world.speaker;
    const struct frame *said = world.said;
    const struct message_ref *ref = &write->report.ref;
    unsigned message = message_of_id(&ref->id);
    CHECK(phone && is_of(&write->report.holder, phone));
    CHECK(is_said(phone->assured ? FRAME_IS_REPORT : FRAME_IS_STATUS_UPDATE, ref));
    CHECK(write->report.status == said->status);
    CHECK(write->report.seq == (phone->assured ? said->seq : -1));
    CHECK(write->report.nothing_sent ==
          (phone->assured && said->ref.attempt > 0 && says_nothing_sent(said)));
    if (says_nothing_sent(said))
        phone->consecutive_failures++;
    else if (said->status == MESSAGE_SENT || said->status == MESSAGE_DELIVERED)
        phone->consecutive_failures = 0;
    world.heard = true;
    if (message == MOST_MESSAGES)
        return;
    if (write->report.nothing_sent && ref->attempt < MOST_ATTEMPTS) {
        struct attempt *attempt = &world.attempts[message][ref->attempt];
        attempt->proved |= attempt->device == phone->device &&
                           message_id_equal(&attempt->journal, &phone->journal);
    }
    struct in_flight *held = in_flight_find(phone, message, ref->attempt);
    if (held && !held->offered && said->status != MESSAGE_SENDING)
        in_flight_take(phone, held);
}

static void want_receive(const struct store_write *write)
{
    const struct incoming_sms *sms = write->receive.sms;
    const struct frame *said = world.said;
    CHECK(world.speaker && is_device(sms->device_id, world.speaker->device));
    CHECK(said && said->type == FRAME_IS_SMS_RECEIVED && said->sim == sms->sim);
    CHECK(strcmp(said->incoming.received_id, sms->received_id) == 0);
    CHECK(strcmp(said->incoming.text, sms->text) == 0);
    world.heard = true;
}

static void want_connect(const struct store_write *write)
{
    struct phone *phone = world.speaker;
    CHECK(phone && phone->turn == 0 && is_of(&write->connect.holder, phone));
    CHECK(world.said &&
          world.said->type == (phone->assured ? FRAME_IS_JOURNAL : FRAME_IS_DEVICE_INFO));
    CHECK(write->connect.entry_count == phone->entry_count);
    for (size_t i = 0; i < phone->entry_count; i++) {
        const struct store_journal_entry *entry = &write->connect.entries[i];
        CHECK(message_id_equal(&entry->ref.id, &phone->entries[i].ref.id));
        CHECK(entry->ref.attempt == phone->entries[i].ref.attempt);
        CHECK(entry->offered == phone->entries[i].offered);
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        struct phone *other = &world.phones[i];
        if (other->open && other->turn > 0 && other->device == phone->device)
            other->must_close = true;
    }
    phone->turn = ++world.turns;
    world.last_opened[phone->device] = MAX(world.last_opened[phone->device], phone->opened);
}

static bool is_connected(const char *device_id, int64_t number)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        const struct phone *phone = &world.phones[i];
        if (phone->open && phone->connected && phone->connection_epoch == number &&
            is_device(device_id, phone->device))
            return true;
    }
    return false;
}

void promise_wanted(const struct pending *pending)
{
    const struct store_write *write = pending->write;
    switch (write->verb) {
    case STORE_CLAIM:
        want_claim(write);
        break;
    case STORE_RELEASE:
        want_release(write);
        break;
    case STORE_RETURN_TO_QUEUE:
        want_take_back(write);
        break;
    case STORE_REPORT:
        want_report(write);
        break;
    case STORE_RECEIVE:
        want_receive(write);
        break;
    case STORE_DEVICE_CONNECT:
        want_connect(write);
        break;
    case STORE_DEVICE_UPDATE:
        CHECK(is_connected(write->update.device_id, write->update.connection_epoch));
        break;
    case STORE_DEVICE_DISCONNECT:
        CHECK(write->disconnect.connection_epoch > 0);
        CHECK(!is_connected(write->disconnect.device_id, write->disconnect.connection_epoch));
        break;
    case STORE_NOTE_WAITS:
        for (size_t i = 0; i < write->note_waits.count; i++)
            CHECK(write->note_waits.waits[i].reason < MESSAGE_WAIT_NO_DEVICE);
        break;
    case STORE_EXPIRE_UNREPORTED:
    case STORE_BROKER_LEASE:
        break;
    case STORE_PURGE:
        CHECK(!world.draining && store_count(STORE_PURGE) == 0);
        break;
    case STORE_ENQUEUE:
    case STORE_ENQUEUE_BATCH:
    case STORE_CANCEL:
    case STORE_CONFIGURE_DEVICE:
    case STORE_CANCEL_BATCH:
    case STORE_CREATE_KEY:
    case STORE_REVOKE_KEY:
    case STORE_OPEN_SESSION:
    case STORE_CREATE_PAIRING:
    case STORE_PAIR:
    case STORE_CREATE_TOKEN:
    case STORE_REVOKE_TOKEN:
    case STORE_COUNT_TAKEOVER: /* without tokens */
    case STORE_POLL_MESSAGES:
    case STORE_REPORT_POLLED:
    case STORE_NOTE_POLLED:
    case STORE_CREATE_TICKET:
    case STORE_TAKE_TICKET:
    case STORE_SET_SENDING:
    case STORE_RESEND:
    case STORE_CREATE_WEBHOOK:
    case STORE_CHANGE_WEBHOOK:
    case STORE_REMOVE_WEBHOOK:
    case STORE_TEST_WEBHOOK:
    case STORE_REDELIVER:
    case STORE_NOTE_DELIVERIES:
    case STORE_CHANGE_OPT_OUTS:
    case STORE_ERASE:
    case STORE_FIND_ANSWER:
    case STORE_PROBE:
    case STORE_SETTLE:
    case STORE_VERB_COUNT:
        CHECK(false); /* not requests of the broker */
    }
}

/* ---- What the store did ---- */

void promise_committed(const struct change *change)
{
    static const struct message_id no_journal;
    bool accepted = change->to == MESSAGE_ACCEPTED;
    if (change->is_report || (change->to != MESSAGE_DISPATCHED && !accepted))
        return;
    CHECK(change->attempt < MOST_ATTEMPTS);
    struct attempt *attempt = &world.attempts[change->message][change->attempt];
    if (change->from == MESSAGE_QUEUED)
        promise_claimed(change);
    if (change->from == MESSAGE_QUEUED)
        *attempt = (struct attempt){
            .journal = change->journal,
            .device = (unsigned char)change->device,
            .assured = !message_id_equal(&change->journal, &no_journal),
            .claimed = true,
        };
    attempt->accepted = accepted;
}

static void answer_claim(const struct store_write *write)
{
    for (size_t i = 0; i < write->claim.slot_count; i++) {
        const struct message *message = &write->claim.messages[i];
        if (!message->text)
            continue;
        struct phone *phone = phone_find(world.slots[i]);
        if (phone) {
            in_flight_put(phone, (struct in_flight){.message = message_of_id(&message->id),
                                                    .attempt = message->attempt,
                                                    .offered = phone->assured});
            continue;
        }
        store_find_attempt(&(struct message_ref){message->id, message->attempt})->orphaned = true;
        world.orphaned++;
    }
}

static void owe_order(struct phone *phone, const struct message_ref *ref,
                      enum store_verdict verdict)
{
    if (verdict != STORE_VERDICT_NONE)
        phone_owe(phone, (struct owed){.type = verdict == STORE_VERDICT_RELEASE ? FRAME_RELEASE
                                                                                : FRAME_DROP,
                                       .ref = *ref});
}

static void owe_revoke(struct phone *phone, const struct message_ref *ref)
{
    unsigned message = message_of_id(&ref->id);
    struct owed owed = {.type = FRAME_REVOKE, .ref = *ref};
    if (!in_flight_find(phone, message, ref->attempt) || phone->revoked[message] == ref->attempt)
        return;
    (void)phone_pay(phone, &owed); /* it is owed once */
    phone_owe(phone, owed);
}

static void answer_release(const struct store_write *write, struct phone *phone)
{
    struct in_flight *held = in_flight_find(phone, message_of_id(&write->release.ref.id),
                                            write->release.ref.attempt);
    owe_order(phone, &write->release.ref, write->release.verdict);
    if (held && write->release.verdict == STORE_VERDICT_DROP)
        in_flight_take(phone, held);
    if (held && write->release.verdict == STORE_VERDICT_RELEASE) {
        held->offered = false;
        held->due_at_ms = world.now_ms + world.options.report_horizon_ms;
    }
}

static bool is_in_journal(const struct store_write *write, const struct message_id *id)
{
    bool found = false;
    for (size_t i = 0; i < write->connect.entry_count; i++)
        found |= message_id_equal(&write->connect.entries[i].ref.id, id);
    return found;
}

/* How long a phone that comes back may be silent about a message; `journaled`: its journal has it. */
static int64_t silence_left_ms(bool journaled, int64_t silent_ms)
{
    const struct broker_options *options = &world.options;
    if (journaled)
        return MAX(options->report_horizon_ms - silent_ms, options->report_timeout_ms);
    return options->report_timeout_ms - silent_ms;
}

static void take_decision(struct phone *phone, const struct device_traits *traits)
{
    if (traits->configured <= phone->configured)
        return;
    phone->configured = traits->configured;
    phone->disabled = traits->disabled;
}

static void answer_connect(const struct store_write *write, struct phone *phone)
{
    phone->connected = true;
    take_decision(phone, &write->connect.traits);
    phone->connection_epoch = write->connect.connection_epoch;
    if (phone->assured)
        phone_owe(phone, (struct owed){.type = FRAME_WELCOME,
                                       .number = phone->connection_epoch,
                                       .credit = in_flight_limit(phone)});
    else
        phone_owe(phone, (struct owed){.type = FRAME_CONNECTION_ACK});
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        const struct store_journal_entry *entry = &write->connect.entries[i];
        owe_order(phone, &entry->ref, entry->verdict);
    }
    for (size_t i = 0; i < write->connect.in_flight_count; i++) {
        const struct store_in_flight *held = &write->connect.in_flight[i];
        int64_t left_ms = silence_left_ms(phone->assured && is_in_journal(write, &held->ref.id),
                                          held->silent_ms);
        if (left_ms > 0)
            in_flight_put(phone, (struct in_flight){.message = message_of_id(&held->ref.id),
                                                    .attempt = held->ref.attempt,
                                                    .written = true,
                                                    .due_at_ms = world.now_ms + left_ms});
        if (phone->assured && held->cancel_requested)
            owe_revoke(phone, &held->ref);
    }
}

/* A returned message is not in flight, also when its phone has reconnected in the meantime. */
static void answer_take_back(const struct store_write *write)
{
    unsigned message = message_of_id(&write->return_to_queue.ref.id);
    for (size_t i = 0; i < SESSIONS && write->return_to_queue.changed; i++) {
        struct in_flight *held = in_flight_find(&world.phones[i], message,
                                                write->return_to_queue.ref.attempt);
        if (held)
            in_flight_take(&world.phones[i], held);
    }
}

void promise_polled(const struct store_work *work)
{
    for (size_t i = 0; i < work->configured_count; i++) {
        struct phone *phone = phone_newest(phone_of_device(work->configured[i].device_id));
        if (phone)
            take_decision(phone, &work->configured[i].traits);
    }
    for (size_t i = 0; i < work->cancel_count; i++) {
        const struct store_cancel_request *message = &work->cancel_requests[i];
        struct phone *phone = phone_newest(phone_of_device(message->device_id));
        if (phone && phone->assured && phone->connected)
            owe_revoke(phone, &message->ref);
    }
}

static struct owed answer_to_sms(const struct store_write *write)
{
    struct owed owed = {.type = write->result == ERROR_NONE ? FRAME_SMS_RECEIVED_ACK : FRAME_ERROR};
    if (write->result == ERROR_NONE)
        strcpy(owed.received_id, write->receive.sms->received_id);
    return owed;
}

/* The store has taken it: what was offered is sent. */
static void answer_report(const struct store_write *write, struct phone *phone)
{
    bool was_sent = write->report.status == MESSAGE_SENT ||
                    write->report.status == MESSAGE_DELIVERED;
    struct in_flight *held = in_flight_find(phone, message_of_id(&write->report.ref.id),
                                            write->report.ref.attempt);
    if (held && was_sent && write->report.changed && held->offered && !held->answered)
        in_flight_take(phone, held);
}

void promise_answered(const struct pending *pending)
{
    const struct store_write *write = pending->write;
    struct phone *phone = phone_find(pending->session);
    bool refused = write->result != ERROR_NONE;
    if (phone && !refused && write->verb == STORE_REPORT)
        answer_report(write, phone);
    if (phone && refused && write->verb == STORE_DEVICE_CONNECT)
        phone->must_close = true;
    else if (phone && write->verb == STORE_REPORT && phone->assured && write->report.seq >= 0)
        phone_owe(phone, (struct owed){.type = FRAME_REPORT_ACK, .number = write->report.seq});
    else if (phone && write->verb == STORE_REPORT && refused)
        phone_owe(phone, (struct owed){.type = FRAME_ERROR});
    else if (phone && write->verb == STORE_RECEIVE)
        phone_owe(phone, answer_to_sms(write));
    else if (phone && !refused && write->verb == STORE_RELEASE)
        answer_release(write, phone);
    else if (phone && !refused && write->verb == STORE_DEVICE_CONNECT)
        answer_connect(write, phone);
    else if (!refused && write->verb == STORE_CLAIM)
        answer_claim(write);
    else if (!refused && write->verb == STORE_RETURN_TO_QUEUE)
        answer_take_back(write);
}
