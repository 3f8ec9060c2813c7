/* What decides which messages a device may be given: what an operator has decided about it, its SIMs, and a polled one's battery. */
#ifndef WS_BROKER_CORE_CONFIGURATION_H
#define WS_BROKER_CORE_CONFIGURATION_H

#include "common/store/store.h"

struct broker;
struct session;

/* Takes over what the store says. Nothing happens when a later change is known already. */
void configuration_take(struct broker *broker, struct session *session,
                        const struct device_traits *traits, int64_t now_ms);

/* A poll has found the change of a device. */
void configuration_changed(struct broker *broker, const struct store_configured_device *device,
                           int64_t now_ms);

/* The send budget of a session has the limits that hold for its device. */
void configuration_limit_budget(const struct broker *broker, struct session *session,
                                int64_t now_ms);

/* The device information has changed. */
void configuration_take_sims(struct session *session);

#endif
