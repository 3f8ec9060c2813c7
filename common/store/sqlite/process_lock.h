/*
 * One api-fcgi and one ws-broker at a time for a database: a second broker would end the presence of the first
 * one's phones, and a second api-fcgi count by other settings.
 *
 * The claim is a lock of the kernel on a file beside the database, and ends with the process; the text in the
 * file only says who has it.
 */
#ifndef COMMON_STORE_SQLITE_PROCESS_LOCK_H
#define COMMON_STORE_SQLITE_PROCESS_LOCK_H

#include "common/store/store.h"

/*
 * The descriptor, which holds the claim as long as it, or a copy, is open. Waits some seconds for a predecessor
 * that is stopping. -1 with `problem`: somebody has it, or the path cannot be used (store_path.h).
 */
MUST_CHECK int store_claim(const char *database_path, const char *program, const char *runtime_dir,
                           char problem[STORE_ERROR_SIZE]);

#endif
