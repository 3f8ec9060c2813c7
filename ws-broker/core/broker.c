/* Events from the connections, the store and the clock, each passed to the conversation that it belongs to. */
#include "ws-broker/core/broker.h"

#include "common/base/log.h"
#include "ws-broker/core/broker_metrics.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/close.h"
#include "ws-broker/core/connect.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/device_waits.h"
#include "ws-broker/core/dispatch.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/housekeeping.h"
#include "ws-broker/core/incoming.h"
#include "ws-broker/core/lifecycle.h"
#include "ws-broker/core/offer.h"
#include "ws-broker/core/polled.h"
#include "ws-broker/core/report.h"
#include "ws-broker/core/throttle.h"
#include "ws-broker/core/token_revocation.h"
#include "ws-broker/core/warnings.h"
#include "ws-broker/core/work.h"
#include "ws-broker/protocol/frames.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    NOT_READING_MS = 10000, /* for a device to take a frame, while many wait for it */
};

/* ---- Connections ---- */

enum error broker_check_admission(const struct broker *broker)
{
    if (broker->drain.active)
        return broker->drain.reason;
    bool full = broker->sessions.open_count >= broker->options.max_sessions;
    return full ? ERROR_TOO_MANY_PHONES : ERROR_NONE;
}

/* NULL when no device is admitted, or without memory. */
static struct session *open_session(struct broker *broker, const char *device_id,
                                    const char *token_id, const struct device_protocol *protocol,
                                    int64_t now_ms)
{
    struct session *session = broker_check_admission(broker) == ERROR_NONE
                                  ? session_table_open(&broker->sessions)
                                  : NULL;
    if (!session)
        return NULL;
    strcpy(session->device_id, device_id);
    strcpy(session->token_id, token_id);
    session->protocol = protocol;
    session->info = DEVICE_INFO_UNKNOWN;
    session->capacity = session->credit = session->heap_entry.window = broker->options.window;
    session->opened_at_ms = session->heard_at_ms = session->pinged_at_ms = now_ms;
    session->updated_at_ms = now_ms;
    session->frame_tokens_at_ms = now_ms;
    session->frame_tokens = (double)broker->options.max_frames_per_second * 2;
    session->work_tokens_at_ms = 0; /* long ago: its bucket is full */
    lifecycle_begin(broker, session);
    broker_metrics_set_sessions(broker->options.metrics, broker->sessions.open_count,
                                broker->polled.session_count);
    return session;
}

bool broker_session_opened(struct broker *broker, const char *device_id, const char *token_id,
                           const struct device_protocol *protocol, int64_t now_ms, session_id *id)
{
    const struct session *session = open_session(broker, device_id, token_id, protocol, now_ms);
    if (session)
        *id = session->id;
    return session;
}

bool broker_stream_opened(struct broker *broker, const char *device_id, const char *token_id,
                          const struct message_id *journal, int64_t now_ms, session_id *id)
{
    polled_began(broker);
    struct session *session = open_session(broker, device_id, token_id, &device_protocol_polled,
                                           now_ms);
    if (!session) {
        polled_ended(broker);
        return false;
    }
    *id = session->id;
    session->journal_id = *journal;
    connect_device(broker, session, now_ms);
    return true;
}

bool broker_session_is_read(const struct broker *broker, session_id id)
{
    const struct session *session = session_table_find(&broker->sessions, id);
    return session && !session->paused && !session->throttled;
}

void broker_session_alive(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        session->heard_at_ms = now_ms;
}

void broker_session_worked(struct broker *broker, session_id id, double work, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        throttle_count_work(broker, session, work, now_ms);
}

void broker_session_answered_close(struct broker *broker, session_id id)
{
    const struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        token_revocation_count_takeover(broker, session);
}

void broker_session_violated(struct broker *broker, session_id id, enum error error, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        close_session(broker, session, error, now_ms);
}

bool broker_session_leaves(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session && session->state != SESSION_CLOSING)
        close_begin(broker, session, now_ms);
    return session && session->identified;
}

void broker_session_closed(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return;
    close_return_messages(broker, session);
    if (session->connection_epoch > 0) {
        connect_end(broker, session->device_id, session->connection_epoch);
        log_info("device disconnected", LOG_TEXT("device_id", session->device_id),
                 LOG_NUMBER("session", session->connection_epoch));
    }
    if (session->protocol->is_polled)
        polled_ended(broker);
    phone_heap_remove(&broker->phone_heap, &session->heap_entry);
    session_table_close(&broker->sessions, session);
    broker_metrics_set_sessions(broker->options.metrics, broker->sessions.open_count,
                                broker->polled.session_count);
    dispatch_run(broker, now_ms);
}

/* ---- Frames ---- */

static void take_frame(struct broker *broker, struct session *session, struct frame *frame,
                       int64_t now_ms)
{
    static void (*const handlers[])(struct broker *, struct session *, struct frame *, int64_t) = {
#define FRAME_IN(name, type, level, phase, reader, handler) [FRAME_IS_##name] = handler,
#include "common/model/frames.def"
    };
    if (session_state_takes(session->state, frame->type))
        handlers[frame->type](broker, session, frame, now_ms);
}

