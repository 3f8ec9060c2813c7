#include "ws-broker/core/phone_heap.h"

#include <stdlib.h>

bool phone_heap_prefers(const struct phone_heap_entry *a, const struct phone_heap_entry *b)
{
    /* in_flight / window, compared without dividing */
    uint64_t load_a = (uint64_t)a->in_flight * b->window;
    uint64_t load_b = (uint64_t)b->in_flight * a->window;
    if (load_a != load_b)
        return load_a < load_b;
    if (a->signal_level != b->signal_level)
        return a->signal_level > b->signal_level;
    return a->last_use < b->last_use;
}

void phone_heap_init(struct phone_heap *heap)
{
    *heap = (struct phone_heap){0};
}

void phone_heap_fini(struct phone_heap *heap)
{
    free(heap->entries);
    *heap = (struct phone_heap){0};
}

static void place_at(struct phone_heap *heap, size_t index, struct phone_heap_entry *entry)
{
    heap->entries[index] = entry;
    entry->position = index + 1;
}

static void sift_up(struct phone_heap *heap, size_t index)
{
    struct phone_heap_entry *entry = heap->entries[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!phone_heap_prefers(entry, heap->entries[parent]))
            break;
        place_at(heap, index, heap->entries[parent]);
        index = parent;
    }
    place_at(heap, index, entry);
}

static void sift_down(struct phone_heap *heap, size_t index)
{
    struct phone_heap_entry *entry = heap->entries[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            phone_heap_prefers(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (!phone_heap_prefers(heap->entries[child], entry))
            break;
        place_at(heap, index, heap->entries[child]);
        index = child;
    }
    place_at(heap, index, entry);
}

static void sift(struct phone_heap *heap, size_t index)
{
    sift_up(heap, index);
    sift_down(heap, heap->entries[index]->position - 1);
}

/* Whether nothing has changed since the entry was sifted. Thousands are put again every second without a change, and
   comparing one with others costs cache misses. */
static bool is_in_place(const struct phone_heap_entry *entry)
{
    return entry->position > 0 && entry->placed_in_flight == entry->in_flight &&
           entry->placed_window == entry->window &&
           entry->placed_signal_level == entry->signal_level &&
           entry->placed_last_use == entry->last_use;
}

bool phone_heap_put(struct phone_heap *heap, struct phone_heap_entry *entry)
{
    if (is_in_place(entry))
        return true;
    entry->placed_in_flight = entry->in_flight;
    entry->placed_window = entry->window;
    entry->placed_signal_level = entry->signal_level;
    entry->placed_last_use = entry->last_use;
    if (entry->position == 0) {
        if (heap->count == heap->capacity) {
            size_t capacity = MAX(64, heap->capacity * 2);
            struct phone_heap_entry **entries = realloc(heap->entries,
                                                        capacity * sizeof(*heap->entries));
            if (!entries)
                return false;
            heap->entries = entries;
            heap->capacity = capacity;
        }
        place_at(heap, heap->count++, entry);
    }
    sift(heap, entry->position - 1);
    return true;
}

void phone_heap_remove(struct phone_heap *heap, struct phone_heap_entry *entry)
{
    if (entry->position == 0)
        return;
    size_t index = entry->position - 1;
    struct phone_heap_entry *last = heap->entries[--heap->count];
    entry->position = 0;
    if (last != entry) {
        place_at(heap, index, last);
        sift(heap, index);
    }
}

struct phone_heap_entry *phone_heap_best(const struct phone_heap *heap)
{
    return heap->count > 0 ? heap->entries[0] : NULL;
}
