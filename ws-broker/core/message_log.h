/*
 * The log lines of single messages, in which `grep` of a message id finds its story (deploy/LOGS.md).
 * Never in them: a text, a number, and what a phone says in its own words.
 */
#ifndef WS_BROKER_CORE_MESSAGE_LOG_H
#define WS_BROKER_CORE_MESSAGE_LOG_H

#include "common/store/store.h"

/* The error_code of a message that no phone can be given. */
#define MESSAGE_TOO_LONG "too_long"

/* A line for each; store_options.moved. Any thread. */
void message_log_transitions(void *context, const struct store_transition *transitions,
                             size_t count);

/* What happened to a message without moving it. attempt 0: it is not known. */
void message_log_event(const char *event, const struct message_id *id, unsigned attempt,
                       const char *device_id);

#endif
