/*
 * Lets one api-fcgi, one ws-broker and one webhook-sender at a time use a database: a second broker would disconnect the devices of the
 * first, a second api-fcgi might apply other limits, and a second sender would deliver everything twice.
 *
 * It is a kernel lock on a file next to the database; the text in the file only says which process holds it.
 */
#ifndef COMMON_STORE_SQLITE_PROCESS_LOCK_H
#define COMMON_STORE_SQLITE_PROCESS_LOCK_H

#include "common/store/store.h"

/* Takes the lock of a role until this process ends. Waits some seconds for a predecessor that is stopping. `path` is
   resolved (database_path.h). False with `problem`: another process holds the lock, or the path cannot be used. */
MUST_CHECK bool process_lock_take(const char *path, const char *role, const char *runtime_dir,
                                  char problem[STORE_ERROR_SIZE]);

/* Whether a process has the lock of a role, and which: "process 17 (ws-broker, RUNTIME_DIR /srv/run, host alpha)". `path` is
   resolved. */
enum { PROCESS_LOCK_HOLDER_SIZE = 400 };
MUST_CHECK bool process_lock_find_holder(const char *path, char holder[PROCESS_LOCK_HOLDER_SIZE]);

#endif
