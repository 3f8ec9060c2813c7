#include "tests/phone-sim/shelf.h"

void shelf_put(struct shelf *shelf, const char *text, size_t length, int64_t due_ms,
               bool keep_order)
{
    struct shelved *before = TAILQ_LAST(shelf, shelf);
    struct shelved *shelved = must_allocate(1, sizeof(*shelved) + length);
    shelved->due_ms = before && keep_order ? MAX(due_ms, before->due_ms) : due_ms;
    shelved->length = length;
    memcpy(shelved->text, text, length);
    while (before && before->due_ms > shelved->due_ms)
        before = TAILQ_PREV(before, shelf, in_shelf);
    if (before)
        TAILQ_INSERT_AFTER(shelf, before, shelved, in_shelf);
    else
        TAILQ_INSERT_HEAD(shelf, shelved, in_shelf);
}

void shelf_remove_first(struct shelf *shelf)
{
    struct shelved *shelved = TAILQ_FIRST(shelf);
    TAILQ_REMOVE(shelf, shelved, in_shelf);
    free(shelved);
}

void shelf_clear(struct shelf *shelf)
{
    while (!TAILQ_EMPTY(shelf))
        shelf_remove_first(shelf);
}
