/* The core: phones come, speak, report and leave, and time passes. */
#include "ws-broker/core/broker_core.h"

#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/protocol.h"
#include "common/model/send_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    CLOSE_GRACE_MS = 3000,  /* for a phone to answer a close frame */
    UPDATE_MS = 1000,       /* between two writes of a device row */
    SPOKE_MS = 10000,       /* likewise, when only last_seen_at changes */
    GIVE_UP_MS = 60000,     /* between two searches for silent messages */
    NOT_READING_MS = 10000, /* without taking a frame, while many wait */
    COUNT_STUCK_MS = 60000, /* between two counts of messages that are stuck */
    MOST_ENTRIES = 1000,    /* of a journal */
    CLOCK_STEP_MS = 60000,  /* of the wall clock: then ages cannot be trusted for a while */
    CLOCK_PAUSE_MS = 3600000,
};

/* ---- Sessions ---- */

/* What another phone can have goes back. */
static void return_messages(struct broker *broker, struct session *session)
{
    struct in_flight_message message;
    while (session_take_returnable(session, &message))
        job_submit_take_back(broker, &message.id, message.attempt, session->device_id);
}

static bool is_drain_reason(enum error error)
{
    return error == ERROR_SHUTTING_DOWN || error == ERROR_RESTARTING;
}

static void begin_closing(struct broker *broker, struct session *session, int64_t now_ms)
{
    session_table_unset_current(&broker->sessions, session);
    session->state = SESSION_CLOSING;
    session->closing_at_ms = now_ms;
    broker_refresh(broker, session, now_ms);
}

void broker_close_session(struct broker *broker, struct session *session, enum error error,
                          int64_t now_ms)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (!is_drain_reason(error) || session->assured) /* a drain writes basic phones theirs */
        return_messages(broker, session);
    session->close_error = error;
    begin_closing(broker, session, now_ms);
    broker_act_on(broker, BROKER_WRITE, session);
    broker_count_end(broker, error);
    log_info("phone is sent away", LOG_TEXT("device_id", session->device_id),
             LOG_TEXT("reason", error_code(error)));
}

static void drop_session(struct broker *broker, struct session *session)
{
    if (session->dropped)
        return;
    session->dropped = true;
    broker_act_on(broker, BROKER_DROP, session);
}

void broker_queue_control(struct broker *broker, struct session *session, struct buffer *frame)
{
    if (!session_queue_control(session, buffer_take(frame)))
        broker_must(NULL);
    broker_act_on(broker, BROKER_WRITE, session);
}

void broker_send_error(struct broker *broker, struct session *session,
                       const struct frame_problem *problem, int64_t now_ms)
{
    struct buffer frame;
    if (session->state == SESSION_CLOSING)
        return;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_error(&frame, problem);
    broker_queue_control(broker, session, &frame);
    broker_update_reading(broker, session, now_ms);
}

enum error broker_admits(const struct broker *broker)
{
    if (broker->draining)
        return broker->drain_reason;
    bool full = broker->sessions.open_count >= broker->options.max_sessions;
    return full ? ERROR_TOO_MANY_PHONES : ERROR_NONE;
}

bool broker_session_opened(struct broker *broker, const char *device_id, const char *token_id,
                           bool assured, int64_t now_ms, session_id *id)
{
    struct session *session = broker_admits(broker) == ERROR_NONE
                                  ? session_table_open(&broker->sessions)
                                  : NULL;
    if (!session)
        return false;
    strcpy(session->device_id, device_id);
    strcpy(session->token_id, token_id);
    session->info = DEVICE_INFO_UNKNOWN;
    session->assured = assured;
    session->capacity = session->credit = session->heap_entry.window = broker->options.window;
    session->heard_at_ms = session->pinged_at_ms = session->updated_at_ms = now_ms;
    session->frame_tokens_at_ms = now_ms;
    session->frame_tokens = (double)broker->options.max_frames_per_second * 2;
    session->work_tokens_at_ms = 0; /* long ago: all that it may save up is there */
    send_budget_init(&session->send_budget, broker->options.segments_burst,
                     broker_send_budget_window_ms(&broker->options), now_ms);
    *id = session->id;
    broker_count_sessions(broker);
    return true;
}

bool broker_session_leaves(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session && session->state != SESSION_CLOSING)
        begin_closing(broker, session, now_ms);
    return session && session->named;
}

