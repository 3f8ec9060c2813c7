#include "tests/phone-sim/timers.h"

void timers_init(struct timers *timers)
{
    timers->count = 0;
    timers->capacity = 64;
    timers->heap = must_allocate(timers->capacity + 1, sizeof(struct timer *));
}

void timers_fini(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){0};
}

static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    for (; place > 1; place /= 2) {
        struct timer *parent = timers->heap[place / 2];
        if (parent->due_ms <= timer->due_ms)
            break;
        put(timers, place, parent);
    }
    put(timers, place, timer);
}

static void sink(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t child = place * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timer->due_ms <= timers->heap[child]->due_ms)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

static void grow(struct timers *timers)
{
    size_t capacity = timers->capacity * 2;
    struct timer **heap = must_allocate(capacity + 1, sizeof(struct timer *));
    for (size_t i = 1; i <= timers->count; i++)
        heap[i] = timers->heap[i];
    free(timers->heap);
    timers->heap = heap;
    timers->capacity = capacity;
}

void timers_arm(struct timers *timers, struct timer *timer, int64_t due_ms)
{
    timer->due_ms = due_ms;
    if (timer->place == 0) {
        if (timers->count == timers->capacity)
            grow(timers);
        put(timers, ++timers->count, timer);
    }
    rise(timers, timer);
    sink(timers, timer);
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
    if (timer->place == 0)
        return;
    struct timer *last = timers->heap[timers->count--];
    if (last != timer) {
        put(timers, timer->place, last);
        rise(timers, last);
        sink(timers, last);
    }
    timer->place = 0;
}

int64_t timers_next_ms(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->due_ms : TIMERS_NEVER;
}

void timers_fire(struct timers *timers, int64_t now_ms)
{
    while (timers->count > 0 && timers->heap[1]->due_ms <= now_ms) {
        struct timer *timer = timers->heap[1];
        timers_disarm(timers, timer);
        timer->fire(timer, now_ms);
    }
}
