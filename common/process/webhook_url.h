/* The URL of a webhook: checked where one is created, and once more by its sender. Any thread. */
#ifndef COMMON_PROCESS_WEBHOOK_URL_H
#define COMMON_PROCESS_WEBHOOK_URL_H

#include "common/process/webhook_address.h"

enum { WEBHOOK_URL_MOST_BYTES = 2048 };

/* Whether webhooks may be sent to it: https, or http to a loopback address where the rules allow that; a host name or an
   address that is allowed, a port, a path and a query; no user and password, no fragment, nothing but visible ASCII. What a
   name resolves to is judged when a connection is made. On false `errmsg` is the end of a sentence that begins with the
   URL: "must ...". */
MUST_CHECK bool webhook_url_check(const char *url, const struct webhook_rules *rules,
                                  char errmsg[ERRMSG_SIZE]);

#endif
