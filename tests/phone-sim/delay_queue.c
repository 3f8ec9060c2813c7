#include "tests/phone-sim/delay_queue.h"

void delay_queue_put(struct delay_queue *queue, const char *text, size_t length, int64_t due_ms,
                     bool keep_order)
{
    struct delayed_frame *before = TAILQ_LAST(queue, delay_queue);
    struct delayed_frame *delayed = must_allocate(1, sizeof(*delayed) + length);
    delayed->due_ms = before && keep_order ? MAX(due_ms, before->due_ms) : due_ms;
    delayed->length = length;
    memcpy(delayed->text, text, length);
    while (before && before->due_ms > delayed->due_ms)
        before = TAILQ_PREV(before, delay_queue, in_queue);
    if (before)
        TAILQ_INSERT_AFTER(queue, before, delayed, in_queue);
    else
        TAILQ_INSERT_HEAD(queue, delayed, in_queue);
}

void delay_queue_remove_first(struct delay_queue *queue)
{
    struct delayed_frame *delayed = TAILQ_FIRST(queue);
    TAILQ_REMOVE(queue, delayed, in_queue);
    free(delayed);
}

void delay_queue_clear(struct delay_queue *queue)
{
    while (!TAILQ_EMPTY(queue))
        delay_queue_remove_first(queue);
}
