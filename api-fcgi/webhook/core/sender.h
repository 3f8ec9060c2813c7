/*
 * All receivers, and which of them is next: in turn, so that a slow one delays no other. Half of the tries at once are open to
 * all; of the other half each receiver has one, when it has no other. Pure; one thread at a time.
 */
#ifndef API_FCGI_WEBHOOK_CORE_SENDER_H
#define API_FCGI_WEBHOOK_CORE_SENDER_H

#include "api-fcgi/webhook/core/receiver.h"

enum { SENDER_AT_ONCE = 256, SENDER_RECEIVERS = SENDER_AT_ONCE / 2 };

struct sender {
    struct receiver *receivers[SENDER_RECEIVERS]; /* not owned */
    size_t count;
    size_t turn; /* whose it is */
};

/* False: there are SENDER_RECEIVERS. */
MUST_CHECK bool sender_add(struct sender *sender, struct receiver *receiver);
void sender_remove(struct sender *sender, const struct receiver *receiver);

/* Tries at this time, of all receivers. */
unsigned sender_in_flight(const struct sender *sender);

/* The next delivery to try, and whose it is; it is in flight then. NULL: none now. */
struct delivery *sender_take(struct sender *sender, int64_t now_ms, struct receiver **receiver);

/* When sender_take can have something, unless tries end; INT64_MAX: not by time alone. */
int64_t sender_due_ms(const struct sender *sender);

#endif
