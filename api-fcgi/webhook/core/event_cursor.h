/*
 * How far a webhook is with the sequence of events: every event up to the cursor that it wants is delivered, or has a row in
 * the store. Events are read in their order, and settled in any. Pure; one thread at a time.
 */
#ifndef API_FCGI_WEBHOOK_CORE_EVENT_CURSOR_H
#define API_FCGI_WEBHOOK_CORE_EVENT_CURSOR_H

#include "common/base/base.h"

enum { EVENT_CURSOR_MOST = 4096 };

struct event_cursor {
    int64_t cursor;  /* event id */
    int64_t read_to; /* the events up to here have been read */
    struct {
        int64_t event_id, at_ms;
        bool settled;
    } open[EVENT_CURSOR_MOST]; /* a ring: read, wanted, and maybe not settled */
    size_t first, count;
};

void event_cursor_init(struct event_cursor *cursor, int64_t at);

/* How many further events there is room for. */
size_t event_cursor_room(const struct event_cursor *cursor);

/* A wanted event that was read, of that time; after all that were read before. There is room. */
void event_cursor_open(struct event_cursor *cursor, int64_t event_id, int64_t at_ms);

/* Nothing else is wanted up to there. */
void event_cursor_read_to(struct event_cursor *cursor, int64_t event_id);

/* The event is delivered or stored; nothing happens if it was not opened. */
void event_cursor_settle(struct event_cursor *cursor, int64_t event_id);

/* The cursor as of now. */
int64_t event_cursor_advance(struct event_cursor *cursor);

/* The time of the oldest event that is not settled; 0: none. */
int64_t event_cursor_oldest_ms(const struct event_cursor *cursor);

#endif
