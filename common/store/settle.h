/*
 * After a database was restored by the server's own tools: what was open in it may have been sent since the backup, and is not sent
 * again by itself. What `sms-gateway restore` does to a file (database_file.h) is done to a PostgreSQL database.
 */
#ifndef COMMON_STORE_SETTLE_H
#define COMMON_STORE_SETTLE_H

#include "common/store/store.h"

/*
 * Runs STORE_SETTLE (admin.h) while no gateway uses the database, and counts the messages that were open. With `keep` messages are left
 * as they are: the database has moved while no gateway ran. Errors are those of copy.h; for the main thread of a program that has no
 * store open.
 */
MUST_CHECK enum error store_settle(const char *dsn, bool keep, int64_t *unknown,
                                   char problem[STORE_ERROR_SIZE]);

#endif
