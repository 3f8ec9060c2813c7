/* What is sent to a receiver that was written for SMSGate: deploy/SMSGATE.md. On the main thread, whose reader it uses. */
#ifndef API_FCGI_WEBHOOK_SMSGATE_BODY_H
#define API_FCGI_WEBHOOK_SMSGATE_BODY_H

#include "common/store/store.h"

/* The event as JSON; the caller frees it. NULL: no memory, or the store could not be read. */
MUST_CHECK char *smsgate_body_make(struct store_reader *reader, const struct webhook *webhook,
                                   const struct store_event *event, size_t *length);

#endif
