/* What a device says about an SMS that it received. */
#ifndef WS_BROKER_PROTOCOL_FRAME_INCOMING_H
#define WS_BROKER_PROTOCOL_FRAME_INCOMING_H

#include "ws-broker/protocol/frame_reading.h"

/* Reads `sms_received` into frame->incoming and frame->sim. Only what makes it an SMS is essential: an SMS is not lost because of
   the clock or the SIM of a phone. False: refused, or without memory. */
MUST_CHECK bool frame_read_incoming(const struct json *object, struct frame_reading *reading);

#endif
