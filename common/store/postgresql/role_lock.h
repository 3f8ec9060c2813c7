/*
 * Lets one process of each role run on a node: two brokers of one name would end each other. It is an advisory lock of a session of
 * its own, which ends with the process.
 */
#ifndef COMMON_STORE_POSTGRESQL_ROLE_LOCK_H
#define COMMON_STORE_POSTGRESQL_ROLE_LOCK_H

#include "common/store/postgresql/connection.h"

/* Takes the lock until the connection is closed. Waits some seconds for a predecessor that is stopping. False with `problem`:
   another process has it. `again`: this process had it in a session that is lost, of which the server may not know yet. */
MUST_CHECK bool role_lock_take(struct connection *connection, const char *url,
                               const struct store_options *options, bool again,
                               char problem[STORE_ERROR_SIZE]);

/* The name of this process for others: "ws-broker, process 17 on alpha". */
enum { ROLE_NAME_SIZE = 160 };
void role_name_write(const char *role, char name[ROLE_NAME_SIZE]);

#endif
