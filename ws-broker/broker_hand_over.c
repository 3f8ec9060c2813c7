/* Who may get messages, and how they get them. */
#include "broker_core.h"

#include "../common/fail_point.h"
#include "../common/protocol.h"
#include "frames.h"

#include <stdlib.h>
#include <string.h>

enum { SHORTEST_WAKE_MS = 100 }; /* between two looks at a phone that waits for its pace */

/* ---- Who may get messages ---- */

static bool has_battery(const struct broker *broker, const struct device_info *info)
{
    return info->battery_level < 0 || info->charging == 1 ||
           info->battery_level >= broker->options.min_battery_percent;
}

/* Whether the pace allows another message; otherwise the broker wakes when it does. */
static bool has_pace(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (broker->options.segments_per_minute == 0)
        return true;
    int64_t wait_ms = session_refill_segments(session, broker->options.segments_per_minute, now_ms);
    if (wait_ms > 0)
        broker->wake_ms = MIN(broker->wake_ms, now_ms + MAX(wait_ms, SHORTEST_WAKE_MS));
    return wait_ms == 0;
}

/* Brings a session's place among the candidates up to date, after anything about it changed. */
void broker_refresh(struct broker *broker, struct session *session, int64_t now_ms)
{
    struct candidate *candidate = &session->candidate;
    candidate->in_hand = session->held_count + session->planned + session_handicap(session);
    candidate->signal_level = device_signal_level(&session->info);
    bool eligible = session->state == SESSION_READY && !broker->draining && !session->paused &&
                    session_room(session) > 0 && !session_rests(session, now_ms) &&
                    has_battery(broker, &session->info) && has_pace(broker, session, now_ms);
    if (!eligible)
        dispatcher_withdraw(&broker->dispatcher, candidate);
    else if (!dispatcher_offer(&broker->dispatcher, candidate))
        broker_must(NULL);
}

/* ---- Handing over ---- */

/* Promises places to the best phones and asks the store for as many messages, one request at a
   time: what comes meanwhile makes the next one larger. */
void broker_hand_over(struct broker *broker, int64_t now_ms)
{
    if (!broker->due || broker->handing_over || broker->draining ||
        now_ms < broker->hand_over_at_ms || !dispatcher_best(&broker->dispatcher))
        return;

    struct job *job = job_new(STORE_HAND_OVER, 0);
    struct store_write *write = &job->write;
    write->hand_over.slots = broker_must(calloc(broker->batch, sizeof(*write->hand_over.slots)));
    job->slot_sessions = broker_must(calloc(broker->batch, sizeof(*job->slot_sessions)));
    size_t count = 0;
    struct candidate *best;
    while (count < broker->batch && (best = dispatcher_best(&broker->dispatcher))) {
        struct session *session = CONTAINER_OF(best, struct session, candidate);
        job_fill_slot(&write->hand_over.slots[count], session);
        job->slot_sessions[count++] = session->id;
        session->planned++;
        session->segment_tokens -= 1; /* the rest when its length is known */
        broker_refresh(broker, session, now_ms);
    }
    write->hand_over.slot_count = count;
    write->hand_over.messages = broker_must(calloc(count, sizeof(*write->hand_over.messages)));
    broker->due = false;
    broker->handing_over = true;
    FAIL_POINT("broker.before_hand_over");
    job_submit(broker, job);
}

/* A message that is committed as this session's phone's: its frame is queued, or, where the session
   has ended meanwhile, the message goes back. */
static void deliver(struct broker *broker, struct session *session, const struct message *message,
                    int64_t now_ms)
{
    struct buffer frame;
    FAIL_POINT("broker.after_hand_over");
    buffer_init(&frame, FRAME_MAX_BYTES);
    if (message->status == MESSAGE_DISPATCHED)
        frame_write_offer(&frame, message);
    else
        frame_write_new_sms(&frame, message);
    bool there = session && session->state == SESSION_READY;
    if (there && session_hold(session, &message->id, message->attempt, buffer_take(&frame))) {
        session->candidate.last_use = ++broker->uses;
        session->segment_tokens -= message->segments - 1;
        session_is_given_one(session, now_ms);
        broker_act_on(broker, BROKER_WRITE, session);
    } else {
        job_submit_take_back(broker, &message->id, message->attempt, message->device_id);
    }
    buffer_fini(&frame);
}

void broker_hand_over_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    size_t slots = write->hand_over.slot_count;
    size_t messages = write->result == ERROR_NONE ? write->hand_over.message_count : 0;

    broker->handing_over = false;
    for (size_t i = 0; i < slots; i++) {
        struct session *session = session_table_find(&broker->sessions, job->slot_sessions[i]);
        if (session) {
            session->planned--;
            if (i >= messages)
                session->segment_tokens += 1;
        }
        if (i < messages)
            deliver(broker, session, &write->hand_over.messages[i], now_ms);
        if (session)
            broker_refresh(broker, session, now_ms);
    }
    if (write->result != ERROR_NONE) {
        broker->due = true;
        broker->hand_over_at_ms = now_ms + BROKER_RETRY_MS;
    } else if (messages == slots) {
        broker->due = true; /* there may be more */
        broker->batch = MIN(broker->batch * 2, STORE_MAX_HAND_OVER);
    } else {
        broker->batch = BROKER_FIRST_BATCH;
    }
}
