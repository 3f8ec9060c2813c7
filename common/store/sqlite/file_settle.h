/* A file that was restored from a backup. */
#ifndef COMMON_STORE_SQLITE_FILE_SETTLE_H
#define COMMON_STORE_SQLITE_FILE_SETTLE_H

#include "common/store/sqlite/file_work.h"

/* STORE_SETTLE (admin.h) in a transaction of its own, on a file whose schema is this version's. */
MUST_CHECK bool file_settle_run(struct file_work *work, sqlite3 *db, const char *path,
                                struct store_settle *settle);

#endif
