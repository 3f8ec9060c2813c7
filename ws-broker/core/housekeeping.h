/* The broker's regular work beside its sessions: lease, expiry, stuck messages, retention. */
#ifndef WS_BROKER_CORE_HOUSEKEEPING_H
#define WS_BROKER_CORE_HOUSEKEEPING_H

#include "common/model/message.h"

struct broker;

void housekeeping_begin(struct broker *broker, int64_t now_ms);

/* At each tick: requests what is due, all but the lease only where no other broker keeps house. */
void housekeeping_run(struct broker *broker, int64_t now_ms, int64_t wall_ms);

/* Whether the next poll is to count stuck messages; notes that it does. */
bool housekeeping_counts_stuck(struct broker *broker, int64_t now_ms);
/* Logs what that poll counted. */
void housekeeping_report(const int64_t stuck[MESSAGE_STATUS_COUNT],
                         const int64_t waiting[MESSAGE_WAIT_COUNT]);

/* Whether it is time for the regular look for messages and work in the store, in case a doorbell was lost. */
bool housekeeping_sweep_is_due(struct broker *broker, int64_t now_ms);

/* For the trusted_wall_ms of a write: the wall clock; 0: it has just been set. */
int64_t housekeeping_trusted_wall_ms(const struct broker *broker, int64_t now_ms);

#endif
