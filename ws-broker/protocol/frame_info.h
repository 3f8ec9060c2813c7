/* Device information: what a device says about itself. No member is essential, so that no odd value keeps a device away. */
#ifndef WS_BROKER_PROTOCOL_FRAME_INFO_H
#define WS_BROKER_PROTOCOL_FRAME_INFO_H

#include "ws-broker/protocol/frame_reading.h"

/* Reads device information over what was known. False only without memory. */
MUST_CHECK bool frame_read_info(const struct json *object, struct frame_reading *reading);

/* Keeps the device information that was known. False only without memory. */
MUST_CHECK bool frame_keep_info(struct frame_reading *reading);

#endif
