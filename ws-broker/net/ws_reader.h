/*
 * WebSocket frames as a server reads them (RFC 6455, 5): bytes go in as they come, in pieces of any size, and
 * what they say comes out. Strict: what a client must not send breaks the connection. libwebsockets 4.1.6 would
 * let some of it pass (frames without a mask, empty pongs) and count none of it. Pure.
 */
#ifndef WS_BROKER_NET_WS_READER_H
#define WS_BROKER_NET_WS_READER_H

#include "common/base/base.h"

enum { WS_CONTROL_BYTES = 125 }; /* in a ping, a pong or a close frame (5.5) */

/* Zero at first. */
struct ws_reader {
    unsigned char head[14]; /* of the frame that is arriving */
    unsigned char head_length, control_length;
    bool in_payload;
    bool in_message; /* fragments are to follow */
    bool is_binary;  /* the message is */
    bool broken;
    uint64_t left; /* of the payload */
    uint64_t mask_at;
    unsigned char control[WS_CONTROL_BYTES];
    unsigned frames; /* heads read so far; the caller may set it back */
};

enum ws_event_type {
    WS_EVENT_NONE, /* all bytes are taken */
    WS_EVENT_DATA, /* a piece of a message, perhaps of no bytes: one comes with each head */
    WS_EVENT_PING, /* the whole of it, as the next two */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE,
    WS_EVENT_BROKEN, /* against the RFC: nothing that follows can be read (1002) */
};

struct ws_event {
    enum ws_event_type type;
    unsigned char *bytes; /* within what was given, or within the reader; until the next call */
    size_t length;
    bool is_first, is_last, is_binary; /* of a message */
    uint64_t announced;                /* bytes of this frame that are still to come */
};

/* The next event in *length bytes at *bytes, which move on; the bytes are unmasked in place. Call it until it is
   WS_EVENT_NONE. */
void ws_reader_next(struct ws_reader *reader, unsigned char **bytes, size_t *length,
                    struct ws_event *event);

#endif
