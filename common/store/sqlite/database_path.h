/*
 * The file that the path of a database leads to.
 *
 * SQLite names its log after the path of the database, and so do the lock files and the files of a restore. A
 * database therefore has exactly one name: links are followed once, when it is opened, and a file with other names (hard
 * links, a file that is mounted by itself) is refused. Any thread.
 */
#ifndef COMMON_STORE_SQLITE_DATABASE_PATH_H
#define COMMON_STORE_SQLITE_DATABASE_PATH_H

#include "common/store/store.h"

enum { DATABASE_PATH_SIZE = 4096 };

/* Files of a restore, next to the database: the copy that it makes, and the database that was there before. */
#define DATABASE_RESTORING ".restoring"
#define DATABASE_CREATING  ".creating" /* the same when an empty database is created */
#define DATABASE_REPLACED  ".replaced-"

/* Why a path cannot be used, in one sentence that names the absolute path. */
#define DATABASE_PATH_PROBLEM char problem[STORE_ERROR_SIZE]

/* Follows all links, relative ones and dangling ones too. The file need not be there, its folder must.
   False with `problem`. */
MUST_CHECK bool database_path_resolve(const char *given, char path[DATABASE_PATH_SIZE],
                                      DATABASE_PATH_PROBLEM);

enum database_path_state { DATABASE_PATH_NONE, DATABASE_PATH_EMPTY, DATABASE_PATH_FILE };

/* Whether a database can be at a resolved path, and whether one is. False with `problem`: what is there is no
   regular file, may not be read, or has other names. */
MUST_CHECK bool database_path_check(const char *path, enum database_path_state *state,
                                    DATABASE_PATH_PROBLEM);

/* The same two for a database that must be there: also false where there is none, or an empty file. */
MUST_CHECK bool database_path_find(const char *given, char path[DATABASE_PATH_SIZE],
                                   DATABASE_PATH_PROBLEM);

/* Whether there was a database at a path where there is none now, or an empty file: `trace` is then the name of
   a file that it left. */
MUST_CHECK bool database_path_was_used(const char *path, char trace[DATABASE_PATH_SIZE]);

/* `path` with `suffix` after it. False, with errno, where that is too long. */
MUST_CHECK bool database_path_beside(const char *path, const char *suffix,
                                     char beside[DATABASE_PATH_SIZE]);

#endif
