/* Dispatch: claims messages that are due for the best devices, and queues their frames once the claim is committed. */
#ifndef WS_BROKER_CORE_DISPATCH_H
#define WS_BROKER_CORE_DISPATCH_H

#include "common/base/base.h"

enum { DISPATCH_FIRST_BATCH = 16 };

struct broker;

/* Claims messages, if some may be due and devices have room. One claim at a time: what comes in the meantime makes the
   next one larger. */
void dispatch_run(struct broker *broker, int64_t now_ms);

#endif
