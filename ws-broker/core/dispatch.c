/* Who may get messages, and how they get them. */
#include "ws-broker/core/broker_core.h"

#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/protocol.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/protocol/frames.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHORTEST_WAKE_MS = 100, /* between two looks at a phone that waits for its pace */
    CAPPED_MS = 60000,      /* between two tries with one that has had its segments of the day */
    MINUTE_MS = 60000,
};

int64_t broker_send_budget_window_ms(const struct broker_options *options)
{
    if (options->segments_per_minute == 0)
        return 0;
    return MAX(options->segments_burst * MINUTE_MS / options->segments_per_minute, 1);
}

/* ---- Who may get messages ---- */

static bool has_battery(const struct broker *broker, const struct device_info *info)
{
    return info->battery_level < 0 || info->charging == 1 ||
           info->battery_level >= broker->options.min_battery_percent;
}

/* Whether the pace allows another message; otherwise the broker wakes when it does. */
static bool has_budget(struct broker *broker, struct session *session, int64_t now_ms)
{
    int64_t wait_ms = send_budget_wait_ms(&session->send_budget, now_ms);
    if (wait_ms > 0)
        broker->wake_ms = MIN(broker->wake_ms, now_ms + MAX(wait_ms, SHORTEST_WAKE_MS));
    return wait_ms == 0;
}

/* Brings a session's place among the candidates up to date, after anything about it changed. */
void broker_refresh(struct broker *broker, struct session *session, int64_t now_ms)
{
    struct phone_heap_entry *entry = &session->heap_entry;
    entry->in_flight = session->in_flight_count + session->claimed_slots +
                       session_load_penalty(session);
    entry->signal_level = device_signal_level(&session->info);
    bool eligible = session->state == SESSION_READY && !broker->draining && !session->paused &&
                    session_room(session) > 0 && !session_is_in_backoff(session, now_ms) &&
                    now_ms >= session->capped_until_ms && has_battery(broker, &session->info) &&
                    has_budget(broker, session, now_ms);
    if (!eligible)
        phone_heap_remove(&broker->phone_heap, entry);
    else if (!phone_heap_put(&broker->phone_heap, entry))
        broker_must(NULL);
}

/* ---- Handing over ---- */

/* Promises places to the best phones and asks the store for as many messages, one request at a
   time: what comes meanwhile makes the next one larger. */
void broker_hand_over(struct broker *broker, int64_t now_ms)
{
    if (!broker->due || broker->handing_over || broker->draining ||
        now_ms < broker->hand_over_at_ms || !phone_heap_best(&broker->phone_heap))
        return;

    struct job *job = job_new(STORE_CLAIM, 0);
    struct store_write *write = &job->write;
    write->claim.slots = broker_must(calloc(broker->batch, sizeof(*write->claim.slots)));
    job->slot_sessions = broker_must(calloc(broker->batch, sizeof(*job->slot_sessions)));
    size_t count = 0;
    struct phone_heap_entry *best;
    while (count < broker->batch && (best = phone_heap_best(&broker->phone_heap))) {
        struct session *session = CONTAINER_OF(best, struct session, heap_entry);
        job_fill_slot(&write->claim.slots[count], session);
        job->slot_sessions[count++] = session->id;
        session->claimed_slots++;
        send_budget_spend(&session->send_budget, 1, now_ms); /* the rest when its length is known */
        broker_refresh(broker, session, now_ms);
    }
    write->claim.slot_count = count;
    write->claim.messages = broker_must(calloc(count, sizeof(*write->claim.messages)));
    broker->due = false;
    broker->handing_over = true;
    FAIL_POINT("broker.before_hand_over");
    job_submit(broker, job);
}

/* Back to the queue it would be given again at once, for ever, before all that came after it. */
static void fail_unwritable(struct broker *broker, const struct message *message)
{
    struct job *job = job_new_take_back(&message->id, message->attempt, message->device_id);
    job->write.return_to_queue.hopeless = true;
    strcpy(job->write.return_to_queue.error_code, MESSAGE_TOO_LONG);
    job->write.return_to_queue.error_message = "it does not fit into a frame to a phone";
    message_log_event("message does not fit into a frame", &message->id, message->attempt,
                      message->device_id);
    job_submit(broker, job);
}

/* A message that is committed as this session's phone's: its frame is queued, or, where the session
   has ended meanwhile, the message goes back. False when the phone was not given it. */
static bool deliver(struct broker *broker, struct session *session, const struct message *message,
                    int64_t now_ms)
{
    struct buffer frame;
    FAIL_POINT("broker.after_hand_over");
    buffer_init(&frame, FRAME_MAX_BYTES);
    if (message->status == MESSAGE_DISPATCHED)
        frame_write_offer(&frame, message);
    else
        frame_write_new_sms(&frame, message);
    bool fits = !frame.full;
    bool held = fits && session && session->state == SESSION_READY &&
                session_add_in_flight(session, &message->id, message->attempt, buffer_take(&frame));
    if (held) {
        session->heap_entry.last_use = ++broker->uses;
        send_budget_spend(&session->send_budget, (int64_t)message->segments - 1, now_ms);
        session_was_given_one(session, now_ms);
        broker_act_on(broker, BROKER_WRITE, session);
    } else if (fits) {
        job_submit_take_back(broker, &message->id, message->attempt, message->device_id);
    } else {
        fail_unwritable(broker, message);
    }
    buffer_fini(&frame);
    return held;
}

/* A phone that may have no more today does not stand in the way of others. */
static void rest_at_cap(struct session *session, int64_t now_ms)
{
    if (now_ms - session->capped_until_ms > CAPPED_MS || session->capped_until_ms == 0)
        log_warning("a phone has been given its segments of the day",
                    LOG_TEXT("device_id", session->device_id));
    session->capped_until_ms = now_ms + CAPPED_MS;
}

static void note_paused(struct broker *broker, bool paused)
{
    if (paused && !broker->paused)
        log_warning("sending is paused: phones are given nothing");
    else if (!paused && broker->paused)
        log_warning("sending is not paused any more");
    broker->paused = paused;
}

/* What a slot of a hand-over has come to. */
static void settle_slot(struct broker *broker, struct job *job, size_t slot, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    const struct message *message = &write->claim.messages[slot];
    struct session *session = session_table_find(&broker->sessions, job->slot_sessions[slot]);
    bool given = write->result == ERROR_NONE && message->text;
    if (session) {
        session->claimed_slots--;
        if (write->result == ERROR_NONE && write->claim.slots[slot].at_daily_limit)
            rest_at_cap(session, now_ms);
    }
    bool held = given && deliver(broker, session, message, now_ms);
    if (session && !held)
        send_budget_refund_one(&session->send_budget);
    if (session)
        broker_refresh(broker, session, now_ms);
}

void broker_hand_over_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    size_t slots = write->claim.slot_count;
    bool capped = false;

    broker->handing_over = false;
    for (size_t i = 0; i < slots; i++) {
        settle_slot(broker, job, i, now_ms);
        capped |= write->claim.slots[i].at_daily_limit;
    }
    if (write->result != ERROR_NONE) {
        broker->due = true;
        broker->hand_over_at_ms = now_ms + BROKER_RETRY_MS;
        return;
    }
    note_paused(broker, write->claim.paused);
    if (write->claim.message_count == slots) {
        broker->due = true; /* there may be more */
        broker->batch = MIN(broker->batch * 2, STORE_MAX_CLAIM);
    } else {
        broker->due |= capped; /* for other phones */
        broker->batch = BROKER_FIRST_BATCH;
    }
}
