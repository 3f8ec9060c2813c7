#include "ws-broker/core/dispatch.h"

#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/housekeeping.h"
#include "ws-broker/core/polled.h"
#include "ws-broker/core/return_to_queue.h"
#include "ws-broker/core/superseded.h"
#include "ws-broker/core/wanted_devices.h"
#include "ws-broker/core/work.h"

#include <stdlib.h>
#include <string.h>

enum {
    DISABLED_MS = 1000,     /* between two tries with a device that the store says is disabled */
    CONTENDED_MS = 50,      /* after a claim that was cut, claims leave the store to others, */
    PAUSE = 3,              /* times the duration of a claim, */
    LONGEST_PAUSE_MS = 100, /* or this long */
};

/* For whom a slot of the claim is. */
struct claim_slot {
    session_id session;
    const struct device_protocol *protocol;
};

/* ---- A claim is committed ---- */

/* Queues the frame of a message that is committed as this session's. Where the session has ended in the meantime, the
   message is returned to the queue. */
static void deliver(struct broker *broker, struct session *session,
                    const struct device_protocol *protocol, const struct message *message,
                    int64_t claimed_at_ms, int64_t now_ms)
{
    struct buffer frame;
    const struct message_ref ref = {message->id, message->attempt};
    int64_t given_at_ms = session ? session_budget_time(session, claimed_at_ms, now_ms) : 0;
    FAIL_POINT("broker.after_claim");
    buffer_init(&frame, FRAME_MAX_BYTES);
    if (!protocol->is_polled)
        protocol->write_message(&frame, message);
    bool fits = !frame.full;
    bool delivered = fits && session && session->state == SESSION_READY;
    if (delivered && protocol->is_polled)
        delivered = session_add_offer(session, &ref, message->segments, given_at_ms,
                                      now_ms + protocol->answer_timeout_ms(&broker->options));
    else if (delivered)
        delivered = session_add_in_flight(session, message, given_at_ms, buffer_take(&frame));
    if (delivered) {
        session->heap_entry.last_use = ++broker->messages_sent;
        send_budget_spend(&session->send_budget, message->segments, given_at_ms);
        session_restart_backoff(session, now_ms);
        if (protocol->is_polled)
            polled_tell(broker, session, now_ms);
        else
            action_queue_push_for(&broker->actions, BROKER_WRITE, session);
    } else if (fits) {
        return_to_queue(broker, &ref, message->device_id);
    } else {
        return_to_queue_unwritable(broker, &ref, message->device_id);
    }
    buffer_fini(&frame);
}

/* Not delivered late: by the time that is known, others may have decided about the message. */
static void return_if_claimed(struct broker *broker, const struct store_write *write,
                              const struct message *message)
{
    const struct message_ref ref = {message->id, message->attempt};
    if (write->result == ERROR_OUTCOME_UNKNOWN && write->transaction != 0 && message->text)
        return_to_queue_if_claimed(broker, &ref, message->device_id, write->transaction);
}

static void wait_at_daily_limit(struct session *session, int64_t now_ms)
{
    if (now_ms - session->daily_limit_until_ms > ELIGIBILITY_DAILY_LIMIT_MS ||
        session->daily_limit_until_ms == 0)
        log_warning("device reached its daily segment limit",
                    LOG_TEXT("device_id", session->device_id));
    session->daily_limit_until_ms = now_ms + ELIGIBILITY_DAILY_LIMIT_MS;
}

/* The store knows that the device is disabled; the poll will tell. */
static void wait_for_configuration(struct broker *broker, struct session *session, int64_t now_ms)
{
    session->daily_limit_until_ms = now_ms + DISABLED_MS;
    work_poll(broker, now_ms);
}

static void note_pause(struct broker *broker, bool paused)
{
    if (paused && !broker->dispatch.paused)
        log_warning("sending is paused: no messages are dispatched");
    else if (!paused && broker->dispatch.paused)
        log_warning("sending resumed");
    broker->dispatch.paused = paused;
}

static void complete_slot(struct broker *broker, struct store_request *request, size_t index,
                          int64_t now_ms)
{
    const struct store_write *write = &request->write;
    const struct claim_slot *slot = (const struct claim_slot *)request->context + index;
    const struct message *message = &write->claim.messages[index];
    struct session *session = session_table_find(&broker->sessions, slot->session);
    bool claimed = write->result == ERROR_NONE && message->text;
    if (session) {
        session->claimed_slots--;
        if (write->result == ERROR_NONE && write->claim.slots[index].at_daily_limit)
            wait_at_daily_limit(session, now_ms);
        if (write->result == ERROR_NONE && write->claim.slots[index].disabled)
            wait_for_configuration(broker, session, now_ms);
        if (write->result == ERROR_NONE)
            superseded_take(broker, session, write->claim.slots[index].connection, now_ms);
    }
    return_if_claimed(broker, write, message);
    if (claimed)
        deliver(broker, session, slot->protocol, message, write->claim.claimed_at_ms, now_ms);
    if (session)
        eligibility_update(broker, session, now_ms);
}

/* While a backlog drains at full speed, each of the broker's transactions has a claim in it, and each claim makes others wait. While
   clients write too, it is one in a few. */
static void give_way(struct broker *broker, bool cut, int64_t now_ms)
{
    int64_t pause_ms = MIN(PAUSE * (now_ms - broker->dispatch.submitted_ms), LONGEST_PAUSE_MS);
    if (cut)
        broker->dispatch.contended_until_ms = now_ms + CONTENDED_MS;
    if (now_ms < broker->dispatch.contended_until_ms)
        broker->dispatch.not_before_ms = broker->dispatch.wake_ms = now_ms + pause_ms;
}

