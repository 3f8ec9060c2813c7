/* Where nginx listens. The configuration, the check of the ports and what people are told come from here. */
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
 * Writes them, and returns how many. What listens on 127.0.0.1, alone or among all addresses, also does on
 * ::1 where this machine has that, because `localhost` is both. The settings must agree (settings_check.h).
 */
size_t listener_list(const struct settings *settings, struct listener list[LISTENERS_MAX]);

/* Only this machine can connect to LISTEN_ADDRESS. A name counts as none of its own but for localhost. */
bool listener_is_loopback(const struct settings *settings);

/* LISTEN_ADDRESS stands for all addresses. */
bool listener_is_everywhere(const struct settings *settings);

/* One per line, as nginx's `listen` has it: "127.0.0.1:8000", "[::1]:8443 ssl". */
void listener_print(const struct settings *settings, FILE *out);

#endif
