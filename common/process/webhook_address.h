/*
 * Which addresses webhooks may be sent to. Who creates a webhook may not reach by it what only this machine or its network
 * can: so only public addresses are allowed, and those that a setting lists.
 *
 * Judge the address that a connection is really made to: what a name resolves to may change at any moment. Any thread.
 */
#ifndef COMMON_PROCESS_WEBHOOK_ADDRESS_H
#define COMMON_PROCESS_WEBHOOK_ADDRESS_H

#include "common/base/errmsg.h"
#include "common/process/settings.h"

#include <sys/socket.h>

enum { WEBHOOK_MOST_NETWORKS = 64, WEBHOOK_ADDRESS_BYTES = 16 };

struct webhook_rules {
    bool loopback; /* 127.0.0.0/8 and ::1, also by plain HTTP */
    size_t count;
    struct webhook_network {
        unsigned char address[WEBHOOK_ADDRESS_BYTES]; /* IPv4 as ::ffff:a.b.c.d */
        unsigned bits;
    } networks[WEBHOOK_MOST_NETWORKS]; /* allowed, whatever they are */
};

/* The rules of WEBHOOK_LOOPBACK and WEBHOOK_ADDRESSES. On false `errmsg` is a sentence that says what to change. */
MUST_CHECK bool webhook_rules_read(const struct settings *settings, struct webhook_rules *rules,
                                   char errmsg[ERRMSG_SIZE]);

/* NULL: it is allowed. Otherwise what kind of address it is, such as "a loopback address". Of an address that has an IPv4
   address in it (mapped, NAT64, 6to4, ISATAP), both must be allowed. */
const char *webhook_address_problem(const struct webhook_rules *rules,
                                    const struct sockaddr *address);

/* Whether it is the address of an interface of this machine, and not listed: to be refused too. Asks the kernel. */
bool webhook_address_is_own(const struct webhook_rules *rules, const struct sockaddr *address);

/* Whether it is a loopback address, also as a mapped one. */
bool webhook_address_is_loopback(const struct sockaddr *address);

#endif
