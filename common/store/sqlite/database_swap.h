/*
 * A new database takes the place of one, and whenever the process or the machine ends there is a whole
 * database at the path: the old one with its log, or the new one. With the database alone (write_lock.h).
 *
 * The old file gets a second name, its log moves there, and one rename puts the new file in its place. A file
 * that has both names is the trace of a swap that did not come to its end, and is undone.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_SWAP_H
#define COMMON_STORE_SQLITE_DATABASE_SWAP_H

#include "common/store/sqlite/database_path.h"

/* Puts the closed file `copy` at `path`. `kept` gets the new name of what was there, or "" where there was
   nothing. False, with errno and `kept` as the path that it is about; then all is as before. */
MUST_CHECK bool database_swap(const char *copy, const char *path, char kept[DATABASE_PATH_SIZE]);

/* Whether there is such a trace. Needs no lock. */
MUST_CHECK bool database_swap_is_unfinished(const char *path);

/* Takes it back, where there is one. False with errno. */
MUST_CHECK bool database_swap_undo(const char *path);

/* The file, or folder, is on the disk. False with errno. */
MUST_CHECK bool database_swap_sync(const char *path, int open_flags);

/* The folder that a file is in is on the disk, and so are its names. False with errno. */
MUST_CHECK bool database_swap_sync_folder(const char *path);

#endif
