/*
 * A device connects: its greeting and its journal, its presence in the store, the broker's greeting; later what it says
 * about itself, and its end.
 */
#ifndef WS_BROKER_CORE_CONNECT_H
#define WS_BROKER_CORE_CONNECT_H

#include "ws-broker/core/session.h"
#include "ws-broker/protocol/frame.h"

struct broker;

/* Frames from a device. */
void connect_take_device_info(struct broker *broker, struct session *session, struct frame *frame,
                              int64_t now_ms);
void connect_take_hello(struct broker *broker, struct session *session, struct frame *frame,
                        int64_t now_ms);
void connect_take_journal(struct broker *broker, struct session *session, struct frame *frame,
                          int64_t now_ms);
void connect_take_device_update(struct broker *broker, struct session *session, struct frame *frame,
                                int64_t now_ms);
void connect_take_credit(struct broker *broker, struct session *session, struct frame *frame,
                         int64_t now_ms);

/* The device has said who it is. */
void connect_device(struct broker *broker, struct session *session, int64_t now_ms);

/* When the device's row is to be written, because it is out of date, but not too often; INT64_MAX: never. */
int64_t connect_update_due_ms(const struct session *session);
/* Writes it when it is due. */
void connect_update_device(struct broker *broker, struct session *session, int64_t now_ms);

/* The device's connection of that epoch is gone. */
void connect_end(struct broker *broker, const char *device_id, int64_t connection_epoch);

#endif
