#include "common/store/write_queue.h"

enum {
    MOST_OTHERS = 8192,
    MOST_MESSAGES = 200000,     /* of batches */
    PATIENT_MESSAGES = 40000,   /* with more, batches do not pause */
    PAUSE = 2,                  /* times the duration of a transaction for batches, */
    LONGEST_PAUSE_US = 5000000, /* or this long: it may hold a suspension of the machine */
    MESSAGES_AT_ONCE = 2000     /* a transaction that has as many takes no further batch */
};

static void init_list(struct write_list *list)
{
    *list = (struct write_list){.last = &list->first};
}

void write_queue_init(struct write_queue *queue)
{
    init_list(&queue->others);
    init_list(&queue->batches);
    queue->took_batches = queue->others_came = false;
    queue->took_us = queue->resume_us = 0;
    write_delay_init(&queue->delay);
}

bool write_queue_is_empty(const struct write_queue *queue)
{
    return !queue->others.first && !queue->batches.first;
}

static size_t size_of(const struct store_write *write)
{
    return write->verb == STORE_ENQUEUE_BATCH ? write->enqueue_batch.count : 1;
}

static struct write_list *list_of(struct write_queue *queue, const struct store_write *write)
{
    return write->verb == STORE_ENQUEUE_BATCH ? &queue->batches : &queue->others;
}

static struct write_patience patience_of(const struct store_write *write)
{
    return (struct write_patience){write->patience_us, write->is_awaited};
}

enum error write_queue_add(struct write_queue *queue, struct store_write *write, int64_t now_us)
{
    struct write_list *list = list_of(queue, write);
    if (list->size >= (size_t)(list == &queue->batches ? MOST_MESSAGES : MOST_OTHERS))
        return ERROR_STORE_BUSY;
    write->next = NULL;
    *list->last = write;
    list->last = &write->next;
    list->size += size_of(write);
    if (list == &queue->others) {
        queue->others_came = true;
        write_delay_add(&queue->delay, patience_of(write), now_us);
    }
    return ERROR_NONE;
}

bool write_queue_passes(struct write_queue *queue, const struct store_write *write, int64_t now_us)
{
    return write_queue_is_empty(queue) &&
           write_delay_add_alone(&queue->delay, patience_of(write), now_us);
}

int64_t write_queue_deadline_ms(const struct write_queue *queue)
{
    const struct store_write *batch = queue->batches.first, *other = queue->others.first;
    return MIN(batch ? batch->deadline_ms : INT64_MAX, other ? other->deadline_ms : INT64_MAX);
}

static struct store_write *take_first(struct write_list *list)
{
    struct store_write *write = list->first;
    list->size -= size_of(write);
    list->first = write->next;
    if (!list->first)
        list->last = &list->first;
    return write;
}

int64_t write_queue_due_us(const struct write_queue *queue)
{
    int64_t batches_us = queue->batches.size > PATIENT_MESSAGES ? 0 : queue->resume_us;
    return MIN(queue->delay.due_us, queue->batches.first ? batches_us : INT64_MAX);
}

static bool have_batches_a_turn(const struct write_queue *queue, int64_t now_us)
{
    if (!queue->batches.first)
        return false;
    bool pauses = now_us < queue->resume_us && queue->batches.size <= PATIENT_MESSAGES;
    return !queue->others.first || !(pauses || queue->took_batches);
}

size_t write_queue_take(struct write_queue *queue, struct store_write *writes[], size_t capacity,
                        int64_t now_us, bool *are_batches)
{
    size_t count = 0, size = 0;
    *are_batches = have_batches_a_turn(queue, now_us);
    queue->took_batches = *are_batches;
    queue->took_us = now_us;
    if (*are_batches)
        queue->others_came = queue->others.first;
    struct write_list *list = *are_batches ? &queue->batches : &queue->others;
    size_t most = *are_batches ? MESSAGES_AT_ONCE : capacity;
    for (; list->first && count < capacity && size < most; count++) {
        writes[count] = take_first(list);
        size += size_of(writes[count]);
    }
    if (!*are_batches)
        write_delay_begin(&queue->delay, queue->others.first != NULL, now_us);
    return count;
}

void write_queue_end(struct write_queue *queue, int64_t now_us)
{
    int64_t pause_us = MIN(PAUSE * (now_us - queue->took_us), LONGEST_PAUSE_US);
    if (queue->took_batches)
        queue->resume_us = queue->others_came ? now_us + pause_us : 0;
}

void write_queue_put_back(struct write_queue *queue, struct store_write *const writes[],
                          size_t count)
{
    for (size_t i = count; i-- > 0;) {
        struct write_list *list = list_of(queue, writes[i]);
        writes[i]->next = list->first;
        if (!list->first)
            list->last = &writes[i]->next;
        list->first = writes[i];
        list->size += size_of(writes[i]);
        if (list == &queue->others)
            write_delay_begin(&queue->delay, count, queue->took_us);
    }
}

static size_t take_late(struct write_list *list, struct store_write *writes[], size_t capacity,
                        int64_t now_ms)
{
    size_t count = 0;
    while (list->first && list->first->deadline_ms <= now_ms && count < capacity)
        writes[count++] = take_first(list);
    return count;
}

size_t write_queue_take_late(struct write_queue *queue, struct store_write *writes[],
                             size_t capacity, int64_t now_ms)
{
    size_t count = take_late(&queue->others, writes, capacity, now_ms);
    write_delay_begin(&queue->delay, queue->others.first != NULL, queue->delay.began_us);
    return count + take_late(&queue->batches, writes + count, capacity - count, now_ms);
}
