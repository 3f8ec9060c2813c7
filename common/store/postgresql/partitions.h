/*
 * The partitions of message_event, each of a time in which messages were created. Two of them are always there: `first`, for all
 * before the others, and `last`, for all after them; so every event has its place. Retention leaves the events of messages that it
 * removes in the partition of their time, where no reader finds them, and that is dropped when nothing in it is left.
 *
 * One process at a time splits `last` before it is needed, and drops what is over. Each change is one message to the server, which
 * waits for other sessions, and has them wait, for a tenth of a second at most; it is tried again later.
 */
#ifndef COMMON_STORE_POSTGRESQL_PARTITIONS_H
#define COMMON_STORE_POSTGRESQL_PARTITIONS_H

#include "common/store/postgresql/connection.h"

/* name, first_ms and end_ms (NULL: no bound), bound. */
#define EVENT_PARTITIONS                                                                           \
    "(SELECT c.relname AS name, bound,"                                                            \
    " substring(bound FROM 'FROM \\(''(-?\\d+)''')::bigint >> 20 AS first_ms,"                     \
    " substring(bound FROM 'TO \\(''(-?\\d+)''')::bigint >> 20 AS end_ms"                          \
    " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,"                                   \
    " pg_get_expr(c.relpartbound, c.oid) AS bound"                                                 \
    " WHERE i.inhparent = to_regclass('message_event'))"

struct partition_changes {
    int made, dropped;
    bool busy;       /* other sessions used the table, or another process did the same */
    bool overfilled; /* `last` has too many rows to be split */
};

/* Makes what is missing, for messages that are kept for `message_age_ms` (0: for ever), and drops what is over. The connection was
   opened with session_setup_write. False with the problem; nothing is half done then. */
MUST_CHECK bool partitions_keep(struct connection *connection, int64_t now_ms,
                                int64_t message_age_ms, struct partition_changes *changes,
                                char problem[STORE_ERROR_SIZE]);

#endif
