/*
 * Message ids: UUID version 7 (RFC 9562, 5.7). The first 48 bits are the time of creation in wall
 * milliseconds, so sorting by id sorts by time, and new rows land at the end of their table.
 */
#ifndef COMMON_MODEL_MESSAGE_ID_H
#define COMMON_MODEL_MESSAGE_ID_H

#include "common/base/base.h"

enum { MESSAGE_ID_BYTES = 16, MESSAGE_ID_TEXT_SIZE = 37 };

struct message_id {
    unsigned char bytes[MESSAGE_ID_BYTES];
};

/* A new id, greater than every one this process made before, also when the clock steps back, and none
   that a process makes which it has forked. Any thread. */
struct message_id message_id_new(void);

/* The smallest id that a message created at `wall_ms` can have. */
struct message_id message_id_first_at(int64_t wall_ms);

/* The number that a message of this id is kept under, never negative and in the order of the ids: its time,
   the 12 bits that count within a millisecond, and the first 8 random ones. Of two ids that one process
   makes it is not the same. INT64_MAX: for all ids from the year 2248 on. */
int64_t message_id_seq(const struct message_id *id);

/* 36 characters, in lower case. */
void message_id_format(const struct message_id *id, char text[MESSAGE_ID_TEXT_SIZE]);

/* Any UUID in its 36-character form, in either case. */
MUST_CHECK bool message_id_parse(const char *text, struct message_id *id);

int64_t message_id_time_ms(const struct message_id *id);

bool message_id_equal(const struct message_id *a, const struct message_id *b);

#endif
