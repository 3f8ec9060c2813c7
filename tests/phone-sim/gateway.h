/* Where the gateway is: a URL, and the addresses of its host. */
#ifndef TESTS_PHONE_SIM_GATEWAY_H
#define TESTS_PHONE_SIM_GATEWAY_H

#include "tests/phone-sim/base.h"

#include <netinet/in.h>

enum { GATEWAY_HOST_SIZE = 256, GATEWAY_PATH_SIZE = 256, GATEWAY_ADDRESSES_MAX = 8 };

struct gateway {
    bool is_tls;
    char host[GATEWAY_HOST_SIZE]; /* without the brackets of IPv6 */
    int port;
    char path[GATEWAY_PATH_SIZE];             /* empty, or from a slash to before the last one */
    char host_header[GATEWAY_HOST_SIZE + 16]; /* host:port */
    char addresses[GATEWAY_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    size_t address_count;
    size_t preferred; /* the address that worked last */
};

/* From ws://host[:port][/path], or wss://. False if it is not like that. */
bool gateway_parse(struct gateway *gateway, const char *url);

/*
 * Fills in the addresses. Once and ahead, because libwebsockets would look the name up for every
 * connection, blocking all of them, and with libuv stumbles over a name that has more than one
 * address. False after a line on stderr.
 */
bool gateway_look_up(struct gateway *gateway);

#endif
