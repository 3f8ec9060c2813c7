/* Frames that a phone holds back: --delay and --reorder. Pure; times are monotonic milliseconds. */
#ifndef TESTS_PHONE_SIM_SHELF_H
#define TESTS_PHONE_SIM_SHELF_H

#include "tests/phone-sim/base.h"

#include <sys/queue.h>

struct shelved {
    TAILQ_ENTRY(shelved) in_shelf;
    int64_t due_ms;
    size_t length;
    char text[];
};

TAILQ_HEAD(shelf, shelved); /* what is due first, first */

/* A copy of the frame. With `keep_order` it is not due before those that are there. */
void shelf_put(struct shelf *shelf, const char *text, size_t length, int64_t due_ms,
               bool keep_order);
void shelf_remove_first(struct shelf *shelf);
void shelf_clear(struct shelf *shelf);

#endif
