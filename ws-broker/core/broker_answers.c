/* The core: what the store answered. */
#include "ws-broker/core/broker_core.h"
#include "ws-broker/core/message_log.h"

#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/model/protocol.h"

#include <stdio.h>

static bool is_in_journal(const struct store_write *write, const struct message_id *id)
{
    size_t i = 0;
    while (i < write->connect.entry_count && !message_id_equal(&write->connect.entries[i].id, id))
        i++;
    return i < write->connect.entry_count;
}

/* A phone's window is as full as it was; a new connection does not make a faster phone. What is in
   a journal stays there until the phone speaks of it or it is given up, and ages are only as good
   as the clock. What a journal lacks its phone has done with, though an older copy of the database, put in
   the place of the newer one, does not know; or another phone has it, which uses a copy of the journal.
   Such a message takes room as a basic phone's does: until reports are overdue. */
static void hold_again(struct broker *broker, struct session *session,
                       const struct store_write *write, int64_t now_ms)
{
    const struct broker_options *options = &broker->options;
    for (size_t i = 0; i < write->connect.held_count; i++) {
        const struct store_held_message *held = &write->connect.held[i];
        int64_t left_ms = options->report_timeout_ms - held->silent_ms;
        if (session->assured && is_in_journal(write, &held->id))
            left_ms = MAX(options->report_horizon_ms - held->silent_ms, options->report_timeout_ms);
        if (left_ms > 0)
            session_add_written(session, &held->id, held->attempt, now_ms + left_ms);
    }
}

/* The phone's presence is on disk, and so is what follows from its journal: it is told. */
static void greet(struct broker *broker, struct session *session, const struct store_write *write)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    if (session->assured)
        frame_write_welcome(&frame, session->device_id, session->connection_epoch,
                            session_limit(session));
    else
        frame_write_connection_ack(&frame, session->device_id);
    broker_queue_control(broker, session, &frame);
    if (session->warning && !session_queue_control(session, session->warning))
        broker_must(NULL);
    session->warning = NULL;
    for (size_t i = 0; i < write->connect.entry_count; i++) {
        const struct store_journal_entry *entry = &write->connect.entries[i];
        if (entry->verdict == STORE_VERDICT_RELEASE)
            broker_order(broker, session, FRAME_RELEASE, &entry->id, entry->attempt);
        else if (entry->verdict == STORE_VERDICT_DROP)
            broker_drop(broker, session, &entry->id, entry->attempt);
    }
    for (size_t i = 0; session->assured && i < write->connect.held_count; i++) {
        const struct store_held_message *message = &write->connect.held[i];
        if (message->revoke)
            broker_revoke(broker, session, &message->id, message->attempt);
    }
}

static void connect_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    struct session *session = session_table_find(&broker->sessions, job->session);
    if (write->result != ERROR_NONE) {
        if (session && write->result == ERROR_DEVICE_TOKEN_INVALID)
            session->named = false; /* nor do its reports count */
        /* It comes again, and nothing hangs on whether that was known. */
        bool unknown = write->result == ERROR_OUTCOME_UNKNOWN;
        if (session)
            broker_close_session(broker, session, unknown ? ERROR_STORE_UNAVAILABLE : write->result,
                                 now_ms);
        return;
    }
    if (write->connect.quarantined) {
        if (session)
            session->named = false;
        broker_quarantined(broker, write->connect.phone.device_id, write->connect.token_id,
                           "one phone comes back after the other", now_ms);
        return;
    }
    if (!session) { /* it has gone meanwhile */
        job_submit_disconnect(broker, write->connect.phone.device_id, write->connect.session);
        return;
    }
    session->connection_epoch = write->connect.session;
    if (session->state != SESSION_CONNECTING)
        return;
    hold_again(broker, session, write, now_ms);
    /* Nor does it give it another burst. When it was given these is not known: now at the latest. */
    send_budget_spend(&session->send_budget,
                      MIN(write->connect.recent_segments, broker->options.segments_burst), now_ms);
    greet(broker, session, write);
    session->state = SESSION_READY;
    broker->due = true;
    broker_update_reading(broker, session, now_ms);
    log_info("phone connected", LOG_TEXT("device_id", session->device_id),
             LOG_TEXT("name", session->info.name),
             LOG_NUMBER("session", session->connection_epoch));
}

static void report_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, job->session);
    const struct store_write *write = &job->write;
    const char *device_id = write->report.phone.device_id;
    FAIL_POINT("broker.after_report");
    bool lost = write->result != ERROR_NONE && write->result != ERROR_MESSAGE_NOT_HELD;
    if (write->result == ERROR_MESSAGE_NOT_HELD)
        message_log_event("a report is about a message that the phone does not have",
                          &write->report.id, write->report.attempt, device_id);
    else if (!lost && !write->report.changed)
        message_log_event("a report changes nothing", &write->report.id, write->report.attempt,
                          device_id);
    if (!session)
        return;
    session->pending_reports--;
    if (session->assured && write->report.seq >= 0) {
        if (session->state != SESSION_CLOSING && !lost) { /* then it comes again */
            struct buffer frame;
            buffer_init(&frame, FRAME_MAX_BYTES);
            /* Also where there is nothing to it, so that the phone stops. */
            frame_write_report_ack(&frame, write->report.seq);
            broker_queue_control(broker, session, &frame);
        }
    } else if (write->result != ERROR_NONE) {
        struct frame_problem problem = {
            .error = write->result,
            .has_message_id = true,
            .message_id = write->report.id,
        };
        snprintf(problem.detail, sizeof(problem.detail), "%s", error_title(write->result));
        broker_send_error(broker, session, &problem, now_ms);
    }
    broker_update_reading(broker, session, now_ms);
}

