#include "tests/simulation/schedule.h"

#include <stdlib.h>

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void schedule_add(struct schedule *schedule, struct event event)
{
    if (schedule->count == schedule->capacity) {
        schedule->capacity = MAX(256, schedule->capacity * 2);
        schedule->heap = realloc(schedule->heap, schedule->capacity * sizeof(*schedule->heap));
        if (!schedule->heap)
            abort();
    }
    event.order = ++schedule->order;
    size_t place = schedule->count++;
    while (place > 0 && earlier(&event, &schedule->heap[(place - 1) / 2])) {
        schedule->heap[place] = schedule->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    schedule->heap[place] = event;
}

bool schedule_take(struct schedule *schedule, struct event *event)
{
    if (schedule->count == 0)
        return false;
    *event = schedule->heap[0];
    struct event last = schedule->heap[--schedule->count];
    size_t place = 0;
    for (size_t child; (child = 2 * place + 1) < schedule->count; place = child) {
        if (child + 1 < schedule->count &&
            earlier(&schedule->heap[child + 1], &schedule->heap[child]))
            child++;
        if (!earlier(&schedule->heap[child], &last))
            break;
        schedule->heap[place] = schedule->heap[child];
    }
    schedule->heap[place] = last;
    return true;
}