void broker_session_closed(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return;
    return_messages(broker, session);
    if (session->connection_epoch >
        0) { /* otherwise its connect is at the store, or it never said who */
        job_submit_disconnect(broker, session->device_id, session->connection_epoch);
        log_info("phone disconnected", LOG_TEXT("device_id", session->device_id),
                 LOG_NUMBER("session", session->connection_epoch));
    }
    phone_heap_remove(&broker->phone_heap, &session->heap_entry);
    session_table_close(&broker->sessions, session);
    broker_count_sessions(broker);
    broker_hand_over(broker, now_ms);
}

void broker_session_alive(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        session->heard_at_ms = now_ms;
}

void broker_session_violated(struct broker *broker, session_id id, enum error error, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (session)
        broker_close_session(broker, session, error, now_ms);
}

/* ---- Frames from a phone ---- */

static struct device_info copy_info(const struct device_info *info)
{
    struct device_info copy = *info;
    copy.extra = info->extra ? broker_must(strdup(info->extra)) : NULL;
    return copy;
}

/* The phone has said who it is: it is its device's current connection from now on, unless it has
   opened another since, and this comes late, perhaps from before it was wiped. */
static void connect_device(struct broker *broker, struct session *session, int64_t now_ms)
{
    struct session *other = session_table_current(&broker->sessions, session->device_id);
    session->named = true;
    if (other && session_is_newer(other, session)) {
        broker_close_session(broker, session, ERROR_REPLACED, now_ms);
        return;
    }
    if (other)
        broker_close_session(broker, other, ERROR_REPLACED, now_ms);
    if (!session_table_set_current(&broker->sessions, session))
        broker_must(NULL);
    session->state = SESSION_CONNECTING;

    struct job *job = job_new(STORE_DEVICE_CONNECT, session->id);
    job_fill_slot(&job->write.connect.phone, session);
    strcpy(job->write.connect.token_id, session->token_id);
    job->write.connect.entries = session->entries;
    job->write.connect.entry_count = session->entry_count;
    session->entries = NULL;
    job->write.connect.info = copy_info(&session->info);
    job->write.connect.broker = broker->options.instance;
    job->write.connect.held_capacity = broker->options.window;
    job->write.connect.held = broker_must(
        calloc(broker->options.window, sizeof(*job->write.connect.held)));
    job_submit(broker, job);
}

/* Writes the device's row when it is behind, but not too often. */
static void update_device(struct broker *broker, struct session *session, int64_t now_ms)
{
    int64_t age_ms = now_ms - session->updated_at_ms;
    bool due = (session->info_changed && age_ms >= UPDATE_MS) ||
               (session->spoke && age_ms >= SPOKE_MS);
    if (!due || session->state != SESSION_READY)
        return;
    session->info_changed = session->spoke = false;
    session->updated_at_ms = now_ms;
    struct job *job = job_new(STORE_DEVICE_UPDATE, session->id);
    strcpy(job->write.update.device_id, session->device_id);
    job->write.update.info = copy_info(&session->info);
    job->write.update.session = session->connection_epoch;
    job_submit(broker, job);
}

static void take_report(struct broker *broker, struct session *session, const struct frame *frame,
                        int64_t now_ms)
{
    struct job *job = job_new(STORE_REPORT, session->id);
    job->write.report.id = frame->message_id;
    job->write.report.attempt = frame->attempt;
    job->write.report.status = frame->status;
    job_fill_slot(&job->write.report.phone, session);
    job->write.report.seq = session->assured ? frame->seq : -1;
    bool nothing_sent = frame->status == MESSAGE_FAILED && frame->parts_sent == 0 &&
                        send_result_classify(frame->error_code) == SEND_RESULT_DEFINITE;
    if (nothing_sent)
        session_sent_nothing(session, now_ms);
    else if (frame->status == MESSAGE_SENT || frame->status == MESSAGE_DELIVERED)
        session_has_sent(session);
    /* Only a phone with a journal can prove it, and of the attempt that it names. */
    if (nothing_sent && session->assured && frame->attempt > 0) {
        job->write.report.nothing_sent = true;
        job->write.report.spread = broker_jitter(broker);
    }
    strcpy(job->write.report.error_code, frame->error_code);
    strcpy(job->write.report.error_message, frame->error_message);
    FAIL_POINT("broker.before_report");
    job_submit(broker, job);

    /* What is offered stays here until it is released or taken back, whatever is said of it. */
    const struct in_flight_message *held = session_find_in_flight(session, &frame->message_id,
                                                                  frame->attempt);
    if (held && !held->offered && frame->status != MESSAGE_SENDING)
        session_forget(session, &frame->message_id, frame->attempt);
    session->pending_reports++;
    broker_update_reading(broker, session, now_ms);
}

