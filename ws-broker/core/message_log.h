/*
 * The log lines about single messages: `grep` of a message id shows its whole story (deploy/LOGS.md). They never have a text,
 * a whole phone number, or a device's own words.
 */
#ifndef WS_BROKER_CORE_MESSAGE_LOG_H
#define WS_BROKER_CORE_MESSAGE_LOG_H

#include "common/store/store.h"

/* The error_code of a message that fits into no frame. */
#define MESSAGE_TOO_LONG "too_long"

/* A line for each transition; for the store's options. Any thread. */
void message_log_transitions(void *context, const struct store_transition *transitions,
                             size_t count);

/* Something that happened to a message without a transition. Attempt 0: unknown. */
void message_log_event(const char *event, const struct message_ref *ref, const char *device_id);

#endif
