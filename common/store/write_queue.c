#include "common/store/write_queue.h"

enum {
    MOST_OTHERS = 8192,
    MOST_MESSAGES = 200000, /* of batches */
    MESSAGES_AT_ONCE = 2000 /* a transaction that has as many takes no further batch */
};

static void init_list(struct write_list *list)
{
    *list = (struct write_list){.last = &list->first};
}

void write_queue_init(struct write_queue *queue)
{
    init_list(&queue->others);
    init_list(&queue->batches);
    queue->took_batches = false;
}

bool write_queue_is_empty(const struct write_queue *queue)
{
    return !queue->others.first && !queue->batches.first;
}

static size_t size_of(const struct store_write *write)
{
    return write->verb == STORE_ENQUEUE_BATCH ? write->enqueue_batch.count : 1;
}

enum error write_queue_add(struct write_queue *queue, struct store_write *write)
{
    bool is_batch = write->verb == STORE_ENQUEUE_BATCH;
    struct write_list *list = is_batch ? &queue->batches : &queue->others;
    if (list->size >= (is_batch ? MOST_MESSAGES : MOST_OTHERS))
        return ERROR_STORE_BUSY;
    *list->last = write;
    list->last = &write->next;
    list->size += size_of(write);
    return ERROR_NONE;
}

size_t write_queue_take(struct write_queue *queue, struct store_write *writes[], size_t capacity,
                        bool *are_batches)
{
    size_t count = 0, size = 0;
    *are_batches = queue->batches.first && !(queue->took_batches && queue->others.first);
    queue->took_batches = *are_batches;
    struct write_list *list = *are_batches ? &queue->batches : &queue->others;
    size_t most = *are_batches ? MESSAGES_AT_ONCE : capacity;
    for (; list->first && count < capacity && size < most; count++) {
        writes[count] = list->first;
        size += size_of(list->first);
        list->first = list->first->next;
    }
    list->size -= size;
    if (!list->first)
        list->last = &list->first;
    return count;
}
