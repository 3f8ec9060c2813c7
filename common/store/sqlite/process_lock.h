/*
 * One api-fcgi and one ws-broker at a time for a database: a second broker would disconnect the devices of the first,
 * and a second api-fcgi would count by other settings.
 *
 * The lock is the kernel's, on a file next to the database. The text in the file only tells which process holds it.
 */
#ifndef COMMON_STORE_SQLITE_PROCESS_LOCK_H
#define COMMON_STORE_SQLITE_PROCESS_LOCK_H

#include "common/store/store.h"

/* Takes the lock for a role, until this process ends. Waits some seconds for a predecessor that is stopping. False with
   `problem`: another process has it, or the path (resolved, database_path.h) cannot be used. */
MUST_CHECK bool process_lock_take(const char *path, const char *role, const char *runtime_dir,
                                  char problem[STORE_ERROR_SIZE]);

#endif
