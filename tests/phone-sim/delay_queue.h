/* Frames that a phone delays: --delay and --reorder. Pure; times are monotonic milliseconds. */
#ifndef TESTS_PHONE_SIM_DELAY_QUEUE_H
#define TESTS_PHONE_SIM_DELAY_QUEUE_H

#include "tests/phone-sim/base.h"

#include <sys/queue.h>

struct delayed_frame {
    TAILQ_ENTRY(delayed_frame) in_queue;
    int64_t due_ms;
    size_t length;
    char text[];
};

TAILQ_HEAD(delay_queue, delayed_frame); /* ordered by due time */

/* Copies the frame. With `keep_order` it becomes due no earlier than the frames before it. */
void delay_queue_put(struct delay_queue *queue, const char *text, size_t length, int64_t due_ms,
                     bool keep_order);
void delay_queue_remove_first(struct delay_queue *queue);
void delay_queue_clear(struct delay_queue *queue);

#endif
