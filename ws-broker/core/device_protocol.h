/*
 * The levels of the device protocol, as values: all that differs between a basic and an assured device in the core is in
 * this table. A new kind of device is a new row.
 */
#ifndef WS_BROKER_CORE_DEVICE_PROTOCOL_H
#define WS_BROKER_CORE_DEVICE_PROTOCOL_H

#include "common/base/buffer.h"
#include "ws-broker/core/broker_options.h"
#include "ws-broker/protocol/frame.h"

/* The part of a connection that a session is in; decides which frames may come. */
enum protocol_phase {
    PHASE_GREETING,  /* the first frame */
    PHASE_JOURNAL,   /* the pages of the journal */
    PHASE_CONNECTED, /* everything after that */
    PHASE_COUNT
};

struct device_protocol {
    const char *name;
    const char *subprotocol; /* the Sec-WebSocket-Protocol that asks for it; "": none is sent */

    enum frame_stage stages[PHASE_COUNT]; /* what frame_read accepts in each phase */

    bool has_journal; /* so it is offered a message, and may send it once that is released */
    /* It fetches its messages and reports by REST; its connection is a stream of events that tell it to (polled.h). */
    bool is_polled;
    /* A drain writes what is queued; else what is not released is returned to the queue. */
    bool flushes_at_drain;

    /* How long a device may take for its first answer to a message: its acknowledgement, or a report. */
    int64_t (*answer_timeout_ms)(const struct broker_options *options);

    /* The frame that asks it to cancel a message it has; NULL: it cannot be asked. */
    enum sent_frame_type cancel;
    void (*write_cancel)(struct buffer *out, const struct message_ref *ref);

    /* The frame that greets a device; `credit`: how many messages the device is given at once. Of a polled one polled.c. */
    enum sent_frame_type greeting;
    void (*write_greeting)(struct buffer *out, const char *device_id, int64_t connection_epoch,
                           unsigned credit);

    /* The frame that a message is dispatched with; a polled device fetches it. */
    enum sent_frame_type message;
    void (*write_message)(struct buffer *out, const struct message *message);
};

extern const struct device_protocol device_protocol_basic, device_protocol_assured,
    device_protocol_polled;

/* The level that a subprotocol asks for; NULL when there is none of that name. */
const struct device_protocol *device_protocol_find(const char *subprotocol);

#endif
