#include "api-fcgi/webhook/core/delivery_queue.h"

#include <stdlib.h>
#include <string.h>

/* ---- The heap of those that can be taken ---- */

static bool is_before(const struct delivery *a, const struct delivery *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->event_id < b->event_id;
}

static void put_at(struct delivery_queue *queue, size_t place, struct delivery *delivery)
{
    queue->heap[place] = delivery;
    delivery->place = place;
}

static void rise(struct delivery_queue *queue, struct delivery *delivery, size_t place)
{
    for (; place > 1 && is_before(delivery, queue->heap[place / 2]); place /= 2)
        put_at(queue, place, queue->heap[place / 2]);
    put_at(queue, place, delivery);
}

static void sink(struct delivery_queue *queue, struct delivery *delivery, size_t place)
{
    for (size_t child; (child = 2 * place) <= queue->count; place = child) {
        if (child < queue->count && is_before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!is_before(queue->heap[child], delivery))
            break;
        put_at(queue, place, queue->heap[child]);
    }
    put_at(queue, place, delivery);
}

/* There is room: delivery_queue_add made it for each that is there. */
static void push(struct delivery_queue *queue, struct delivery *delivery)
{
    queue->count++;
    rise(queue, delivery, queue->count);
}

static void pull(struct delivery_queue *queue, struct delivery *delivery)
{
    size_t place = delivery->place;
    struct delivery *last = queue->heap[queue->count--];
    delivery->place = 0;
    if (last == delivery)
        return;
    rise(queue, last, place);
    sink(queue, last, last->place);
}

static bool make_room(struct delivery_queue *queue)
{
    size_t needed = queue->stored_count + queue->fresh_count + 2;
    if (needed <= queue->capacity)
        return true;
    size_t capacity = MAX(2 * queue->capacity, (size_t)64);
    struct delivery **heap = realloc(queue->heap, capacity * sizeof(*heap));
    if (!heap)
        return false;
    queue->heap = heap;
    queue->capacity = capacity;
    return true;
}

/* ---- The deliveries of one message ---- */

static bool is_nil(const struct message_id *id)
{
    static const struct message_id nil;
    return message_id_equal(id, &nil);
}

static bool is_of(const struct delivery *delivery, int64_t event_id, const struct message_id *id)
{
    if (is_nil(id))
        return is_nil(&delivery->message_id) && delivery->event_id == event_id;
    return message_id_equal(&delivery->message_id, id);
}

static size_t bucket_of(int64_t event_id, const struct message_id *id)
{
    uint64_t hash = (uint64_t)event_id;
    if (!is_nil(id))
        memcpy(&hash, id->bytes + sizeof(id->bytes) - sizeof(hash), sizeof(hash));
    return (size_t)(hash * 0x9e3779b97f4a7c15u >> 32) % DELIVERY_QUEUE_BUCKETS;
}

/* The link to the first delivery of that message, or to NULL. */
static struct delivery **first_of(const struct delivery_queue *queue, int64_t event_id,
                                  const struct message_id *id)
{
    size_t bucket = bucket_of(event_id, id);
    struct delivery **link = (struct delivery **)&queue->buckets[bucket];
    while (*link && !is_of(*link, event_id, id))
        link = &(*link)->next_in_bucket;
    return link;
}

static void make_first(struct delivery_queue *queue, struct delivery **link,
                       struct delivery *delivery, struct delivery *next_in_bucket)
{
    delivery->next_in_bucket = next_in_bucket;
    *link = delivery;
    push(queue, delivery);
}

static void add_in_order(struct delivery_queue *queue, struct delivery *delivery)
{
    struct delivery **link = first_of(queue, delivery->event_id, &delivery->message_id);
    struct delivery *first = *link;
    if (!first) {
        make_first(queue, link, delivery, NULL);
        return;
    }
    if (delivery->event_id < first->event_id && !first->in_flight) {
        pull(queue, first);
        delivery->next_of_message = first;
        make_first(queue, link, delivery, first->next_in_bucket);
        return;
    }
    link = &first->next_of_message;
    while (*link && (*link)->event_id < delivery->event_id)
        link = &(*link)->next_of_message;
    delivery->next_of_message = *link;
    *link = delivery;
}

bool delivery_queue_has(const struct delivery_queue *queue, int64_t event_id,
                        const struct message_id *message_id)
{
    const struct delivery *delivery = *first_of(queue, event_id, message_id);
    while (delivery && delivery->event_id != event_id)
        delivery = delivery->next_of_message;
    return delivery != NULL;
}

const struct delivery *delivery_queue_first(const struct delivery_queue *queue,
                                            const struct delivery *delivery)
{
    return *first_of(queue, delivery->event_id, &delivery->message_id);
}

