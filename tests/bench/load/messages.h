/*
 * The messages of a run by their number, which is in their text: when each was sent, answered, and
 * read by a phone, all on one clock.
 */
#ifndef TESTS_BENCH_LOAD_MESSAGES_H
#define TESTS_BENCH_LOAD_MESSAGES_H

#include "tests/bench/load/histogram.h"

/* What was seen of all of them. */
struct messages {
    uint64_t posted;
    uint64_t received;                /* by a phone for the first time */
    uint64_t released;                /* likewise, with leave to send it */
    uint64_t delivered;               /* reported so */
    uint64_t repeated;                /* received more than once */
    bool measuring;                   /* what happens counts in these: */
    struct histogram answer_to_phone; /* 0 where the phone had it first */
    struct histogram post_to_phone;   /* from when it was due */
    struct histogram answer_to_release;
};
extern struct messages messages;

/* The next number. */
uint32_t message_new(int64_t due_ns);

/* "#0000001234 your code is ...", so long that it is 64 characters. */
enum { MESSAGE_TEXT_LENGTH = 64 };
void message_write(uint32_t number, char text[MESSAGE_TEXT_LENGTH + 1]);

/* The number in a frame with such a text; false when it is of another run. */
bool message_read(const char *frame, uint32_t *number);

void message_answered(uint32_t number, int64_t at_ns);
bool message_received(uint32_t number, int64_t at_ns); /* whether it is the first time */
void message_released(uint32_t number, int64_t at_ns);

#endif