/* A frame that cannot be read; in place of a greeting it ends the connection. */
static void refuse_frame(struct broker *broker, struct session *session,
                         const struct frame_problem *problem, int64_t now_ms)
{
    bool in_greeting = session_states[session->state].phase != PHASE_CONNECTED;
    control_send_error(broker, session, problem, now_ms);
    if (in_greeting)
        close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);
}

void broker_session_received(struct broker *broker, session_id id, const char *text, size_t length,
                             int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return;
    session->heard_at_ms = now_ms;
    session->spoke = true;
    if (session->state == SESSION_CLOSING && !session->identified)
        return; /* too late for a greeting */
    if (!session_take_frame_token(session, broker->options.max_frames_per_second, now_ms)) {
        close_session(broker, session, ERROR_TOO_MANY_FRAMES, now_ms);
        return;
    }
    struct frame frame;
    struct frame_problem problem;
    bool good = frame_read(text, length, session_state_stage(session->state, session->protocol),
                           &session->info, &frame, &problem);
    broker_metrics_count_received(broker->options.metrics, good ? &frame : NULL);
    if (good) {
        take_frame(broker, session, &frame, now_ms);
        if (frame.warning.error != ERROR_NONE)
            warnings_send(broker, session, &frame.warning, now_ms);
        frame_fini(&frame);
    } else {
        refuse_frame(broker, session, &problem, now_ms);
    }
    dispatch_run(broker, now_ms);
}

enum session_output broker_take_output(struct broker *broker, session_id id, int64_t now_ms,
                                       struct buffer *frame, enum error *close_error)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return OUTPUT_NOTHING;
    int64_t due_at_ms = now_ms + session->protocol->answer_timeout_ms(&broker->options);
    enum sent_frame_type type;
    enum session_output output = session_take_output(session, due_at_ms, frame, &type);
    broker_metrics_count_output(broker->options.metrics, output, type);
    if (output == OUTPUT_CLOSE)
        *close_error = session->close_error;
    if (output != OUTPUT_NOTHING && session->protocol->is_polled)
        session->heard_at_ms = now_ms; /* it says nothing, but takes what is written */
    if (output == OUTPUT_FRAME) {
        session->took_at_ms = now_ms;
        throttle_update(broker, session, now_ms);
    }
    return output;
}

/* ---- Time ---- */

/* Closes or drops a session whose state has lasted too long or whose device is silent. False when it is dropped. */
static bool check_deadlines(struct broker *broker, struct session *session, int64_t now_ms)
{
    const struct session_state_rule *rule = &session_states[session->state];
    bool expired = now_ms >= session->state_deadline_ms;
    if (expired && rule->expiry == EXPIRY_CLOSE)
        close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);
    throttle_end(broker, session, now_ms);
    bool silent = !session->paused && !session->throttled &&
                  now_ms - session->heard_at_ms >= broker->options.liveness_timeout_ms;
    if (silent && !session->dropped) {
        log_info("device is silent", LOG_TEXT("device_id", session->device_id));
        broker_metrics_count_closed_by_broker(broker->options.metrics, ERROR_NONE);
    }
    bool ends = silent || (expired && rule->expiry == EXPIRY_DROP);
    if (ends)
        close_drop(broker, session);
    return !ends;
}

static int64_t ping_interval_ms(const struct broker *broker, const struct session *session)
{
    enum { COMMENT_MS = 15000 };
    int64_t interval_ms = broker->options.liveness_timeout_ms / 3;
    return session->protocol->is_polled ? MIN(interval_ms, COMMENT_MS) : interval_ms;
}

static void tick_session(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (!check_deadlines(broker, session, now_ms))
        return;
    if (session->paused && session->control_count > 0 &&
        now_ms - session->took_at_ms >= NOT_READING_MS)
        close_session(broker, session, ERROR_NOT_READING, now_ms);
    if (now_ms - session->pinged_at_ms >= ping_interval_ms(broker, session)) {
        session->pinged_at_ms = now_ms;
        session->ping_due = true;
        action_queue_push_for(&broker->actions, BROKER_WRITE, session);
    }
    unsigned in_flight = session->in_flight_count;
    session_forget_silent(session, now_ms);
    if (session->protocol->is_polled)
        polled_tick(broker, session, now_ms);
    else if (session_answer_is_overdue(session, now_ms))
        close_session(broker, session, ERROR_ACK_TIMEOUT, now_ms);
    connect_update_device(broker, session, now_ms);
    /* Time alone makes a device eligible again or frees a place in its window; most have nothing to update. */
    if (session->heap_entry.position == 0 || session->in_flight_count != in_flight)
        eligibility_update(broker, session, now_ms);
}

/* Until when time alone changes nothing about a session. Most devices are idle: they are pinged, and answer. */
static int64_t next_check_ms(const struct broker *broker, const struct session *session,
                             int64_t now_ms)
{
    int64_t liveness_ms = broker->options.liveness_timeout_ms;
    bool idle = (session->state == SESSION_READY || session->state == SESSION_ASIDE) &&
                !session->dropped && !session->paused && !session->throttled &&
                session->in_flight_count == 0 &&
                (session->heap_entry.position != 0 || session->state == SESSION_ASIDE);
    if (!idle)
        return now_ms;
    int64_t ping_ms = session->pinged_at_ms + ping_interval_ms(broker, session);
    int64_t until_ms = MIN(ping_ms, session->heard_at_ms + liveness_ms);
    return MIN(until_ms, connect_update_due_ms(session));
}