/* ---- Deliveries ---- */

static size_t *counter_of(struct delivery_queue *queue, const struct delivery *delivery)
{
    return delivery->is_stored ? &queue->stored_count : &queue->fresh_count;
}

static void drop_body(struct delivery_queue *queue, struct delivery *delivery)
{
    queue->body_bytes -= delivery->body_length;
    free(delivery->body);
    delivery->body = NULL;
    delivery->body_length = 0;
}

void delivery_queue_fini(struct delivery_queue *queue)
{
    for (size_t i = 0; i < DELIVERY_QUEUE_BUCKETS; i++) {
        for (struct delivery *first = queue->buckets[i], *next_first; first; first = next_first) {
            next_first = first->next_in_bucket;
            for (struct delivery *each = first, *next; each; each = next) {
                next = each->next_of_message;
                free(each->body);
                free(each);
            }
        }
    }
    free(queue->heap);
    memset(queue, 0, sizeof(*queue));
}

struct delivery *delivery_queue_add(struct delivery_queue *queue, const struct delivery *delivery)
{
    struct delivery *copy = NULL;
    if (!delivery_queue_has(queue, delivery->event_id, &delivery->message_id) && make_room(queue))
        copy = malloc(sizeof(*copy));
    if (!copy) {
        free(delivery->body);
        return NULL;
    }
    *copy = *delivery;
    copy->in_flight = false;
    copy->place = 0;
    copy->next_of_message = copy->next_in_bucket = NULL;
    ++*counter_of(queue, copy);
    queue->body_bytes += copy->body_length;
    add_in_order(queue, copy);
    return copy;
}

struct delivery *delivery_queue_take(struct delivery_queue *queue, int64_t now_ms)
{
    if (delivery_queue_due_ms(queue) > now_ms)
        return NULL;
    struct delivery *delivery = queue->heap[1];
    pull(queue, delivery);
    delivery->in_flight = true;
    return delivery;
}

int64_t delivery_queue_due_ms(const struct delivery_queue *queue)
{
    return queue->count > 0 ? queue->heap[1]->due_ms : INT64_MAX;
}

void delivery_queue_mark_stored(struct delivery_queue *queue, struct delivery *delivery)
{
    --*counter_of(queue, delivery);
    delivery->is_stored = true;
    ++*counter_of(queue, delivery);
    drop_body(queue, delivery);
}

void delivery_queue_return(struct delivery_queue *queue, struct delivery *delivery, int64_t due_ms)
{
    delivery->in_flight = false;
    delivery->due_ms = due_ms;
    push(queue, delivery);
}

void delivery_queue_put_back(struct delivery_queue *queue, struct delivery *delivery,
                             int64_t due_ms)
{
    delivery_queue_mark_stored(queue, delivery);
    delivery_queue_return(queue, delivery, due_ms);
}

void delivery_queue_set_body(struct delivery_queue *queue, struct delivery *delivery, char *body,
                             size_t length)
{
    drop_body(queue, delivery);
    delivery->body = body;
    delivery->body_length = length;
    queue->body_bytes += length;
}

void delivery_queue_remove(struct delivery_queue *queue, struct delivery *delivery)
{
    struct delivery **link = first_of(queue, delivery->event_id, &delivery->message_id);
    struct delivery *next = delivery->next_of_message;
    if (next && next->tries == 0)
        next->due_ms = MIN(next->due_ms, delivery->due_ms);
    if (next)
        make_first(queue, link, next, delivery->next_in_bucket);
    else
        *link = delivery->next_in_bucket;
    drop_body(queue, delivery);
    --*counter_of(queue, delivery);
    free(delivery);
}

static void hurry(struct delivery *delivery, int64_t to_ms)
{
    delivery->due_ms = MIN(delivery->due_ms, MAX(to_ms, delivery->not_before_ms));
}

static void sort(struct delivery_queue *queue)
{
    for (size_t i = queue->count / 2; i >= 1; i--)
        sink(queue, queue->heap[i], i);
}

void delivery_queue_hurry(struct delivery_queue *queue, int64_t now_ms)
{
    for (size_t i = 1; i <= queue->count; i++)
        hurry(queue->heap[i], now_ms);
    sort(queue);
}

void delivery_queue_hurry_once(struct delivery_queue *queue, int64_t soon_ms, int64_t late_ms)
{
    for (size_t i = 1; i <= queue->count; i++) {
        struct delivery *delivery = queue->heap[i];
        if (delivery->due_ms <= late_ms || delivery->was_hurried)
            continue;
        delivery->was_hurried = true;
        hurry(delivery, soon_ms);
    }
    sort(queue);
}
