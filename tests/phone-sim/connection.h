/*
 * The WebSocket connection of one phone: carries its frames to and from libwebsockets, and knows how
 * it came to its end.
 */
#ifndef TESTS_PHONE_SIM_CONNECTION_H
#define TESTS_PHONE_SIM_CONNECTION_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/timers.h"

#include <libwebsockets.h>

struct link;
struct phone;

struct connection {
    struct link *link;
    struct phone *phone;
    struct lws *wsi; /* NULL: there is none */
    char *partial;   /* the fragments of a message so far */
    size_t partial_length;
    size_t address; /* the one being tried */
    size_t addresses_tried;
    struct timer next_address;
    int close_code;           /* of the gateway's close frame, or 0 */
    struct timer close_timer; /* the gateway has until then to answer a close frame */
    int close_with;           /* the code of the close frame to write, or 0 */
    bool is_open;
    bool has_closed; /* a close frame was written, or came: nothing more is written */
    char why[256];   /* it ended */
};

/* Both must stay where they are. */
void connection_init(struct connection *connection, struct link *link, struct phone *phone);

/* The wishes of struct phone_world. */
void connection_begin(struct phone *phone);
void connection_drop(struct phone *phone);
void connection_want_write(struct phone *phone);
void connection_stop_reading(struct phone *phone);

/* libwebsockets' callback for all connections. */
int connection_on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t length);

#endif
