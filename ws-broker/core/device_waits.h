/* Tells the store why devices are given no messages, for those who ask why a message waits. */
#ifndef WS_BROKER_CORE_DEVICE_WAITS_H
#define WS_BROKER_CORE_DEVICE_WAITS_H

#include "common/base/base.h"

struct broker;

/* At each tick: writes what has changed, while messages wait. */
void device_waits_note(struct broker *broker, int64_t now_ms);

#endif
