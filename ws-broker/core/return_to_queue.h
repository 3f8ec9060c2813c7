/* Returning a message to the queue, because nothing of it can have been sent. */
#ifndef WS_BROKER_CORE_RETURN_TO_QUEUE_H
#define WS_BROKER_CORE_RETURN_TO_QUEUE_H

#include "ws-broker/core/session.h"

struct broker;

/* The device was never sent it, or has not been released it. */
void return_to_queue(struct broker *broker, const struct message_ref *ref, const char *device_id);

/* The claim's transaction (store_write.transaction) is of unknown outcome: what it has claimed was never sent. */
void return_to_queue_if_claimed(struct broker *broker, const struct message_ref *ref,
                                const char *device_id, int64_t transaction);

/* The device has refused it with that code: it is due again after a backoff. */
void return_to_queue_refused(struct broker *broker, const struct message_ref *ref,
                             const char *device_id, const char *code);

/* No frame can carry it: it fails. Returned, it would be dispatched again at once, for ever, before all others. */
void return_to_queue_unwritable(struct broker *broker, const struct message_ref *ref,
                                const char *device_id);

#endif
