/*
 * The event loop: the connections of all phones and their timers in one thread of libwebsockets on
 * libuv. (Its own loop, on poll(), is saturated by some thousands of connections.)
 */
#ifndef TESTS_PHONE_SIM_LINK_H
#define TESTS_PHONE_SIM_LINK_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/connection.h"
#include "tests/phone-sim/crash_point.h"
#include "tests/phone-sim/frame.h"
#include "tests/phone-sim/gateway.h"
#include "tests/phone-sim/phone.h"
#include "tests/phone-sim/timers.h"
#include "tests/phone-sim/tokens.h"

struct link {
    struct gateway gateway;
    struct timers *timers;
    void (*on_signal)(void *owner); /* SIGINT or SIGTERM */
    /* After link_leave: ends the process. With libuv the library's loop ends only when it has destroyed its context, for which it
       waits until every handle has said that it is closed, and it may wait for ever. */
    void (*on_left)(void *owner);
    void *owner;
    struct crash_point *crash_point;
    const struct tokens *tokens;

    struct lws_context *context;
    struct connection *connections;
    size_t count;
    size_t open;
    lws_sorted_usec_list_t wake_up; /* the only one: the library keeps them in a list */
    int64_t wake_up_ms;
    struct timer leave_timer;
    bool leaving;
    unsigned char space[LWS_PRE + FRAME_SIZE]; /* for the frame being written */
};

/* For at most `phones` phones; with TLS the certificate in `ca` is trusted, or where that is empty
 * what the machine trusts. Blocks to look the host up. False after a line on stderr. */
bool link_init(struct link *link, const struct gateway *gateway, const char *ca,
               struct timers *timers, size_t phones);
void link_fini(struct link *link);

/* Gives the phone its connection; it must stay where it is until link_fini(). */
void link_join(struct link *link, struct phone *phone);

/* Fires timers and carries frames until link_leave() was called and is through: then it calls on_left. */
void link_run(struct link *link);

/* Writes what is still to be reported and closes each connection with 1000, all within 1.5 s; then link_run() ends the
 * process. */
void link_leave(struct link *link);

/* To be called after everything that may have armed a timer or closed a connection. */
void link_schedule(struct link *link);

#endif
