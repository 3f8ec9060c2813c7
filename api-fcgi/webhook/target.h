/*
 * A webhook that the sender serves: as the store has it, what the core knows of its receiver, and what is being noted.
 *
 * After a change of the webhook it is read again, as soon as nothing of it is in flight and everything is noted.
 * Main thread, except where a function says otherwise.
 */
#ifndef API_FCGI_WEBHOOK_TARGET_H
#define API_FCGI_WEBHOOK_TARGET_H

#include "api-fcgi/webhook/core/sender.h"
#include "common/store/store.h"

#include <stdatomic.h>

/* One moment on both clocks. */
struct target_time {
    int64_t now_ms; /* monotonic, as in the core */
    int64_t wall_ms;
};

struct target_time target_time_now(void);
int64_t target_time_to_wall(const struct target_time *time, int64_t monotonic_ms);
/* In bounds: what a wrong clock wrote is at most that long ago, and `most_ahead_ms` ahead. */
int64_t target_time_from_wall(const struct target_time *time, int64_t wall_ms,
                              int64_t most_ahead_ms);

enum target_note { TARGET_NOTES_NOTHING, TARGET_NOTES, TARGET_HAS_NOTED };

struct target {
    struct webhook webhook; /* as it was read */
    struct receiver *receiver;
    bool is_gone;            /* removed or disabled in the store */
    bool reported_open;      /* the log says that it fails */
    bool caught_up;          /* nothing behind the cursor, when that was last looked at */
    int64_t behind_since_ms; /* monotonic; unless caught_up */

    /* The note: from submit to the call of `done` the store has it. */
    _Atomic enum target_note note;
    int64_t noted_at_ms, noted_cursor;
    size_t note_count;
    struct store_write write;
    struct webhook_health health;
    struct webhook_delivery deliveries[STORE_MAX_NOTED_DELIVERIES];
};

/* With the deliveries that wait. NULL: the store could not be read, or there is no memory. */
struct target *target_new(struct store_reader *reader, const struct webhook *webhook,
                          const struct target_time *time);
void target_free(struct target *target);

/* Reads the next events, if any are wanted. False: the store could not be read. */
MUST_CHECK bool target_read_events(struct target *target, struct store_reader *reader,
                                   const struct target_time *time);

/* Reads the event of a delivery that has no body. False: it is kept no more, or `unreadable` is set. */
MUST_CHECK bool target_read_body(struct target *target, struct store_reader *reader,
                                 struct delivery *delivery, bool *unreadable);

/* Tells the store what happened, if that is worth a write now; `last`: the program ends. */
void target_note(struct target *target, struct store *store, const struct target_time *time,
                 bool last);

/* Takes the result of a note. Says whether there was one. */
bool target_take_note(struct target *target);

/* When target_note has something to do next; INT64_MAX: not by time alone. */
int64_t target_note_due_ms(const struct target *target);

/* Whether nothing is in flight, and everything is in the store. */
bool target_is_at_rest(const struct target *target);

#endif
