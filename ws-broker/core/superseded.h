/* Connections that are no longer their devices': several brokers share the store, and a device is on one of them. */
#ifndef WS_BROKER_CORE_SUPERSEDED_H
#define WS_BROKER_CORE_SUPERSEDED_H

#include "common/store/messages.h"
#include "common/store/work.h"
#include "ws-broker/core/session.h"

struct broker;

/* The poll has found it: the device has connected to another broker. */
void superseded_found(struct broker *broker, const struct store_superseded_connection *found,
                      int64_t now_ms);

/* A write was told what has become of the session's connection: closes it, unless it is current. */
void superseded_take(struct broker *broker, struct session *session,
                     enum store_connection connection, int64_t now_ms);

/* Another broker has ended this one meanwhile: all of its devices are to connect again. */
void superseded_close_all(struct broker *broker, int64_t now_ms);

#endif
