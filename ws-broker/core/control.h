/* Frames to a device beside the messages: greetings, answers, errors. */
#ifndef WS_BROKER_CORE_CONTROL_H
#define WS_BROKER_CORE_CONTROL_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* Queues a frame; takes its text. */
void control_send(struct broker *broker, struct session *session, enum sent_frame_type type,
                  struct buffer *frame);

/* Queues a frame about a message: FRAME_SENT_RELEASE, FRAME_SENT_DROP or FRAME_SENT_REVOKE. */
void control_send_order(struct broker *broker, struct session *session, enum sent_frame_type type,
                        const struct message_ref *ref);

/* Queues an error frame, unless the session is closing. */
void control_send_error(struct broker *broker, struct session *session,
                        const struct frame_problem *problem, int64_t now_ms);

#endif
