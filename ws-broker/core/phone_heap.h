/*
 * Choosing a phone: a pure function, and a heap that keeps the best at hand.
 *
 * A phone that may take a message is offered; whoever has work asks for the best. Better is, in
 * this order: less of its window in use; better signal, in Android's five levels, so that a small
 * difference does not decide; longest without a message. So equal phones take turns.
 *
 * No time, no sockets, no memory of its own but the heap. One thread.
 */
#ifndef WS_BROKER_CORE_PHONE_HEAP_H
#define WS_BROKER_CORE_PHONE_HEAP_H

#include "common/base/base.h"

struct candidate {
    unsigned in_hand;  /* messages it has, or is about to get */
    unsigned window;   /* most it may have; at least 1 */
    int signal_level;  /* 0 to 4 */
    uint64_t last_use; /* grows with each message given to any phone */

    /* The heap's */
    size_t place; /* 1 + index, 0 when not offered */
    unsigned placed_in_hand, placed_window;
    int placed_signal_level;
    uint64_t placed_last_use; /* as it was when it was put there */
};

struct dispatcher {
    struct candidate **heap;
    size_t count;
    size_t capacity;
};

/* Whether `a` shall get the next message rather than `b`. */
bool dispatcher_prefers(const struct candidate *a, const struct candidate *b);

void dispatcher_init(struct dispatcher *dispatcher);
void dispatcher_fini(struct dispatcher *dispatcher);

/* Offers a candidate, or puts it in its place again if it has changed. False without memory. */
MUST_CHECK bool dispatcher_offer(struct dispatcher *dispatcher, struct candidate *candidate);

/* Takes a candidate out; nothing when it is not offered. */
void dispatcher_withdraw(struct dispatcher *dispatcher, struct candidate *candidate);

/* The best one, still offered; NULL without any. */
struct candidate *dispatcher_best(const struct dispatcher *dispatcher);

#endif
