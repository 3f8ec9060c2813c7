/* The HTTP answer to a client that may not connect, with a problem. Any thread. */
#ifndef WS_BROKER_NET_WS_REFUSAL_H
#define WS_BROKER_NET_WS_REFUSAL_H

#include "common/base/problem.h"

/* Sends the whole answer, as far as the socket takes it at once, and closes it. What the client has sent, and nobody
   reads any more, is read first. `challenge` is the rest of the header WWW-Authenticate (RFC 6750), after its realm; "" for
   401; NULL: there is none. */
void ws_refusal_send(int fd, const struct problem *problem, const char *challenge);

#endif
