/*
 * WebSocket frames as a server writes them (RFC 6455, 5.2), one after another into a buffer, so that
 * all that waits for a phone goes out in one write.
 */
#ifndef WS_BROKER_NET_WS_FRAME_H
#define WS_BROKER_NET_WS_FRAME_H

#include "common/base/buffer.h"

/* Opcodes. */
enum {
    WS_FRAME_CONTINUATION = 0,
    WS_FRAME_TEXT = 1,
    WS_FRAME_CLOSE = 8,
    WS_FRAME_PING = 9,
    WS_FRAME_PONG = 10,
};

/* The payload is what is appended between the two calls; the first returns where it begins. */
size_t ws_frame_begin(struct buffer *out);
void ws_frame_end(struct buffer *out, size_t begin, int opcode);

/* Forgets what began there. */
void ws_frame_abandon(struct buffer *out, size_t begin);

#endif
