/* Why a message is still queued. Any thread. */
#ifndef COMMON_MODEL_MESSAGE_WAIT_H
#define COMMON_MODEL_MESSAGE_WAIT_H

#include "common/base/base.h"

/* The values are stored in the database and never change. */
enum message_wait_reason {
    MESSAGE_WAIT_NONE, /* a device is about to be given it */

    /* A device's own: it is connected, and given nothing */
    MESSAGE_WAIT_DEVICE_BUSY, /* it has as many messages as it takes at once, or was restarted after failures */
    MESSAGE_WAIT_DEVICE_BUDGET, /* it has been given as much as the limits allow for now */
    MESSAGE_WAIT_BATTERY,       /* it is nearly empty, and not charging */

    MESSAGE_WAIT_NO_DEVICE,      /* none is paired */
    MESSAGE_WAIT_DEVICE_OFFLINE, /* none that may have it is connected */
    MESSAGE_WAIT_DEVICE_DISABLED,
    MESSAGE_WAIT_SIM_MISSING,
    MESSAGE_WAIT_SCHEDULED,
    MESSAGE_WAIT_RETRY_BACKOFF,
    MESSAGE_WAIT_PAUSED,
    MESSAGE_WAIT_COUNT
};

struct message_wait {
    enum message_wait_reason reason;
    int64_t until_ms; /* wall; 0: that depends on other things than time */
};

/* "device_busy", ...; NULL for MESSAGE_WAIT_NONE. */
const char *message_wait_name(enum message_wait_reason reason);

/* What that means and what to do, in one sentence. */
const char *message_wait_detail(enum message_wait_reason reason);

#endif
