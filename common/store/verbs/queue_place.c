#include "common/store/verbs/queue_place.h"

#include <string.h>

static int64_t rank(const struct message_row *row)
{
    int64_t first_due_ms = MAX(message_id_time_ms(&row->id), row->options.send_at_ms);
    switch (row->options.priority) {
    case MESSAGE_PRIORITY_HIGH:
        return first_due_ms - PRIORITY_HEAD_START_MS;
    case MESSAGE_PRIORITY_LOW:
        return first_due_ms + PRIORITY_HEAD_START_MS;
    default:
        return first_due_ms;
    }
}

struct message_place queue_place(const struct message_row *row, int64_t now_ms)
{
    struct message_place place = {.rank_ms = rank(row)};
    int64_t due_at_ms = MAX(row->retry_at_ms, row->options.send_at_ms);
    if (due_at_ms > now_ms) {
        strcpy(place.lane, LANE_WAITING);
        place.due_at_ms = due_at_ms;
    } else {
        bool is_plain = row->options.priority == MESSAGE_PRIORITY_NORMAL &&
                        row->options.send_at_ms == 0;
        lane_of_target(&row->options.target, is_plain, place.lane);
    }
    return place;
}
