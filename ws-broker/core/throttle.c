#include "ws-broker/core/throttle.h"

#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"

/* A session is read from unless it is paused or throttled. */
static void set_reading(struct broker *broker, struct session *session, bool paused, bool throttled,
                        int64_t now_ms)
{
    bool was_read = !session->paused && !session->throttled, is_read = !paused && !throttled;
    session->paused = paused;
    session->throttled = throttled;
    if (is_read == was_read)
        return;
    if (is_read)
        session->heard_at_ms = now_ms; /* until now nothing could be heard from it */
    action_queue_push_for(&broker->actions, is_read ? BROKER_RESUME : BROKER_PAUSE, session);
}

void throttle_update(struct broker *broker, struct session *session, int64_t now_ms)
{
    unsigned owed = session_owed(session);
    if (!session->paused && owed >= SESSION_MAX_OWED) {
        session->took_at_ms = now_ms;
        set_reading(broker, session, true, session->throttled, now_ms);
    } else if (session->paused && owed < SESSION_MAX_OWED / 2) {
        set_reading(broker, session, false, session->throttled, now_ms);
    }
    eligibility_update(broker, session, now_ms);
}

void throttle_count_work(struct broker *broker, struct session *session, double work,
                         int64_t now_ms)
{
    int64_t pause_ms = session_count_work(session, work, broker->options.max_frames_per_second,
                                          now_ms);
    if (pause_ms == 0)
        return;
    session->throttled_until_ms = now_ms + pause_ms;
    set_reading(broker, session, session->paused, true, now_ms);
    broker->wake_ms = MIN(broker->wake_ms, session->throttled_until_ms);
}

void throttle_end(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (session->throttled && now_ms >= session->throttled_until_ms)
        set_reading(broker, session, session->paused, false, now_ms);
    if (session->throttled)
        broker->wake_ms = MIN(broker->wake_ms, session->throttled_until_ms);
}