static void tick_sessions(struct broker *broker, int64_t now_ms)
{
    struct session_table *table = &broker->sessions;
    for (uint32_t slot = 0; slot < table->slot_count; slot++) {
        if (table->check_at_ms[slot] > now_ms)
            continue;
        struct session *session = session_table_at(table, slot);
        tick_session(broker, session, now_ms);
        table->check_at_ms[slot] = next_check_ms(broker, session, now_ms);
    }
}

/* Before the next tick, for a poll or a claim alone. */
static int64_t early_wake_ms(const struct broker *broker)
{
    return MIN(broker->work.wake_ms, broker->dispatch.wake_ms);
}

void broker_tick(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    if (now_ms < broker->wake_ms && now_ms >= early_wake_ms(broker)) {
        work_poll_if_due(broker, now_ms);
        dispatch_run(broker, now_ms);
        return;
    }
    broker->wake_ms = now_ms + TICK_MS; /* sessions that wait for less bring it forward */
    if (broker->housekeeping.replaced && !broker->drain.active) {
        log_error("another broker has this broker's name: this one ends");
        broker_drain(broker, ERROR_RESTARTING, now_ms);
    }
    if (broker->drain.active && now_ms >= broker->drain.until_ms)
        broker->drain.overdue = true;
    tick_sessions(broker, now_ms);
    store_request_retry_due(&broker->requests, broker, now_ms);
    housekeeping_run(broker, now_ms, wall_ms);
    if (housekeeping_sweep_is_due(broker, now_ms)) {
        broker->dispatch.due = true;
        work_poll(broker, now_ms);
    }
    work_poll_if_due(broker, now_ms);
    dispatch_run(broker, now_ms);
    device_waits_note(broker, now_ms);
}

int64_t broker_wake_ms(const struct broker *broker)
{
    return MIN(broker->wake_ms, early_wake_ms(broker));
}

void broker_doorbell(struct broker *broker, int64_t now_ms)
{
    broker->dispatch.due = true;
    work_poll(broker, now_ms);
    dispatch_run(broker, now_ms);
}

void broker_notified(struct broker *broker, unsigned topics, int64_t now_ms)
{
    if (topics & STORE_TOPIC_MESSAGES)
        broker->dispatch.due = true;
    if (topics & STORE_TOPIC_WORK)
        work_poll_soon(broker, now_ms);
    dispatch_run(broker, now_ms);
}

/* ---- The store ---- */

void broker_store_done(struct broker *broker, struct store_write *write, int64_t now_ms)
{
    if (!store_request_finish(&broker->requests, write, broker->drain.overdue, broker, now_ms))
        return;
    work_poll_if_due(broker, now_ms);
    dispatch_run(broker, now_ms);
}

void broker_polled(struct broker *broker, enum error result, int64_t now_ms)
{
    work_polled(broker, result, now_ms);
    work_poll_if_due(broker, now_ms);
    dispatch_run(broker, now_ms);
}

bool broker_next_action(struct broker *broker, struct broker_action *action)
{
    return action_queue_take(&broker->actions, action);
}

/* ---- Start and end ---- */

void broker_drain(struct broker *broker, enum error drain_reason, int64_t now_ms)
{
    if (broker->drain.active)
        return;
    broker->drain.active = true;
    broker->drain.reason = drain_reason;
    broker->drain.until_ms = now_ms + broker->options.drain_timeout_ms;
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session)
            continue;
        broker->sessions.check_at_ms[slot] = 0;
        close_session(broker, session, drain_reason, now_ms);
    }
}

bool broker_is_drained(const struct broker *broker)
{
    return broker->drain.active && broker->sessions.open_count == 0 && broker->requests.open == 0 &&
           !broker->work.polling;
}

struct broker *broker_new(const struct broker_options *options, int64_t now_ms)
{
    struct broker *broker = calloc(1, sizeof(*broker));
    if (!broker || !session_table_init(&broker->sessions, options->max_sessions)) {
        free(broker);
        return NULL;
    }
    phone_heap_init(&broker->phone_heap);
    broker->options = *options;
    broker->requests.actions = &broker->actions;
    broker->dispatch.batch = DISPATCH_FIRST_BATCH;
    broker->wake_ms = now_ms;
    broker->jitter = options->seed | 1;
    broker->work.page.moves_cursor = options->newest_event;
    broker->polled.again_after = broker->work.wake_ms = broker->dispatch.wake_ms = INT64_MAX;
    housekeeping_begin(broker, now_ms);
    return broker;
}

void broker_free(struct broker *broker)
{
    store_requests_fini(&broker->requests);
    phone_heap_fini(&broker->phone_heap);
    session_table_fini(&broker->sessions);
    action_queue_fini(&broker->actions);
    free(broker);
}
