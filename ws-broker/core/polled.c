#include "ws-broker/core/polled.h"

#include "common/base/log.h"
#include "common/model/polled_app.h"
#include "common/model/protocol.h"
#include "common/model/send_result.h"
#include "common/store/polled.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/close.h"
#include "ws-broker/core/control.h"
#include "ws-broker/core/eligibility.h"
#include "ws-broker/core/lifecycle.h"
#include "ws-broker/core/return_to_queue.h"
#include "ws-broker/protocol/frame_write.h"

#include <string.h>

enum {
    MAX_STREAMS = 4, /* of a device */
    TOLD_MS = 30000, /* for a device to fetch; then it is told again */
    TOLD_AT_FIRST_MS = 2000,
    TRY_AGAIN_MS = 60000, /* a device that fetches nothing */
};

/* ---- Its streams ---- */

void polled_began(struct broker *broker)
{
    broker->polled.session_count++;
}

void polled_ended(struct broker *broker)
{
    broker->polled.session_count--;
}

/* The oldest stream that was set aside, and their number. */
static struct session *find_aside(struct broker *broker, const char *device_id, unsigned *count)
{
    struct session *oldest = NULL;
    *count = 0;
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session || session->state != SESSION_ASIDE ||
            strcmp(session->device_id, device_id) != 0)
            continue;
        ++*count;
        if (!oldest || session_is_newer(oldest, session))
            oldest = session;
    }
    return oldest;
}

void polled_close_aside(struct broker *broker, const char *device_id, enum error error,
                        int64_t now_ms)
{
    unsigned count;
    struct session *session;
    while ((session = find_aside(broker, device_id, &count)))
        close_session(broker, session, error, now_ms);
}

void polled_set_aside(struct broker *broker, struct session *session, int64_t now_ms)
{
    unsigned count;
    session_forget_all(session);
    session_table_unset_current(&broker->sessions, session);
    lifecycle_enter(broker, session, SESSION_ASIDE, now_ms);
    eligibility_update(broker, session, now_ms);
    struct session *oldest = find_aside(broker, session->device_id, &count);
    if (count >= MAX_STREAMS)
        close_session(broker, oldest, ERROR_REPLACED, now_ms);
}

/* ---- Its presence is committed ---- */

/* Whether it still fills the window of the app. */
static bool is_in_hand(const struct session *session, enum message_status status)
{
    return status != MESSAGE_SENDING || session_limit(session) > 1;
}

void polled_restore(struct broker *broker, struct session *session,
                    const struct store_connect_device *connect, int64_t now_ms)
{
    const struct broker_options *options = &broker->options;
    size_t window = polled_app_window(connect->polled_device.app_version, options->window);
    session_set_credit(session, (unsigned)window);
    for (size_t i = 0; i < connect->in_flight_count; i++) {
        const struct store_in_flight *message = &connect->in_flight[i];
        int64_t left_ms = MAX(options->report_horizon_ms - message->silent_ms,
                              options->report_timeout_ms);
        if (message->status != MESSAGE_DISPATCHED && is_in_hand(session, message->status))
            session_add_written(session, &message->ref, now_ms + left_ms);
        else if (message->status == MESSAGE_DISPATCHED &&
                 !session_add_offer(session, &message->ref, 0, 0, now_ms + options->ack_timeout_ms))
            return_to_queue(broker, &message->ref, session->device_id); /* no room */
    }
}

static void send_event(struct broker *broker, struct session *session, enum sent_frame_type type)
{
    struct buffer frame;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_event(&frame, type, "null");
    control_send(broker, session, type, &frame);
}

/* ---- It is told ---- */

void polled_tell(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (now_ms < session->told_until_ms)
        return;
    session->told_until_ms = now_ms + TOLD_MS;
    send_event(broker, session, FRAME_SENT_MESSAGE_ENQUEUED);
}

void polled_greet(struct broker *broker, struct session *session,
                  const struct store_connect_device *connect, int64_t now_ms)
{
    if (!(connect->polled_device.fetched & POLLED_FETCHED_WEBHOOKS))
        send_event(broker, session, FRAME_SENT_WEBHOOKS_UPDATED);
    if (!(connect->polled_device.fetched & POLLED_FETCHED_SETTINGS))
        send_event(broker, session, FRAME_SENT_SETTINGS_UPDATED);
    for (size_t i = 0; i < connect->in_flight_count; i++) {
        if (!connect->in_flight[i].is_reported) {
            polled_tell(broker, session, now_ms);
            /* A request that only lists what it has already is not seen here. */
            session->told_until_ms = now_ms + TOLD_AT_FIRST_MS;
            return;
        }
    }
}

/* Here `acknowledged` says that an offer is on its way back: what the device did is seen by the event. */
static bool return_overdue(struct broker *broker, struct session *session, int64_t now_ms)
{
    bool any = false;
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        struct in_flight_message *message = &session->in_flight[i];
        if (!message->offered || message->acknowledged || now_ms < message->due_at_ms)
            continue;
        message->acknowledged = any = true;
        session_refund_offer(session, message);
        return_to_queue(broker, &message->ref, session->device_id);
    }
    return any;
}

