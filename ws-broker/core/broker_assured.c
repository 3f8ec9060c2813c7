/* Phones with a journal: offers, what they answer, and what somebody wants back. */
#include "ws-broker/core/broker_core.h"
#include "ws-broker/core/message_log.h"

#include "common/base/fail_point.h"
#include "common/model/protocol.h"
#include "common/model/send_result.h"

#include <stdlib.h>
#include <string.h>

enum {
    REVOKE_MS = 200, /* between two searches for what is to be revoked */
    MOST_REVOKED = 256,
};

void broker_order(struct broker *broker, struct session *session, const char *type,
                  const struct message_id *id, unsigned attempt)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_order(&frame, type, id, attempt);
    broker_queue_control(broker, session, &frame);
}

void broker_drop(struct broker *broker, struct session *session, const struct message_id *id,
                 unsigned attempt)
{
    message_log_event("offer dropped", id, attempt, session->device_id);
    broker_order(broker, session, FRAME_DROP, id, attempt);
}

/* xorshift64* (Vigna 2014): a run can be repeated from its seed. */
double broker_jitter(struct broker *broker)
{
    broker->random ^= broker->random >> 12;
    broker->random ^= broker->random << 25;
    broker->random ^= broker->random >> 27;
    return (double)(broker->random * 0x2545f4914f6cdd1dull) / (double)UINT64_MAX;
}

/* ---- Answers to offers ---- */

void broker_take_ack(struct broker *broker, struct session *session, const struct frame *frame)
{
    if (session->state != SESSION_READY)
        return; /* the journal of its next connection says it again */
    struct in_flight_message *held = session_find_in_flight(session, &frame->message_id,
                                                            frame->attempt);
    if (held)
        held->answered = true;
    /* Also for what is not held: the store knows best, and the phone wants an answer. */
    struct job *job = job_new(STORE_RELEASE, session->id);
    job_fill_slot(&job->write.release.phone, session);
    job->write.release.id = frame->message_id;
    job->write.release.attempt = frame->attempt;
    session->pending_acks++;
    FAIL_POINT("broker.before_release");
    job_submit(broker, job);
}

void broker_release_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    struct session *session = session_table_find(&broker->sessions, job->session);
    FAIL_POINT("broker.after_release");
    if (!session)
        return;
    session->pending_acks--;
    if (session->state == SESSION_READY) {
        const struct message_id *id = &write->release.id;
        struct in_flight_message *held = session_find_in_flight(session, id,
                                                                write->release.attempt);
        if (write->release.verdict == STORE_VERDICT_RELEASE) {
            if (held) {
                held->offered = false;
                held->due_at_ms = now_ms + broker->options.report_horizon_ms;
            }
            broker_order(broker, session, FRAME_RELEASE, id, write->release.attempt);
        } else {
            session_forget(session, id, write->release.attempt);
            broker_drop(broker, session, id, write->release.attempt);
        }
    }
    broker_update_reading(broker, session, now_ms);
}

void broker_take_nack(struct broker *broker, struct session *session, const struct frame *frame,
                      int64_t now_ms)
{
    struct in_flight_message *held = session_find_in_flight(session, &frame->message_id,
                                                            frame->attempt);
    if (session->state != SESSION_READY || !held || !held->offered || held->answered)
        return;
    session_forget(session, &frame->message_id, frame->attempt);
    if (send_result_classify(frame->error_code) == SEND_RESULT_DEFINITE)
        session_sent_nothing(session, now_ms);
    struct job *job = job_new_take_back(&frame->message_id, frame->attempt, session->device_id);
    job->write.return_to_queue.refused = true;
    job->write.return_to_queue.spread = broker_jitter(broker);
    strcpy(job->write.return_to_queue.error_code, frame->error_code);
    job_submit(broker, job);
    broker_refresh(broker, session, now_ms);
}

/* ---- What somebody wants back ---- */

void broker_revoke(struct broker *broker, struct session *session, const struct message_id *id,
                   unsigned attempt)
{
    struct in_flight_message *held = session_find_in_flight(session, id, attempt);
    if (!held || held->revoked)
        return;
    held->revoked = true;
    message_log_event("message asked back", id, attempt, session->device_id);
    broker_order(broker, session, FRAME_REVOKE, id, attempt);
}

static void search_revoked(struct broker *broker)
{
    struct job *job = job_new(STORE_FIND_CANCEL_REQUESTS, 0);
    job->write.find_cancel_requests.after = broker->revoke_after;
    job->write.find_cancel_requests.capacity = MOST_REVOKED;
    job->write.find_cancel_requests.messages = broker_must(
        calloc(MOST_REVOKED, sizeof(*job->write.find_cancel_requests.messages)));
    broker->revoking = true;
    job_submit(broker, job);
}

void broker_find_revoked(struct broker *broker, int64_t now_ms)
{
    broker->revoke_wanted = broker->revoking || now_ms < broker->revoke_at_ms;
    if (broker->revoke_wanted || broker->draining)
        return;
    broker->revoke_at_ms = now_ms + REVOKE_MS;
    search_revoked(broker);
    broker_find_dismissed(broker, now_ms);
}

void broker_find_revoked_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    bool more = write->result == ERROR_NONE && write->find_cancel_requests.count == MOST_REVOKED;
    broker->revoking = false;
    broker->revoke_after = more ? write->find_cancel_requests.last : 0;
    if (write->result != ERROR_NONE)
        return;
    for (size_t i = 0; i < write->find_cancel_requests.count; i++) {
        const struct store_cancel_request *message = &write->find_cancel_requests.messages[i];
        struct session *session = session_table_current(&broker->sessions, message->device_id);
        if (!session || session->state != SESSION_READY || !session->assured)
            continue;
        broker_revoke(broker, session, &message->id, message->attempt);
        broker_update_reading(broker, session, now_ms);
    }
    if (more && !broker->draining)
        search_revoked(broker);
}
