/* Why messages are still queued: see store.h for reads. */
#ifndef COMMON_STORE_WAITS_H
#define COMMON_STORE_WAITS_H

#include "common/base/error.h"
#include "common/model/message.h"

struct store_reader;

/* Fills in message->wait of a queued message; nothing for others. The reads of messages.h have done it. */
MUST_CHECK enum error store_read_wait(struct store_reader *reader, struct message *message);

/* How many queued messages wait for each reason. Of many lanes, and of many scheduled messages, only the first are looked at. */
MUST_CHECK enum error store_count_waits(struct store_reader *reader,
                                        int64_t counts[MESSAGE_WAIT_COUNT]);

#endif