void polled_tick(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (session->state == SESSION_ASIDE && now_ms >= session->state_deadline_ms)
        close_session(broker, session, ERROR_REPLACED, now_ms);
    if (session->state != SESSION_READY)
        return;
    if (return_overdue(broker, session, now_ms)) {
        session->told_until_ms = 0;
        session->try_again_at_ms = now_ms + TRY_AGAIN_MS;
        if (++session->unfetched == SESSION_ASLEEP_AFTER)
            log_warning(
                "device does not fetch its messages: it is given one a minute until it does",
                LOG_TEXT("device_id", session->device_id));
        eligibility_update(broker, session, now_ms);
    }
    if (session_has_offer(session)) {
        polled_tell(broker, session, now_ms);
    } else if (session->unfetched >= SESSION_ASLEEP_AFTER && session->heap_entry.position == 0 &&
               session_is_awake(session, now_ms)) {
        eligibility_update(broker, session, now_ms);
        broker->dispatch.due = true;
    }
}

/* ---- What it has done ---- */

/* A request under way will bring the message as it was before. */
static bool may_come_late(const struct session *session)
{
    return session->state == SESSION_CONNECTING || session->claimed_slots > 0;
}

static void fetched(struct broker *broker, struct session *session,
                    struct in_flight_message *message, int64_t now_ms)
{
    session->told_until_ms = 0;
    session->unfetched = 0;
    if (message) {
        message->offered = message->acknowledged = false;
        message->due_at_ms = now_ms + broker->options.report_horizon_ms;
    }
}

static void reported(struct session *session, const struct store_event *event, int64_t now_ms)
{
    if (event->status == MESSAGE_SENT || event->status == MESSAGE_DELIVERED)
        session_clear_failures(session);
    else if (event->reason == TRANSITION_NOTHING_SENT ||
             send_result_classify(event->error_code) == SEND_RESULT_DEFINITE)
        session_count_failure(session, now_ms);
}

/* It is back in the queue: nothing of it was sent. */
static void returned(struct session *session, struct in_flight_message *message)
{
    send_budget_refund(&session->send_budget, message->segments, message->given_at_ms);
    message->segments = 0;
}

static void take_move(struct broker *broker, struct session *session,
                      const struct store_event *event, bool is_new, int64_t now_ms)
{
    const struct message_ref ref = {event->message_id, event->attempt};
    struct in_flight_message *message = session_find_in_flight(session, &ref);
    bool ends = event->status != MESSAGE_DISPATCHED && event->status != MESSAGE_ACCEPTED;
    bool was_offer = message && message->offered;
    if (!message && event->status != MESSAGE_DISPATCHED && may_come_late(session))
        broker->polled.again_after = MIN(broker->polled.again_after, event->id - 1);
    if (event->status == MESSAGE_ACCEPTED && (message || is_new))
        fetched(broker, session, message, now_ms);
    if (!message || !ends)
        return;
    if (event->status ==
        MESSAGE_SENDING) /* an app that takes one at a time takes the next one now */
        ends = session_limit(session) == 1;
    else if (event->status == MESSAGE_QUEUED)
        returned(session, message);
    if (event->status != MESSAGE_SENDING)
        reported(session, event, now_ms);
    if (ends)
        session_forget(session, &ref);
    /* It has perhaps asked since it was told, and found nothing. */
    if (was_offer && !session_has_offer(session))
        session->told_until_ms = 0;
}

static struct session *find_ready(struct broker *broker, const char *device_id)
{
    struct session *session = session_table_current(&broker->sessions, device_id);
    return session && session->protocol->is_polled && session->state == SESSION_READY ? session
                                                                                      : NULL;
}

/* The event that a message is back in the queue names no device. One for which a request is under way, where none has it. */
static struct session *find_returned(struct broker *broker, const struct store_event *event)
{
    const struct message_ref ref = {event->message_id, event->attempt};
    struct session *late = NULL;
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session || !session->protocol->is_polled)
            continue;
        if (session_find_in_flight(session, &ref))
            return session;
        if (may_come_late(session))
            late = session;
    }
    return late;
}

static void take_event(struct broker *broker, const struct store_event *event, int64_t now_ms)
{
    struct session *session = event->status == MESSAGE_QUEUED
                                  ? find_returned(broker, event)
                                  : session_table_current(&broker->sessions, event->device_id);
    bool is_new = event->id > broker->polled.seen_event;
    broker->polled.seen_event = MAX(broker->polled.seen_event, event->id);
    if (!session || !session->protocol->is_polled ||
        (session->state != SESSION_READY && session->state != SESSION_CONNECTING))
        return;
    take_move(broker, session, event, is_new, now_ms);
    eligibility_update(broker, session, now_ms);
    broker->dispatch.due = true;
}

void polled_moved(struct broker *broker, const struct store_event_page *moves, int64_t now_ms)
{
    for (size_t i = 0; i < moves->count; i++)
        take_event(broker, &moves->events[i], now_ms);
    /* Only now: one request has fetched several. What is left was dispatched since. */
    for (size_t i = 0; i < moves->count; i++) {
        struct session *session = moves->events[i].status == MESSAGE_ACCEPTED
                                      ? find_ready(broker, moves->events[i].device_id)
                                      : NULL;
        if (session && session_has_offer(session))
            polled_tell(broker, session, now_ms);
    }
}
