#include "api-fcgi/webhook/core/event_cursor.h"

void event_cursor_init(struct event_cursor *cursor, int64_t at)
{
    cursor->cursor = cursor->read_to = at;
    cursor->first = cursor->count = 0;
}

size_t event_cursor_room(const struct event_cursor *cursor)
{
    return EVENT_CURSOR_MOST - cursor->count;
}

void event_cursor_open(struct event_cursor *cursor, int64_t event_id, int64_t at_ms)
{
    size_t index = (cursor->first + cursor->count++) % EVENT_CURSOR_MOST;
    cursor->open[index].event_id = event_id;
    cursor->open[index].at_ms = at_ms;
    cursor->open[index].settled = false;
    cursor->read_to = event_id;
}

void event_cursor_read_to(struct event_cursor *cursor, int64_t event_id)
{
    cursor->read_to = MAX(cursor->read_to, event_id);
}

void event_cursor_settle(struct event_cursor *cursor, int64_t event_id)
{
    size_t low = 0, high = cursor->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t index = (cursor->first + middle) % EVENT_CURSOR_MOST;
        if (cursor->open[index].event_id == event_id)
            cursor->open[index].settled = true;
        if (cursor->open[index].event_id < event_id)
            low = middle + 1;
        else
            high = middle;
    }
}

int64_t event_cursor_advance(struct event_cursor *cursor)
{
    while (cursor->count > 0 && cursor->open[cursor->first].settled) {
        cursor->first = (cursor->first + 1) % EVENT_CURSOR_MOST;
        cursor->count--;
    }
    int64_t to = cursor->count > 0 ? cursor->open[cursor->first].event_id - 1 : cursor->read_to;
    cursor->cursor = MAX(cursor->cursor, to);
    return cursor->cursor;
}

int64_t event_cursor_oldest_ms(const struct event_cursor *cursor)
{
    return cursor->count > 0 ? cursor->open[cursor->first].at_ms : 0;
}
