#include "ws-broker/core/superseded.h"

#include "common/base/log.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/close.h"
#include "ws-broker/core/polled.h"

static bool is_open(const struct session *session)
{
    return session->state == SESSION_READY || session->state == SESSION_CONNECTING;
}

enum { ASIDE_MS = 60000 };

/* The newer connection is on another broker, and has the device's messages. A stream may not stay aside for ever: the other one was
   perhaps opened before it, and has gone since, of which nobody is told here. Closed, it is opened again. */
static void replace(struct broker *broker, struct session *session, int64_t now_ms)
{
    log_info("device has connected to another broker", LOG_TEXT("device_id", session->device_id),
             LOG_NUMBER("session", session->connection_epoch));
    if (session->protocol->is_polled) {
        polled_set_aside(broker, session, now_ms);
        session->state_deadline_ms = now_ms + ASIDE_MS;
    } else {
        close_session(broker, session, ERROR_REPLACED, now_ms);
    }
}

void superseded_found(struct broker *broker, const struct store_superseded_connection *found,
                      int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, found->device_id);
    if (session && is_open(session) && session->connection_epoch == found->connection_epoch)
        replace(broker, session, now_ms);
}

void superseded_take(struct broker *broker, struct session *session,
                     enum store_connection connection, int64_t now_ms)
{
    if (!is_open(session))
        return;
    switch (connection) {
    case STORE_CONNECTION_CURRENT:
        break;
    case STORE_CONNECTION_SUPERSEDED:
        replace(broker, session, now_ms);
        break;
    case STORE_CONNECTION_ENDED:
        close_session(broker, session, ERROR_STORE_UNAVAILABLE, now_ms);
        break;
    }
}

void superseded_close_all(struct broker *broker, int64_t now_ms)
{
    for (uint32_t slot = 0; slot < broker->sessions.slot_count; slot++) {
        struct session *session = session_table_at(&broker->sessions, slot);
        if (!session || !session->identified || session->state == SESSION_CLOSING)
            continue;
        broker->sessions.check_at_ms[slot] = 0;
        close_session(broker, session, ERROR_STORE_UNAVAILABLE, now_ms);
    }
}
