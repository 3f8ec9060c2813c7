/*
 * What the writes of a batch are going to read, read together before the first of them runs: then most transactions are two round
 * trips, this one and that of the commit. A read that was not foreseen costs a round trip more, and nothing else.
 */
#ifndef COMMON_STORE_POSTGRESQL_PRELOAD_H
#define COMMON_STORE_POSTGRESQL_PRELOAD_H

#include "common/store/postgresql/database.h"

/* After the transaction has begun. */
MUST_CHECK enum error preload(struct store_database *database, struct store_write *const writes[],
                              size_t count);

#endif
