/*
 * The devices that may be given a message, best first: a binary heap, and the comparison as a pure function.
 *
 * One device is better than another, in this order: it uses less of its window; its signal is better, in Android's
 * five levels, so that a small difference does not decide; it has waited longer for a message. So equal devices take
 * turns.
 *
 * No clock, no sockets; the heap allocates only its array. One thread.
 */
#ifndef WS_BROKER_CORE_PHONE_HEAP_H
#define WS_BROKER_CORE_PHONE_HEAP_H

#include "common/base/base.h"

/* A device as the heap sees it; a member of its session. The caller changes the first four and calls phone_heap_put. */
struct phone_heap_entry {
    unsigned in_flight; /* messages it has, or is about to be given */
    unsigned window;    /* the most it may have; at least 1 */
    int signal_level;   /* 0 to 4 */
    uint64_t last_use;  /* a count that grows with each message given to any device */

    /* The heap's own */
    size_t position; /* 1 + index; 0: not in the heap */
    unsigned placed_in_flight, placed_window;
    int placed_signal_level;
    uint64_t placed_last_use; /* the values at the last phone_heap_put */
};

struct phone_heap {
    struct phone_heap_entry **entries;
    size_t count;
    size_t capacity;
};

/* Whether `a` should get the next message rather than `b`. */
bool phone_heap_prefers(const struct phone_heap_entry *a, const struct phone_heap_entry *b);

void phone_heap_init(struct phone_heap *heap);
void phone_heap_fini(struct phone_heap *heap);

/* Adds an entry, or moves it to its position if its values have changed. False without memory. */
MUST_CHECK bool phone_heap_put(struct phone_heap *heap, struct phone_heap_entry *entry);

/* Removes an entry, if it is in the heap. */
void phone_heap_remove(struct phone_heap *heap, struct phone_heap_entry *entry);

/* The best entry, which stays in the heap; NULL when the heap is empty. */
struct phone_heap_entry *phone_heap_best(const struct phone_heap *heap);

#endif
