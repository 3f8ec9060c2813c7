#include "ws-broker/core/phone_heap.h"

#include <stdlib.h>

bool dispatcher_prefers(const struct candidate *a, const struct candidate *b)
{
    /* in_hand / window, compared without dividing */
    uint64_t load_a = (uint64_t)a->in_hand * b->window;
    uint64_t load_b = (uint64_t)b->in_hand * a->window;
    if (load_a != load_b)
        return load_a < load_b;
    if (a->signal_level != b->signal_level)
        return a->signal_level > b->signal_level;
    return a->last_use < b->last_use;
}

void dispatcher_init(struct dispatcher *dispatcher)
{
    *dispatcher = (struct dispatcher){0};
}

void dispatcher_fini(struct dispatcher *dispatcher)
{
    free(dispatcher->heap);
    *dispatcher = (struct dispatcher){0};
}

static void put(struct dispatcher *dispatcher, size_t index, struct candidate *candidate)
{
    dispatcher->heap[index] = candidate;
    candidate->place = index + 1;
}

static void sift_up(struct dispatcher *dispatcher, size_t index)
{
    struct candidate *candidate = dispatcher->heap[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!dispatcher_prefers(candidate, dispatcher->heap[parent]))
            break;
        put(dispatcher, index, dispatcher->heap[parent]);
        index = parent;
    }
    put(dispatcher, index, candidate);
}

static void sift_down(struct dispatcher *dispatcher, size_t index)
{
    struct candidate *candidate = dispatcher->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= dispatcher->count)
            break;
        if (child + 1 < dispatcher->count &&
            dispatcher_prefers(dispatcher->heap[child + 1], dispatcher->heap[child]))
            child++;
        if (!dispatcher_prefers(dispatcher->heap[child], candidate))
            break;
        put(dispatcher, index, dispatcher->heap[child]);
        index = child;
    }
    put(dispatcher, index, candidate);
}

static void settle(struct dispatcher *dispatcher, size_t index)
{
    sift_up(dispatcher, index);
    sift_down(dispatcher, dispatcher->heap[index]->place - 1);
}

/* A look at others is a look into memory that nobody has near, and thousands are offered again every
   second without a change. */
static bool is_in_place(const struct candidate *candidate)
{
    return candidate->place > 0 && candidate->placed_in_hand == candidate->in_hand &&
           candidate->placed_window == candidate->window &&
           candidate->placed_signal_level == candidate->signal_level &&
           candidate->placed_last_use == candidate->last_use;
}

bool dispatcher_offer(struct dispatcher *dispatcher, struct candidate *candidate)
{
    if (is_in_place(candidate))
        return true;
    candidate->placed_in_hand = candidate->in_hand;
    candidate->placed_window = candidate->window;
    candidate->placed_signal_level = candidate->signal_level;
    candidate->placed_last_use = candidate->last_use;
    if (candidate->place == 0) {
        if (dispatcher->count == dispatcher->capacity) {
            size_t capacity = MAX(64, dispatcher->capacity * 2);
            struct candidate **heap = realloc(dispatcher->heap,
                                              capacity * sizeof(*dispatcher->heap));
            if (!heap)
                return false;
            dispatcher->heap = heap;
            dispatcher->capacity = capacity;
        }
        put(dispatcher, dispatcher->count++, candidate);
    }
    settle(dispatcher, candidate->place - 1);
    return true;
}

void dispatcher_withdraw(struct dispatcher *dispatcher, struct candidate *candidate)
{
    if (candidate->place == 0)
        return;
    size_t index = candidate->place - 1;
    struct candidate *last = dispatcher->heap[--dispatcher->count];
    candidate->place = 0;
    if (last != candidate) {
        put(dispatcher, index, last);
        settle(dispatcher, index);
    }
}

struct candidate *dispatcher_best(const struct dispatcher *dispatcher)
{
    return dispatcher->count > 0 ? dispatcher->heap[0] : NULL;
}
