/*
 * Messages that only some devices may have: a claim without a slot left for them says which devices it wants
 * (store_claim.wanted), and the next one has a slot for those.
 */
#ifndef WS_BROKER_CORE_WANTED_DEVICES_H
#define WS_BROKER_CORE_WANTED_DEVICES_H

#include "common/store/store.h"

struct broker;
struct session;

/* Takes over what a claim wanted; another one is due if a device is there for it. */
void wanted_devices_note(struct broker *broker, const struct store_claim *claim);

/* The best device that may be given a message of the lane; NULL without one. */
struct session *wanted_devices_find(const struct broker *broker, const char *lane);

/* A device may be given a message from now on: a claim is due if one like it was wanted. */
void wanted_devices_eligible(struct broker *broker, const struct session *session);

#endif
