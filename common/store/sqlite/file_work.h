/*
 * What the operations on a database file (database_file.h, copy_side.c) are made of. Each gives false, or NULL, after an error; the
 * first one of an operation is kept, with its text.
 */
#ifndef COMMON_STORE_SQLITE_FILE_WORK_H
#define COMMON_STORE_SQLITE_FILE_WORK_H

#include "common/store/sqlite/database_path.h"
#include "common/store/sqlite/statement.h"
#include "common/store/sqlite/write_lock.h"

struct file_work {
    char *problem; /* of STORE_ERROR_SIZE */
    enum error error;
};

bool file_work_fail(struct file_work *work, enum error error, const char *format, ...)
    PRINTF_FORMAT(3, 4);
bool file_work_fail_errno(struct file_work *work, const char *path);
bool file_work_fail_sqlite(struct file_work *work, sqlite3 *db, const char *path);

/* ---- Files ---- */

MUST_CHECK bool file_work_path(struct file_work *work, char path[DATABASE_PATH_SIZE],
                               const char *base, const char *suffix);
MUST_CHECK bool file_work_exists(const char *path);
/* Syncs the file and its directory entry. */
bool file_work_sync(struct file_work *work, const char *path);
/* Creates an empty file that only its owner may read, in place of one that an earlier attempt left. */
MUST_CHECK bool file_work_create(struct file_work *work, const char *path);

/* ---- Databases ---- */

MUST_CHECK sqlite3 *file_work_open(struct file_work *work, const char *path);
MUST_CHECK bool file_work_run(struct file_work *work, sqlite3 *db, const char *path,
                              const char *sql);
MUST_CHECK bool file_work_read_number(struct file_work *work, sqlite3 *db, const char *path,
                                      const char *sql, int64_t *number);
/* Brings the log into the database: afterwards the file is complete by itself. */
MUST_CHECK bool file_work_fold_log(struct file_work *work, sqlite3 *db, const char *path);

/* ---- Exclusive access ---- */

/* Every process that has the database open, by any name, holds one of SQLite's own locks on the file. A downgrade does
   not ask: it can run beside a backup, which only reads. */
MUST_CHECK bool file_work_refuse_users(struct file_work *work, const char *path);
/* Resolves the path and locks the database, which may be missing, against all other processes. Undoes an interrupted
   swap. The caller closes the lock in any case. */
MUST_CHECK bool file_work_lock(struct file_work *work, const char *given,
                               char path[DATABASE_PATH_SIZE], enum database_path_state *state,
                               struct write_lock *lock);
/* Replaces the database with a copy. kept_path gets the new name of the previous one, or "". */
MUST_CHECK bool file_work_swap(struct file_work *work, const char *copy, const char *path,
                               char kept_path[DATABASE_PATH_SIZE]);

#endif
