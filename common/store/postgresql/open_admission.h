/*
 * Most new messages need nothing read before they are stored, but that sending is not paused and that no recipient has opted out.
 * Where the last transaction found that so, the fence of the next one makes sure of it (FENCE_OPEN), and a batch of such
 * messages is one round trip. Where it is so no longer the transaction fails, and its second attempt reads as others do.
 */
#ifndef COMMON_STORE_POSTGRESQL_OPEN_ADMISSION_H
#define COMMON_STORE_POSTGRESQL_OPEN_ADMISSION_H

#include "common/store/verbs/rows.h"

/* What is known of it: zeroed at first. */
struct open_admission {
    bool assumed;     /* by this transaction */
    bool was_sending; /* in the last one that looked */
    bool had_opt_outs;
    int64_t refused_until_ms; /* monotonic: it was assumed, and was not so */
};

/* sql_limit_rows and sql_opt_out_rows, which find what is assumed. */
void open_admission_use(struct store_database *database);

/* A transaction that assumed it has failed. */
void open_admission_refuse(struct open_admission *open);

/* Whether this batch may assume it. */
bool open_admission_fits(struct store_database *database, struct store_write *const writes[],
                         size_t count);

#endif