/* What went back is in nobody's hands. A connection that took over before that counts it among what
   its phone had. */
static void take_back_done(struct broker *broker, const struct store_write *write, int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions,
                                                    write->return_to_queue.device_id);
    broker->due = true;
    if (!session || write->result != ERROR_NONE || !write->return_to_queue.changed)
        return;
    session_forget(session, &write->return_to_queue.id, write->return_to_queue.attempt);
    broker_refresh(broker, session, now_ms);
}

static void give_up_done(struct broker *broker, const struct store_write *write)
{
    if (write->result != ERROR_NONE)
        return;
    if (write->expire.unknown > 0)
        log_warning("messages without a report are now unknown",
                    LOG_NUMBER("count", write->expire.unknown));
    if (write->expire.queued > 0)
        log_warning("offers that nobody minded are queued again",
                    LOG_NUMBER("count", write->expire.queued));
    if (write->expire.unknown > 0 || write->expire.queued > 0)
        broker->give_up_at_ms = 0; /* there may be more */
    broker->due |= write->expire.queued > 0;
}

static void count_stuck_done(const struct store_write *write)
{
    for (int i = 0; write->result == ERROR_NONE && i < MESSAGE_STATUS_COUNT; i++) {
        if (write->count_stuck.counts[i] > 0)
            log_warning("messages are stuck",
                        LOG_TEXT("status", message_status_name((enum message_status)i)),
                        LOG_NUMBER("count", write->count_stuck.counts[i]));
    }
}

/* Whether what the job is about must happen, however long the store refuses. */
static bool must_happen(const struct store_write *write)
{
    switch (write->verb) {
    case STORE_RELEASE:
    case STORE_RETURN_TO_QUEUE:
    case STORE_REPORT:
    case STORE_DEVICE_DISCONNECT:
    case STORE_COUNT_TAKEOVER:
        return write->result != ERROR_NONE && write->result != ERROR_MESSAGE_NOT_HELD;
    case STORE_ENQUEUE:
    case STORE_CANCEL:
    case STORE_CLAIM:
    case STORE_EXPIRE:
    case STORE_FIND_CANCEL_REQUESTS:
    case STORE_COUNT_STUCK:
    case STORE_DEVICE_CONNECT:
    case STORE_DEVICE_UPDATE:
    case STORE_BROKER_LEASE:
    case STORE_CREATE_KEY:
    case STORE_REVOKE_KEY:
    case STORE_CREATE_PAIRING:
    case STORE_PAIR:
    case STORE_CREATE_TOKEN:
    case STORE_REVOKE_TOKEN:
    case STORE_FIND_REVOKED_TOKENS:
    case STORE_SET_SENDING:
    case STORE_REQUEUE:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_PROBE:
    case STORE_VERB_COUNT:
        break;
    }
    return false;
}

static void job_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    switch (job->write.verb) {
    case STORE_CLAIM:
        broker_hand_over_done(broker, job, now_ms);
        break;
    case STORE_RELEASE:
        broker_release_done(broker, job, now_ms);
        break;
    case STORE_RETURN_TO_QUEUE:
        take_back_done(broker, &job->write, now_ms);
        break;
    case STORE_FIND_CANCEL_REQUESTS:
        broker_find_revoked_done(broker, job, now_ms);
        break;
    case STORE_COUNT_STUCK:
        count_stuck_done(&job->write);
        break;
    case STORE_PURGE:
        broker_purge_done(broker, &job->write, now_ms);
        break;
    case STORE_REPORT:
        report_done(broker, job, now_ms);
        break;
    case STORE_EXPIRE:
        give_up_done(broker, &job->write);
        break;
    case STORE_DEVICE_CONNECT:
        connect_done(broker, job, now_ms);
        break;
    case STORE_FIND_REVOKED_TOKENS:
        broker_find_dismissed_done(broker, job, now_ms);
        break;
    case STORE_COUNT_TAKEOVER:
        broker_count_takeover_done(broker, &job->write, now_ms);
        break;
    case STORE_ENQUEUE:
    case STORE_CANCEL:
    case STORE_DEVICE_UPDATE:
    case STORE_DEVICE_DISCONNECT:
    case STORE_BROKER_LEASE:
    case STORE_CREATE_KEY:
    case STORE_REVOKE_KEY:
    case STORE_CREATE_PAIRING:
    case STORE_PAIR:
    case STORE_CREATE_TOKEN:
    case STORE_REVOKE_TOKEN:
    case STORE_SET_SENDING:
    case STORE_REQUEUE:
    case STORE_ERASE:
    case STORE_PROBE:
    case STORE_VERB_COUNT:
        break;
    }
}

void broker_store_done(struct broker *broker, struct store_write *write, int64_t now_ms)
{
    struct job *job = CONTAINER_OF(write, struct job, write);
    broker->jobs--;
    if (must_happen(write)) {
        if (!broker->overdue) {
            job_retry_later(broker, job, now_ms + BROKER_RETRY_MS);
            return;
        }
        log_error("a change is lost: the database refused it until the end",
                  LOG_NUMBER("verb", write->verb), LOG_TEXT("reason", error_code(write->result)));
    }
    job_done(broker, job, now_ms);
    job_free(job);
    if (broker->revoke_wanted)
        broker_find_revoked(broker, now_ms);
    broker_hand_over(broker, now_ms);
}
