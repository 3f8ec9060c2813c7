#include "tests/bench/load/messages.h"

#include "tests/bench/load/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct times {
    int64_t due_ns, answered_ns, received_ns, released_ns;
};

struct messages messages;
static struct times *times;
static size_t capacity;

uint32_t message_new(int64_t due_ns)
{
    if (messages.posted == capacity) {
        capacity = MAX(4096, capacity * 2);
        times = realloc(times, capacity * sizeof(*times));
        if (!times)
            fail("no memory");
    }
    times[messages.posted] = (struct times){.due_ns = due_ns};
    return (uint32_t)messages.posted++;
}

void message_write(uint32_t number, char text[MESSAGE_TEXT_LENGTH + 1])
{
    snprintf(text, MESSAGE_TEXT_LENGTH + 1, "#%010u %-*s", number, MESSAGE_TEXT_LENGTH - 12,
             "Your code is 4711. It is valid for ten minutes.");
}

bool message_read(const char *frame, uint32_t *number)
{
    const char *mark = strstr(frame, "\"#");
    if (!mark)
        return false;
    *number = (uint32_t)strtoul(mark + 2, NULL, 10);
    return *number < messages.posted;
}

static void measure(struct histogram *histogram, int64_t from_ns, int64_t to_ns)
{
    if (messages.measuring && from_ns && to_ns)
        histogram_add(histogram, to_ns - from_ns);
}

void message_answered(uint32_t number, int64_t at_ns)
{
    struct times *message = &times[number];
    message->answered_ns = at_ns;
    measure(&messages.answer_to_phone, at_ns, message->received_ns);
    measure(&messages.answer_to_release, at_ns, message->released_ns);
}

bool message_received(uint32_t number, int64_t at_ns)
{
    struct times *message = &times[number];
    if (message->received_ns) {
        messages.repeated++;
        return false;
    }
    messages.received++;
    message->received_ns = at_ns;
    measure(&messages.answer_to_phone, message->answered_ns, at_ns);
    measure(&messages.post_to_phone, message->due_ns, at_ns);
    return true;
}

void message_released(uint32_t number, int64_t at_ns)
{
    struct times *message = &times[number];
    if (message->released_ns)
        return;
    messages.released++;
    message->released_ns = at_ns;
    measure(&messages.answer_to_release, message->answered_ns, at_ns);
}
