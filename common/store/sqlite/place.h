/*
 * The place of the database: whether one may be opened or created there, and whether it still is there.
 *
 * What is written into a file that its name no longer leads to is lost with the last process that has it open, and
 * another process would find another log, index or lock. So nothing is written then.
 */
#ifndef COMMON_STORE_SQLITE_PLACE_H
#define COMMON_STORE_SQLITE_PLACE_H

#include "common/store/sqlite/write_lock.h"
#include "common/store/store.h"

#include <sys/types.h>

struct place {
    const char *path; /* resolved (database_path.h) */
    struct write_lock lock;
    ino_t inodes[3]; /* of the database, its log, and the log's index, when it was opened */
    bool moved;
};

/* Takes the write lock, in a place where a database may be opened or created. False with `problem`; locks may be
   held. */
MUST_CHECK bool place_take(struct place *place, bool must_exist, char problem[STORE_ERROR_SIZE]);

/* The database is open now. Under the write lock. */
void place_note(struct place *place);

/* Whether the files are still those that were open then; logs a change. Under the write lock. */
MUST_CHECK bool place_is_kept(struct place *place);

#endif
