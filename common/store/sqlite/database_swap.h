/*
 * Replaces a database so that after a kill or a power cut the path has a complete database: the old one with its log, or
 * the new one. Only for a caller that has the database alone (write_lock.h).
 *
 * The old file gets a second name, its log moves to that name, and one rename puts the new file in its place. A file that
 * still has both names shows an interrupted swap, which the next opening undoes.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_SWAP_H
#define COMMON_STORE_SQLITE_DATABASE_SWAP_H

#include "common/store/sqlite/database_path.h"

/* Moves the closed file `copy` to `path`. `kept` gets the new name of the old file, or "" if there was none. False with
   errno, and in `kept` the path that failed; then nothing has changed. */
MUST_CHECK bool database_swap(const char *copy, const char *path, char kept[DATABASE_PATH_SIZE]);

/* A name beside the database that ends with the suffix and a time stamp. False with errno. */
MUST_CHECK bool database_swap_name(const char *path, const char *suffix,
                                   char name[DATABASE_PATH_SIZE]);

/* Whether a swap was interrupted. Needs no lock. */
MUST_CHECK bool database_swap_is_unfinished(const char *path);

/* Undoes an interrupted swap, if there is one. False with errno. */
MUST_CHECK bool database_swap_undo(const char *path);

/* fsync of a file or folder. False with errno. */
MUST_CHECK bool database_swap_sync(const char *path, int open_flags);

/* fsync of the folder that a file is in: its names are on disk. False with errno. */
MUST_CHECK bool database_swap_sync_folder(const char *path);

#endif
