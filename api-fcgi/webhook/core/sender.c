#include "api-fcgi/webhook/core/sender.h"

#include <string.h>

bool sender_add(struct sender *sender, struct receiver *receiver)
{
    if (sender->count == SENDER_RECEIVERS)
        return false;
    sender->receivers[sender->count++] = receiver;
    return true;
}

void sender_remove(struct sender *sender, const struct receiver *receiver)
{
    size_t i = 0;
    while (i < sender->count && sender->receivers[i] != receiver)
        i++;
    if (i == sender->count)
        return;
    sender->count--;
    memmove(&sender->receivers[i], &sender->receivers[i + 1],
            (sender->count - i) * sizeof(struct receiver *));
}

unsigned sender_in_flight(const struct sender *sender)
{
    unsigned count = 0;
    for (size_t i = 0; i < sender->count; i++)
        count += sender->receivers[i]->in_flight;
    return count;
}

static bool may_take(const struct receiver *receiver, unsigned in_flight)
{
    return in_flight < SENDER_AT_ONCE / 2 || receiver->in_flight == 0;
}

struct delivery *sender_take(struct sender *sender, int64_t now_ms, struct receiver **receiver)
{
    unsigned in_flight = sender_in_flight(sender);
    for (size_t i = 0; i < sender->count; i++) {
        sender->turn = (sender->turn + 1) % sender->count;
        *receiver = sender->receivers[sender->turn];
        struct delivery *delivery = may_take(*receiver, in_flight)
                                        ? receiver_take(*receiver, now_ms)
                                        : NULL;
        if (delivery)
            return delivery;
    }
    return NULL;
}

int64_t sender_due_ms(const struct sender *sender)
{
    unsigned in_flight = sender_in_flight(sender);
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < sender->count; i++)
        if (may_take(sender->receivers[i], in_flight))
            due_ms = MIN(due_ms, receiver_due_ms(sender->receivers[i]));
    return due_ms;
}