static void take_info(struct session *session, struct frame *frame)
{
    device_info_fini(&session->info);
    session->info = frame->info;
    frame->info.extra = NULL;
}

static void set_credit(struct session *session, unsigned credit)
{
    session->credit = credit;
    session->heap_entry.window = MAX(1, session_limit(session));
}

/* A page of the journal; the last one lets the phone connect. */
static void take_journal(struct broker *broker, struct session *session, const struct frame *frame,
                         int64_t now_ms)
{
    size_t count = session->entry_count + frame->entry_count;
    if (count > MOST_ENTRIES) {
        broker_close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);
        return;
    }
    if (frame->entry_count > 0) {
        session->entries = broker_must(
            realloc(session->entries, count * sizeof(*session->entries)));
        memcpy(session->entries + session->entry_count, frame->entries,
               frame->entry_count * sizeof(*frame->entries));
        session->entry_count = count;
    }
    if (frame->last)
        connect_device(broker, session, now_ms);
}

static void take_frame(struct broker *broker, struct session *session, struct frame *frame,
                       int64_t now_ms)
{
    switch (frame->type) {
    case FRAME_IS_DEVICE_INFO:
        take_info(session, frame);
        connect_device(broker, session, now_ms);
        break;
    case FRAME_IS_HELLO:
        take_info(session, frame);
        session->journal = frame->journal;
        set_credit(session, frame->credit);
        session->state = SESSION_SYNCING;
        break;
    case FRAME_IS_JOURNAL:
        take_journal(broker, session, frame, now_ms);
        break;
    case FRAME_IS_ACK:
        broker_take_ack(broker, session, frame);
        broker_update_reading(broker, session, now_ms);
        break;
    case FRAME_IS_NACK:
        broker_take_nack(broker, session, frame, now_ms);
        break;
    case FRAME_IS_CREDIT:
        set_credit(session, frame->credit);
        broker->due = true;
        broker_refresh(broker, session, now_ms);
        break;
    case FRAME_IS_REPORT:
    case FRAME_IS_STATUS_UPDATE: /* counts also on a connection that was replaced */
        take_report(broker, session, frame, now_ms);
        break;
    case FRAME_IS_DEVICE_UPDATE:
        if (session->state == SESSION_CLOSING)
            break;
        take_info(session, frame);
        session->info_changed = true;
        update_device(broker, session, now_ms);
        broker_refresh(broker, session, now_ms);
        break;
    }
}

static enum frame_stage stage_of(const struct session *session)
{
    if (session->state == SESSION_NEW)
        return session->assured ? STAGE_HELLO : STAGE_BASIC_INFO;
    if (session->state == SESSION_SYNCING)
        return STAGE_JOURNAL;
    return session->assured ? STAGE_ASSURED : STAGE_BASIC;
}

void broker_session_received(struct broker *broker, session_id id, const char *text, size_t length,
                             int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return;
    session->heard_at_ms = now_ms;
    session->spoke = true;
    if (session->state == SESSION_CLOSING && !session->named)
        return; /* too late for a greeting, and without one there is no journal to speak for */
    if (!session_take_frame_token(session, broker->options.max_frames_per_second, now_ms)) {
        broker_close_session(broker, session, ERROR_TOO_MANY_FRAMES, now_ms);
        return;
    }
    bool greeting = session->state == SESSION_NEW || session->state == SESSION_SYNCING;
    struct frame frame;
    struct frame_problem problem;
    bool good = frame_read(text, length, stage_of(session), &session->info, &frame, &problem);
    broker_count_received(broker, good ? &frame : NULL);
    if (good) {
        take_frame(broker, session, &frame, now_ms);
        if (frame.warning.error != ERROR_NONE)
            broker_warn(broker, session, &frame.warning, now_ms);
        frame_fini(&frame);
    } else {
        broker_send_error(broker, session, &problem, now_ms);
        if (greeting)
            broker_close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);
    }
    broker_hand_over(broker, now_ms);
}

