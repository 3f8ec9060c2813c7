/* How the broker ends a connection. */
#ifndef WS_BROKER_CORE_CLOSE_H
#define WS_BROKER_CORE_CLOSE_H

#include "ws-broker/core/session.h"

struct broker;

/* Closes a session, with that reason in its close frame. Messages that another device can have are returned to the queue;
   at a drain those of a basic device are still written. Nothing when it is closing already. */
void close_session(struct broker *broker, struct session *session, enum error error,
                   int64_t now_ms);

/* The session is no longer its device's current one, and is given no messages. */
void close_begin(struct broker *broker, struct session *session, int64_t now_ms);

/* Ends the connection without a close frame. */
void close_drop(struct broker *broker, struct session *session);

/* Returns to the queue what another device can have. */
void close_return_messages(struct broker *broker, struct session *session);

#endif
