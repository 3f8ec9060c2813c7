/* Reads the frames of devices: JSON text to structures. No state, no clock; any thread. */
#ifndef WS_BROKER_PROTOCOL_FRAMES_H
#define WS_BROKER_PROTOCOL_FRAMES_H

#include "ws-broker/protocol/frame.h"

/*
 * Reads a frame from a device; `text[length]` must be NUL. `known`: what the device said about itself before. A frame is
 * refused only when an essential member is missing or unreadable. All other members count as far as they can be read, and
 * `warning` says what was ignored. On true the caller calls frame_fini.
 */
MUST_CHECK bool frame_read(const char *text, size_t length, enum frame_stage stage,
                           const struct device_info *known, struct frame *frame,
                           struct frame_problem *problem);
void frame_fini(struct frame *frame);

/* Whether a frame of that type may come at that stage. */
bool frame_may_come(enum frame_type type, enum frame_stage stage);

#endif
