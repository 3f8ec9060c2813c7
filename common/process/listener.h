/* The addresses and ports that nginx listens on, for its configuration, the port checks and the messages to users. */
#ifndef COMMON_PROCESS_LISTENER_H
#define COMMON_PROCESS_LISTENER_H

#include "common/process/settings.h"

enum { LISTENERS_MAX = 6, LISTENER_ADDRESS_SIZE = 260 };

struct listener {
    char address[LISTENER_ADDRESS_SIZE]; /* as getaddrinfo() takes it: an address or a name */
    int port;
    bool is_tls, is_ipv6;
    const char *port_setting; /* HTTP_PORT or HTTPS_PORT */
};

/*
 * Returns the number of listeners. A listener on 127.0.0.1 or 0.0.0.0 comes with one on ::1 if this machine has it,
 * because `localhost` is both. Call after settings_check.
 */
size_t listener_list(const struct settings *settings, struct listener list[LISTENERS_MAX]);

/* Only this machine can connect to LISTEN_ADDRESS. Of names only localhost counts. */
bool listener_is_loopback(const struct settings *settings);

/* The address stands for all addresses. */
bool listener_is_wildcard(const char *address);

/* One per line, as in nginx's `listen`: "127.0.0.1:8000", "[::1]:8443 ssl". */
void listener_print(const struct settings *settings, FILE *out);

#endif
