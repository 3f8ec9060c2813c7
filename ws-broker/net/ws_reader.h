/*
 * Reads WebSocket frames of a client (RFC 6455, 5): bytes go in, in pieces of any size, and events come out. Strict: what a
 * client must not send breaks the connection. libwebsockets 4.1.6 accepts some of it (frames without a mask, empty pongs)
 * and does not count it as work. Pure.
 */
#ifndef WS_BROKER_NET_WS_READER_H
#define WS_BROKER_NET_WS_READER_H

#include "common/base/base.h"

enum { WS_CONTROL_BYTES = 125 }; /* in a ping, a pong or a close frame (5.5) */

/* All zero at first. */
struct ws_reader {
    unsigned char head[14]; /* of the frame that is arriving */
    unsigned char head_length, control_length;
    bool in_payload;
    bool in_message; /* more fragments follow */
    bool is_binary;  /* the message */
    bool broken;
    uint64_t left; /* bytes of the payload */
    uint64_t mask_at;
    unsigned char control[WS_CONTROL_BYTES];
    unsigned frames; /* heads read; the caller may reset it */
};

enum ws_event_type {
    WS_EVENT_NONE, /* all bytes are read */
    WS_EVENT_DATA, /* a piece of a message, possibly empty: one for each head at least */
    WS_EVENT_PING, /* complete, like the next two */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE,
    WS_EVENT_BROKEN, /* a violation of the RFC: nothing more can be read (1002) */
};

struct ws_event {
    enum ws_event_type type;
    unsigned char *bytes; /* in the input or in the reader; valid until the next call */
    size_t length;
    bool is_first, is_last, is_binary; /* of its message */
    uint64_t announced;                /* bytes of this frame that have not arrived */
};

/* Takes the next event from *length bytes at *bytes, and advances both; unmasks the bytes in place. To be called until
   WS_EVENT_NONE. */
void ws_reader_next(struct ws_reader *reader, unsigned char **bytes, size_t *length,
                    struct ws_event *event);

#endif
