/* Offers to assured devices: their acknowledgement, their release, their refusal. */
#ifndef WS_BROKER_CORE_OFFER_H
#define WS_BROKER_CORE_OFFER_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* Frames from a device. */
void offer_take_ack(struct broker *broker, struct session *session, struct frame *frame,
                    int64_t now_ms);
void offer_take_nack(struct broker *broker, struct session *session, struct frame *frame,
                     int64_t now_ms);

/* The verdict of the store on an offer that the device has: it may send the message, or must forget it. */
void offer_send_release(struct broker *broker, struct session *session,
                        const struct message_ref *ref);
void offer_send_drop(struct broker *broker, struct session *session, const struct message_ref *ref);

#endif