/* ---- Time ---- */

static void count_stuck(struct broker *broker, int64_t wall_ms)
{
    struct job *job = job_new(STORE_COUNT_STUCK, 0);
    job->write.count_stuck.since_ms = wall_ms - broker->options.stuck_after_ms;
    job_submit(broker, job);
}

static void tick_session(struct broker *broker, struct session *session, int64_t now_ms)
{
    const struct broker_options *options = &broker->options;
    if ((session->state == SESSION_NEW || session->state == SESSION_SYNCING) &&
        now_ms - session->updated_at_ms >= options->device_info_timeout_ms) /* since opening */
        broker_close_session(broker, session, ERROR_NO_DEVICE_INFO, now_ms);

    int64_t grace_end_ms = session->closing_at_ms + CLOSE_GRACE_MS;
    if (is_drain_reason(session->close_error))
        grace_end_ms = broker->drain_until_ms;
    bool ends = session->state == SESSION_CLOSING && now_ms >= grace_end_ms;
    broker_end_throttle(broker, session, now_ms);
    bool silent = !session->paused && !session->throttled &&
                  now_ms - session->heard_at_ms >= options->liveness_timeout_ms;
    if (ends || silent) {
        if (silent && !session->dropped) {
            log_info("phone is silent", LOG_TEXT("device_id", session->device_id));
            broker_count_end(broker, ERROR_NONE);
        }
        drop_session(broker, session);
        return;
    }
    if (session->paused && session->control_count > 0 &&
        now_ms - session->took_at_ms >= NOT_READING_MS)
        broker_close_session(broker, session, ERROR_NOT_READING, now_ms);
    if (now_ms - session->pinged_at_ms >= options->liveness_timeout_ms / 3) {
        session->pinged_at_ms = now_ms;
        session->ping_due = true;
        broker_act_on(broker, BROKER_WRITE, session);
    }
    unsigned held = session->in_flight_count;
    session_forget_silent(session, now_ms);
    if (session_answer_is_overdue(session, now_ms))
        broker_close_session(broker, session, ERROR_ACK_TIMEOUT, now_ms);
    update_device(broker, session, now_ms);
    /* Time alone offers a phone again, or frees a place; otherwise nothing has changed, for thousands. */
    if (session->heap_entry.position == 0 || session->in_flight_count != held)
        broker_refresh(broker, session, now_ms);
}

/* Until when time alone changes nothing about it. Most phones are at rest: they are pinged, and answer. */
static int64_t next_look_ms(const struct broker *broker, const struct session *session,
                            int64_t now_ms)
{
    int64_t liveness_ms = broker->options.liveness_timeout_ms;
    bool rests = session->state == SESSION_READY && !session->dropped && !session->paused &&
                 !session->throttled && !session->spoke && !session->info_changed &&
                 session->in_flight_count == 0 && session->heap_entry.position != 0;
    return rests ? MIN(session->pinged_at_ms + liveness_ms / 3, session->heard_at_ms + liveness_ms)
                 : now_ms;
}

static void tick_sessions(struct broker *broker, int64_t now_ms)
{
    struct session_table *table = &broker->sessions;
    for (uint32_t slot = 0; slot < table->slot_count; slot++) {
        if (table->look_at_ms[slot] > now_ms)
            continue;
        struct session *session = session_table_at(table, slot);
        tick_session(broker, session, now_ms);
        table->look_at_ms[slot] = next_look_ms(broker, session, now_ms);
    }
}

static void renew_lease(struct broker *broker)
{
    struct job *job = job_new(STORE_BROKER_LEASE, 0);
    strcpy(job->write.lease.name, broker->options.name);
    job->write.lease.instance = broker->options.instance;
    job->write.lease.lease_ms = broker->options.lease_ms;
    job_submit(broker, job);
}

/* When the wall clock has stepped, or may have while nobody looked, no message is given up for an
   hour: ages are as wrong as the clock was, and phones shall have the time to report. */
static void watch_clock(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    int64_t offset_ms = wall_ms - now_ms;
    if (llabs(offset_ms - broker->wall_offset_ms) > CLOCK_STEP_MS) {
        if (broker->wall_offset_ms != 0)
            log_warning("the clock was set; nothing is given up for an hour");
        broker->trust_clock_at_ms = now_ms + CLOCK_PAUSE_MS;
    }
    broker->wall_offset_ms = offset_ms;
}

