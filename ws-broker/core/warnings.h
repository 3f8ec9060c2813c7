/* Warnings to a device about members of its frames that were ignored. */
#ifndef WS_BROKER_CORE_WARNINGS_H
#define WS_BROKER_CORE_WARNINGS_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* Sends a warning: a few on each connection, as a device may repeat its mistake for ever, and none before the greeting. */
void warnings_send(struct broker *broker, struct session *session,
                   const struct frame_problem *warning, int64_t now_ms);

/* Queues the warning that was kept until now, behind the greeting. */
void warnings_send_kept(struct session *session);

#endif
