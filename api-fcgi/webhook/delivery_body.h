/* What is sent to a receiver: an event as JSON. Any thread. */
#ifndef API_FCGI_WEBHOOK_DELIVERY_BODY_H
#define API_FCGI_WEBHOOK_DELIVERY_BODY_H

#include "common/store/events.h"

/* The event as JSON; the caller frees it. NULL: no memory. */
MUST_CHECK char *delivery_body_make(const struct store_event *event, bool with_text,
                                    size_t *length);

#endif
