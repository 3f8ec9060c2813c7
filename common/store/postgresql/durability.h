/*
 * What a server's settings make of a commit: whether it survives a crash, and the loss of the primary. The gateway's own
 * sessions have synchronous_commit on, whatever the server says.
 */
#ifndef COMMON_STORE_POSTGRESQL_DURABILITY_H
#define COMMON_STORE_POSTGRESQL_DURABILITY_H

#include "common/store/postgresql/connection.h"

/* Of READ_DURABILITY: what is against it. */
enum durability_fault {
    FAULT_FSYNC = 1,
    FAULT_FULL_PAGE_WRITES = 2,
    FAULT_NO_STANDBY_REQUIRED = 4, /* a commit does not wait for one */
    FAULT_NO_STANDBY_CONNECTED =
        8, /* only where the session may see them; else a commit shows it */
    FAULT_IS_STANDBY = 16,
};

/* What a commit survives in spite of them. */
enum store_durability durability_of(int64_t faults);

/* Reads the faults, outside of the pipeline, and logs those that *faults did not have: -1 is none before. False with a
   problem: the database must not be written, because it is a standby or has none that it needs. */
MUST_CHECK bool durability_check(struct connection *connection, bool needs_standby, int64_t *faults,
                                 char problem[STORE_ERROR_SIZE]);

/* The same with faults that were just read. */
bool durability_take(int64_t read, bool needs_standby, int64_t *faults,
                     char problem[STORE_ERROR_SIZE]);

#endif
