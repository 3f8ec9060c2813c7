/* When a phone is read from: not while much is owed to it, nor while it has made too much work. */
#include "ws-broker/core/broker_core.h"

/* A session is read from unless one of the two is against it. */
static void set_reading(struct broker *broker, struct session *session, bool paused, bool throttled,
                        int64_t now_ms)
{
    bool was_read = !session->paused && !session->throttled, is_read = !paused && !throttled;
    session->paused = paused;
    session->throttled = throttled;
    if (is_read == was_read)
        return;
    if (is_read)
        session->heard_at_ms = now_ms; /* it could not be heard until now */
    broker_act_on(broker, is_read ? BROKER_RESUME : BROKER_PAUSE, session);
}

void broker_update_reading(struct broker *broker, struct session *session, int64_t now_ms)
{
    unsigned owed = session_owed(session);
    if (!session->paused && owed >= SESSION_MAX_OWED) {
        session->took_at_ms = now_ms;
        set_reading(broker, session, true, session->throttled, now_ms);
    } else if (session->paused && owed < SESSION_MAX_OWED / 2) {
        set_reading(broker, session, false, session->throttled, now_ms);
    }
    broker_refresh(broker, session, now_ms);
}

bool broker_session_is_read(const struct broker *broker, session_id id)
{
    const struct session *session = session_table_find(&broker->sessions, id);
    return session && !session->paused && !session->throttled;
}

void broker_session_worked(struct broker *broker, session_id id, double work, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    int64_t pause_ms = session ? session_count_work(session, work,
                                                    broker->options.max_frames_per_second, now_ms)
                               : 0;
    if (pause_ms == 0)
        return;
    session->throttled_until_ms = now_ms + pause_ms;
    set_reading(broker, session, session->paused, true, now_ms);
    broker->wake_ms = MIN(broker->wake_ms, session->throttled_until_ms);
}

void broker_end_throttle(struct broker *broker, struct session *session, int64_t now_ms)
{
    if (session->throttled && now_ms >= session->throttled_until_ms)
        set_reading(broker, session, session->paused, false, now_ms);
    if (session->throttled)
        broker->wake_ms = MIN(broker->wake_ms, session->throttled_until_ms);
}
