/* Why messages are still queued: see store.h for reads. */
#ifndef COMMON_STORE_WAITS_H
#define COMMON_STORE_WAITS_H

#include "common/base/error.h"
#include "common/model/message.h"

struct store_reader;

/* Fills in message->wait of a queued message; nothing for others. The reads of messages.h have done it. */
MUST_CHECK enum error store_read_wait(struct store_reader *reader, struct message *message);

enum { STORE_MAX_COUNTED = 100000 };

/* How many queued messages wait for each reason. Only the first lanes are looked at. Each of these is counted up to `most`
   messages, STORE_MAX_COUNTED but for tests: those in lanes, those that are retried, those that are scheduled, and the
   others. Where only one of them is larger, its number is right nevertheless, because that of all is known. */
MUST_CHECK enum error store_count_waits(struct store_reader *reader, int64_t most,
                                        int64_t counts[MESSAGE_WAIT_COUNT]);

#endif
