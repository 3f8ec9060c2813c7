/*
 * The path of a database, without links.
 *
 * The names of SQLite's log, of the lock files and of a restore's files derive from the database's path, so a database
 * must have exactly one name. Symbolic links are followed once, on opening; a file with several names (hard links, a file
 * that is a mount point) is refused. Any thread.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_PATH_H
#define COMMON_STORE_SQLITE_DATABASE_PATH_H

#include "common/store/store.h"

enum { DATABASE_PATH_SIZE = 4096 };

/* Suffixes of files next to the database. */
#define DATABASE_RESTORING ".restoring" /* the copy of a backup, before it replaces the database */
#define DATABASE_CREATING  ".creating"  /* an empty database, before it gets its name */
#define DATABASE_REPLACED  ".replaced-" /* a previous database; a time stamp follows */

#define DATABASE_COPIED                                                                            \
    ".copied-" /* a database that was copied to another one (copy.h); a time stamp follows */

/* Why a path cannot be used, in one sentence with the absolute path. */
#define DATABASE_PATH_PROBLEM char problem[STORE_ERROR_SIZE]

/* Follows all links, relative and dangling ones too. The folder must exist, the file need not. False with
   `problem`. */
MUST_CHECK bool database_path_resolve(const char *given, char path[DATABASE_PATH_SIZE],
                                      DATABASE_PATH_PROBLEM);

enum database_path_state { DATABASE_PATH_NONE, DATABASE_PATH_EMPTY, DATABASE_PATH_FILE };

/* Sets what is at a resolved path. False with `problem` if no database can be there: it is not a regular file, is not
   readable, or has several names. */
MUST_CHECK bool database_path_check(const char *path, enum database_path_state *state,
                                    DATABASE_PATH_PROBLEM);

/* Resolves and checks the path of a database that must exist. Also false if the file is missing or empty. */
MUST_CHECK bool database_path_find(const char *given, char path[DATABASE_PATH_SIZE],
                                   DATABASE_PATH_PROBLEM);

/* Whether a path whose file is missing or empty once had a database. `trace` gets the file that shows it. */
MUST_CHECK bool database_path_was_used(const char *path, char trace[DATABASE_PATH_SIZE]);

/* Whether the database was copied to another one, and set aside. `trace` gets the file that it is now, the newest. */
MUST_CHECK bool database_path_was_copied(const char *path, char trace[DATABASE_PATH_SIZE]);

/* Appends `suffix` to `path`. False with errno if the result is too long. */
MUST_CHECK bool database_path_beside(const char *path, const char *suffix,
                                     char beside[DATABASE_PATH_SIZE]);

#endif