static void on_claimed(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    size_t slots = write->claim.slot_count;
    bool limited = false;

    broker->dispatch.claiming = false;
    broker->dispatch.wanted_count = 0; /* a device that is eligible again had its slot just now */
    for (size_t i = 0; i < slots; i++) {
        complete_slot(broker, request, i, now_ms);
        limited |= write->claim.slots[i].at_daily_limit || write->claim.slots[i].disabled ||
                   write->claim.slots[i].connection != STORE_CONNECTION_CURRENT;
    }
    work_look_again(broker, now_ms);
    if (write->result != ERROR_NONE) {
        broker->dispatch.due = broker->dispatch.left_some = true;
        broker->dispatch.not_before_ms = now_ms + STORE_REQUEST_RETRY_MS;
        return;
    }
    give_way(broker, write->claim.cut, now_ms);
    note_pause(broker, write->claim.paused);
    wanted_devices_note(broker, &write->claim);
    if (write->claim.cut) {
        broker->dispatch.due = true;
        broker->dispatch.batch = write->claim.message_count;
    } else if (write->claim.message_count == slots) {
        broker->dispatch.due = true; /* there may be more */
        broker->dispatch.batch = MIN(broker->dispatch.batch * 2, STORE_MAX_CLAIM);
    } else {
        broker->dispatch.due |= limited; /* other devices can have the messages */
        broker->dispatch.batch = DISPATCH_FIRST_BATCH;
    }
    broker->dispatch.left_some = broker->dispatch.due;
}

static void release_claim(struct store_request *request)
{
    struct store_write *write = &request->write;
    for (size_t i = 0; i < write->claim.slot_count; i++)
        message_fini(&write->claim.messages[i]);
    free(write->claim.messages);
    free(write->claim.slots);
    free(write->claim.wanted);
    free(request->context);
}

static const struct request_kind claim_kind = {
    .name = "claim",
    .verb = STORE_CLAIM,
    .patience_us = STORE_REQUEST_PATIENCE_TO_PHONE_US,
    .done = on_claimed,
    .release = release_claim,
};

/* ---- Claiming ---- */

/* What the heap orders by, but for the turns. */
static unsigned cost_of(const struct session *session)
{
    enum { SIGNAL_LEVELS = 5 };
    const struct phone_heap_entry *entry = &session->heap_entry;
    unsigned load = (unsigned)((uint64_t)entry->in_flight * 1000 / entry->window);
    return load * SIGNAL_LEVELS + (unsigned)(SIGNAL_LEVELS - 1 - entry->signal_level);
}

static void add_slot(struct broker *broker, struct store_request *request, struct session *session,
                     int64_t now_ms)
{
    struct store_claim *claim = &request->write.claim;
    struct claim_slot *slot = (struct claim_slot *)request->context + claim->slot_count;
    struct store_holder *holder = &claim->slots[claim->slot_count++];
    *holder = session_holder(session);
    holder->cost = cost_of(session);
    *slot = (struct claim_slot){session->id, session->protocol};
    session->claimed_slots++; /* at least a segment each; their lengths are not known yet */
    eligibility_update(broker, session, now_ms);
}

/* The devices that the last claim wanted, and then the best. */
static void fill_slots(struct broker *broker, struct store_request *request, size_t most,
                       int64_t now_ms)
{
    const struct store_claim *claim = &request->write.claim;
    struct session *session;
    for (size_t i = 0; i < broker->dispatch.wanted_count && claim->slot_count < most; i++) {
        session = wanted_devices_find(broker, broker->dispatch.wanted[i]);
        if (session)
            add_slot(broker, request, session, now_ms);
    }
    struct phone_heap_entry *best;
    while (claim->slot_count < most && (best = phone_heap_best(&broker->phone_heap)))
        add_slot(broker, request, CONTAINER_OF(best, struct session, heap_entry), now_ms);
}

void dispatch_run(struct broker *broker, int64_t now_ms)
{
    if (now_ms >= broker->dispatch.wake_ms)
        broker->dispatch.wake_ms = INT64_MAX;
    if (!broker->dispatch.due || broker->dispatch.claiming || broker->drain.active ||
        now_ms < broker->dispatch.not_before_ms || !phone_heap_best(&broker->phone_heap))
        return;

    struct store_request *request = store_request_new(&claim_kind, 0);
    struct store_claim *claim = &request->write.claim;
    size_t most = broker->dispatch.batch;
    request->context = allocation_check(calloc(most, sizeof(struct claim_slot)));
    claim->slots = allocation_check(calloc(most, sizeof(*claim->slots)));
    claim->wanted = allocation_check(calloc(STORE_MAX_WANTED, sizeof(*claim->wanted)));
    fill_slots(broker, request, most, now_ms);
    claim->messages = allocation_check(calloc(claim->slot_count, sizeof(*claim->messages)));
    claim->trusted_wall_ms = housekeeping_trusted_wall_ms(broker, now_ms);
    claim->may_defer = !broker->dispatch.deferred && phone_heap_best(&broker->phone_heap);
    strcpy(claim->lanes_after, broker->dispatch.lanes_after);
    broker->dispatch.due = false;
    broker->dispatch.claiming = true;
    broker->dispatch.submitted_ms = now_ms;
    FAIL_POINT("broker.before_claim");
    store_request_submit(&broker->requests, request);
}
