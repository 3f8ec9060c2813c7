/* The work that others have left in the store (common/store/work.h): cancel requests, revoked tokens, decisions about
   devices, stuck messages. */
#ifndef WS_BROKER_CORE_WORK_H
#define WS_BROKER_CORE_WORK_H

#include "common/base/base.h"
#include "common/base/error.h"

struct broker;

/* Polls the store. Where it was polled just before, that is only noted, for work_poll_if_due. */
void work_poll(struct broker *broker, int64_t now_ms);

/* Polls, as early as it may after the last poll: there is work. */
void work_poll_soon(struct broker *broker, int64_t now_ms);

/* Polls if the last poll is too long ago, or if another was asked for too early. */
void work_poll_if_due(struct broker *broker, int64_t now_ms);

/* A request that brings messages was answered: what was seen of them before is looked for again (polled.h). */
void work_look_again(struct broker *broker, int64_t now_ms);

/* The poll has ended: passes what was found to the conversations that it belongs to. */
void work_polled(struct broker *broker, enum error result, int64_t now_ms);

#endif
