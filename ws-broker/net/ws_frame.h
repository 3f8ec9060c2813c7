/* Writes WebSocket frames of a server (RFC 6455, 5.2), one after the other into a buffer, to be sent in one write. */
#ifndef WS_BROKER_NET_WS_FRAME_H
#define WS_BROKER_NET_WS_FRAME_H

#include "common/base/buffer.h"

enum {
    WS_FRAME_CONTINUATION = 0,
    WS_FRAME_TEXT = 1,
    WS_FRAME_CLOSE = 8,
    WS_FRAME_PING = 9,
    WS_FRAME_PONG = 10,
};

/* The payload is appended to `out` between the two calls. ws_frame_begin returns its offset. */
size_t ws_frame_begin(struct buffer *out);
void ws_frame_end(struct buffer *out, size_t begin, int opcode);

/* Removes the frame that began there. */
void ws_frame_abandon(struct buffer *out, size_t begin);

/* Whether a close frame may have this payload (RFC 6455, 7.4). */
bool ws_frame_close_is_valid(const unsigned char *payload, size_t length);

#endif
