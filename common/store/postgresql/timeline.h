/*
 * Which of two servers that both take writes is the right one: a promotion begins a new timeline, and an old primary that lives on,
 * or comes back, stays on its own. The process remembers the newest that it has used, and goes back to none before it.
 */
#ifndef COMMON_STORE_POSTGRESQL_TIMELINE_H
#define COMMON_STORE_POSTGRESQL_TIMELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct timeline {
    uint64_t system; /* the same for a primary and what was made of it; 0: not known */
    uint32_t number; /* 0: a standby, which follows another's */
};

/* Of one database, shared by its connections; zeroed at first. Any thread. */
struct newest_timeline {
    atomic_uint_fast64_t system;
    atomic_uint_fast32_t number;
};

/* A query of one row with the columns of timeline_parse. */
#define TIMELINE_QUERY                                                                             \
    "SELECT (SELECT system_identifier FROM pg_control_system()), CASE WHEN pg_is_in_recovery()"    \
    " THEN '0' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END"
struct timeline timeline_parse(const char *system, const char *hexadecimal_number);

/* Of one system, and before the other. */
bool timeline_is_older(struct timeline timeline, struct timeline than);

/* Remembers it, unless it is an older one. */
void timeline_note(struct newest_timeline *newest, struct timeline timeline);
bool timeline_is_past(const struct newest_timeline *newest, struct timeline timeline);

#endif
