/*
 * A database for a command of the tool alone: no gateway has it open, none can open it, and nobody else writes, until the end of a
 * transaction. One thread.
 */
#ifndef COMMON_STORE_POSTGRESQL_EXCLUSIVE_H
#define COMMON_STORE_POSTGRESQL_EXCLUSIVE_H

#include "common/store/copy_side.h"
#include "common/store/postgresql/connection.h"

struct exclusive {
    struct connection connection; /* the caller closes it, which undoes the transaction */
    const char *url,
        *purpose; /* borrowed; the purpose is said where the database shows its sessions */
    struct copy_failure *failure;
};

enum exclusive_use {
    EXCLUSIVE_CHANGE, /* it must have the gateway's tables; others may read */
    EXCLUSIVE_FILL,   /* it gets them */
};

/* Each is false, or NULL, with the failure. Opening connects, checks that no gateway uses it, and begins the transaction. */
MUST_CHECK bool exclusive_open(struct exclusive *database, enum exclusive_use use);
MUST_CHECK bool exclusive_connect(struct exclusive *database);
MUST_CHECK PGresult *exclusive_query(struct exclusive *database, const char *sql);
MUST_CHECK bool exclusive_run(struct exclusive *database, const char *sql);
/* The first column of one row. */
MUST_CHECK bool exclusive_read_number(struct exclusive *database, const char *sql, int64_t *number);
MUST_CHECK bool exclusive_list_tables(struct exclusive *database, struct copy_columns *names);
/* False, after the failure's problem was set. */
bool exclusive_fail(struct exclusive *database);

#endif