static void give_up_silent(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    struct job *job = job_new(STORE_EXPIRE, 0);
    job->write.expire.silent_since_ms = now_ms < broker->trust_clock_at_ms
                                            ? 0
                                            : wall_ms - broker->options.report_horizon_ms;
    job->write.expire.offered_since_ms = wall_ms - 2 * broker->options.ack_timeout_ms;
    job->write.expire.limit = STORE_MAX_CLAIM;
    job_submit(broker, job);
}

void broker_tick(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    broker->wake_ms = now_ms + TICK_MS; /* sessions that wait for less bring it forward */
    watch_clock(broker, now_ms, wall_ms);
    if (broker->draining && now_ms >= broker->drain_until_ms)
        broker->overdue = true;
    tick_sessions(broker, now_ms);
    job_retry_due(broker, now_ms);
    if (now_ms >= broker->lease_at_ms) {
        broker->lease_at_ms = now_ms + broker->options.lease_ms / 3;
        renew_lease(broker);
    }
    if (now_ms >= broker->give_up_at_ms) {
        broker->give_up_at_ms = now_ms + GIVE_UP_MS;
        give_up_silent(broker, now_ms, wall_ms);
    }
    if (now_ms >= broker->count_stuck_at_ms) {
        broker->count_stuck_at_ms = now_ms + COUNT_STUCK_MS;
        count_stuck(broker, wall_ms);
    }
    broker_purge(broker, now_ms, wall_ms);
    if (now_ms >= broker->sweep_at_ms) {
        broker->sweep_at_ms = now_ms + broker->options.sweep_interval_ms;
        broker->due = true;
        broker_find_revoked(broker, now_ms);
    }
    if (broker->revoke_wanted)
        broker_find_revoked(broker, now_ms);
    if (now_ms >= broker->dismiss_at_ms)
        broker_find_dismissed(broker, now_ms);
    broker_hand_over(broker, now_ms);
}

int64_t broker_wake_ms(const struct broker *broker)
{
    return broker->wake_ms;
}

void broker_doorbell(struct broker *broker, int64_t now_ms)
{
    broker->due = true;
    broker_find_revoked(broker, now_ms);
    broker_hand_over(broker, now_ms);
}

void broker_drain(struct broker *broker, enum error drain_reason, int64_t now_ms)
{
    if (broker->draining)
        return;
    broker->draining = true;
    broker->drain_reason = drain_reason;
    broker->drain_until_ms = now_ms + broker->options.drain_timeout_ms;
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session)
            continue;
        broker->sessions.look_at_ms[slot] = 0;
        broker_close_session(broker, session, drain_reason, now_ms);
    }
}

bool broker_is_drained(const struct broker *broker)
{
    return broker->draining && broker->sessions.open_count == 0 && broker->jobs == 0;
}

/* ---- */

enum session_output broker_take_output(struct broker *broker, session_id id, int64_t now_ms,
                                       struct buffer *frame, enum error *close_error)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session)
        return OUTPUT_NOTHING;
    int64_t patience_ms = session->assured ? broker->options.ack_timeout_ms
                                           : broker->options.report_timeout_ms;
    size_t begin = frame->length;
    enum session_output output = session_take_output(session, now_ms + patience_ms, frame);
    broker_count_output(broker, output, frame->data ? frame->data + begin : "");
    if (output == OUTPUT_CLOSE)
        *close_error = session->close_error;
    if (output == OUTPUT_FRAME) {
        session->took_at_ms = now_ms;
        broker_update_reading(broker, session, now_ms);
    }
    return output;
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
    broker->batch = BROKER_FIRST_BATCH;
    broker->wake_ms = broker->sweep_at_ms = broker->lease_at_ms = now_ms;
    broker->give_up_at_ms = broker->count_stuck_at_ms = now_ms;
    broker->random = options->seed | 1;
    return broker;
}

void broker_free(struct broker *broker)
{
    while (broker->retries) {
        struct job *job = broker->retries;
        broker->retries = job->next;
        job_free(job);
    }
    phone_heap_fini(&broker->phone_heap);
    session_table_fini(&broker->sessions);
    free(broker->actions);
    free(broker);
}
