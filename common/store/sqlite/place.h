/*
 * The place of the database: whether one may be opened or created there, and whether its files are still there.
 *
 * If a file was moved or removed while it is open, what is written to it is lost when the last process closes it, and
 * another process would use another log, index or lock. So nothing is written then.
 */
#ifndef COMMON_STORE_SQLITE_PLACE_H
#define COMMON_STORE_SQLITE_PLACE_H

#include "common/store/sqlite/write_lock.h"
#include "common/store/store.h"

#include <sys/types.h>

struct place {
    const char *path; /* resolved (database_path.h) */
    struct write_lock lock;
    ino_t inodes[3]; /* of the database, its log and the log's index, as opened */
    bool moved;
};

/* Whether a database may be opened at a resolved path, or created where there was none. False with `problem`. Needs no lock. */
MUST_CHECK bool place_may_be_opened(const char *path, bool must_exist,
                                    char problem[STORE_ERROR_SIZE]);

/* Checks that a database may be opened or created there, and takes the write lock. False with `problem`; the caller
   closes place->lock in any case. */
MUST_CHECK bool place_take(struct place *place, bool must_exist, char problem[STORE_ERROR_SIZE]);

/* Remembers the files of the database that was just opened. Under the write lock. */
void place_note(struct place *place);

/* Whether these files are still in their place; logs a change. Under the write lock. */
MUST_CHECK bool place_is_kept(struct place *place);

#endif
