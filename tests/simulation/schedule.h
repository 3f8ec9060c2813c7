/* What happens next: a heap of events by time, and among equal times by the order they were made. */
#ifndef TESTS_SIMULATION_SCHEDULE_H
#define TESTS_SIMULATION_SCHEDULE_H

#include "common/base/base.h"

enum event_kind {
    EVENT_BROKER_START,
    EVENT_BROKER_TICK,
    EVENT_DOORBELL,
    EVENT_STORE_COMMIT,
    EVENT_STORE_ANSWER,
    EVENT_STORE_POLLED,
    EVENT_STORE_SERVER_ENDS, /* a transaction whose connection is lost */
    EVENT_STORE_RECONNECTS,
    EVENT_STORE_GIVES_UP, /* what waits for the connection */
    EVENT_BROKER_THAWS,
    EVENT_OPENS,          /* a connection reaches the broker */
    EVENT_WRITABLE,       /* the broker may write a frame on it */
    EVENT_FRAME_UP,       /* a frame reaches the broker */
    EVENT_FRAME_DOWN,     /* a frame reaches the phone */
    EVENT_BROKER_NOTICES, /* the broker learns that a connection is gone */
    EVENT_PHONE_NOTICES,
    EVENT_PHONE_START,
    EVENT_PHONE_CONNECTS,
    EVENT_PHONE_RECEIVES, /* an SMS comes in, or is sent to the gateway again */
    EVENT_PHONE_SUBMITS,  /* hands a message to the radio */
    EVENT_RADIO,          /* the radio answers */
    EVENT_APP,            /* something about a polled phone */
    EVENT_CLIENT,         /* a client queues or cancels a message */
    EVENT_FAULT,
};

/* `subject` and the two numbers mean what the type makes of them; `generation` tells whether the
   subject is still the one that was meant. */
struct event {
    int64_t at_ms;
    uint64_t order;
    enum event_kind type;
    unsigned subject;
    unsigned generation;
    unsigned a, b;
};

struct schedule {
    struct event *heap;
    size_t count, capacity;
    uint64_t order;
};

void schedule_add(struct schedule *schedule, struct event event);

/* The next event; false when there is none. */
bool schedule_take(struct schedule *schedule, struct event *event);

#endif
