#include "ws-broker/core/action_queue.h"

#include "ws-broker/core/allocation.h"

#include <stdlib.h>
#include <string.h>

void action_queue_fini(struct action_queue *queue)
{
    free(queue->actions);
    *queue = (struct action_queue){0};
}

void action_queue_push(struct action_queue *queue, struct broker_action action)
{
    if (queue->first > 0 && queue->count == queue->capacity) {
        memmove(queue->actions, queue->actions + queue->first,
                (queue->count - queue->first) * sizeof(*queue->actions));
        queue->count -= queue->first;
        queue->first = 0;
    }
    if (queue->count == queue->capacity) {
        queue->capacity = MAX(64, queue->capacity * 2);
        queue->actions = allocation_check(
            realloc(queue->actions, queue->capacity * sizeof(*queue->actions)));
    }
    queue->actions[queue->count++] = action;
}

void action_queue_push_for(struct action_queue *queue, enum broker_action_type type,
                           const struct session *session)
{
    action_queue_push(queue, (struct broker_action){.type = type, .session = session->id});
}

bool action_queue_take(struct action_queue *queue, struct broker_action *action)
{
    if (queue->first == queue->count) {
        queue->first = queue->count = 0;
        return false;
    }
    *action = queue->actions[queue->first++];
    return true;
}
