/*
 * Message ids: UUID version 7 (RFC 9562, 5.7). The first 48 bits are the creation time in wall-clock milliseconds, so ids
 * sort by time, and new rows are at the end of their table.
 */
#ifndef COMMON_MODEL_MESSAGE_ID_H
#define COMMON_MODEL_MESSAGE_ID_H

#include "common/base/base.h"

enum { MESSAGE_ID_BYTES = 16, MESSAGE_ID_TEXT_SIZE = 37 };

struct message_id {
    unsigned char bytes[MESSAGE_ID_BYTES];
};

/* A new id. It is greater than all earlier ids of this process, even if the clock steps back, and differs from the ids of
   forked processes. Any thread. */
struct message_id message_id_new(void);

/* The smallest id of a message created at `wall_ms`. */
struct message_id message_id_first_at(int64_t wall_ms);

/* The row number of a message: its time, the 12 bits of the counter within a millisecond, and the first 8 random bits. It
   is not negative, has the order of the ids, and is unique among the ids of one process. INT64_MAX for ids from the year
   2248 on. */
int64_t message_id_seq(const struct message_id *id);

/* 36 characters, in lower case. */
void message_id_format(const struct message_id *id, char text[MESSAGE_ID_TEXT_SIZE]);

/* Any UUID in its 36-character form, in either case. */
MUST_CHECK bool message_id_parse(const char *text, struct message_id *id);

int64_t message_id_time_ms(const struct message_id *id);

bool message_id_equal(const struct message_id *a, const struct message_id *b);

#endif
