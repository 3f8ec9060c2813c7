/* All sessions, by id, and the current session of each device. One thread. */
#ifndef WS_BROKER_CORE_SESSION_TABLE_H
#define WS_BROKER_CORE_SESSION_TABLE_H

#include "ws-broker/core/session.h"

struct session_table {
    struct session **slots; /* every slot used so far; a free one has id 0 */
    /* By slot: until then time alone changes nothing about the session, and a tick skips it. 0: check at the next tick, set
       whenever the session is found by id or device. An array of its own, as it is all that a tick reads of thousands of
       idle sessions. */
    int64_t *check_at_ms;
    uint32_t slot_count;
    uint32_t max_sessions;
    struct session *free; /* linked by next */
    uint32_t open_count;
    uint32_t generation; /* upper half of the last id */
    void *by_device;     /* tsearch(3) */
};

MUST_CHECK bool session_table_init(struct session_table *table, uint32_t max_sessions);
void session_table_fini(struct session_table *table);

/* A zeroed session with an id. NULL when there are max_sessions, or no memory. */
struct session *session_table_open(struct session_table *table);

/* Frees a session and its slot; it is no longer its device's current one. */
void session_table_close(struct session_table *table, struct session *session);

/* NULL when the session is closed. */
struct session *session_table_find(const struct session_table *table, session_id id);

/* The session at a slot below slot_count, NULL when the slot is free. */
struct session *session_table_at(const struct session_table *table, uint32_t slot);

/* The current session of a device; NULL when it has none. */
struct session *session_table_current(const struct session_table *table, const char *device_id);

/* Makes it the current session of its device, which must have none. False without memory. */
MUST_CHECK bool session_table_set_current(struct session_table *table, struct session *session);

/* The session is no longer its device's current one, if it was. */
void session_table_unset_current(struct session_table *table, struct session *session);

#endif
