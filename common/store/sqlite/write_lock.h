/*
 * The lock that every process holds during a write transaction or a checkpoint.
 *
 * With SQLite's own busy handler two writing processes can starve each other for seconds, and before 3.51.3 a checkpoint
 * that overlaps a write of another process can corrupt the database. Two files next to the database form a turnstile:
 * writers queue on the first, and the one at the front waits for the second, the lock itself. So writers alternate, and
 * the kernel releases the locks of a process that died. One thread per lock at a time.
 *
 * A third file is locked by every process that has the database open, shared or alone. It is empty until there has been
 * a database. The names of all three derive from the resolved path (database_path.h).
 */
#ifndef COMMON_STORE_SQLITE_WRITE_LOCK_H
#define COMMON_STORE_SQLITE_WRITE_LOCK_H

#include "common/base/base.h"

struct write_lock {
    int queue_fd;
    int lock_fd;
    int open_fd;
};

#define WRITE_LOCK_NONE                                                                            \
    (struct write_lock)                                                                            \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

enum write_lock_sharing { WRITE_LOCK_SHARED, WRITE_LOCK_ALONE };

/* Creates missing files, and locks the third until write_lock_close. False with errno; EWOULDBLOCK: at `deadline_ms`
   (monotonic; 0: do not wait) other processes still have the database open in a way that `sharing` does not allow. */
MUST_CHECK bool write_lock_open(struct write_lock *lock, const char *database_path,
                                enum write_lock_sharing sharing, int64_t deadline_ms);
void write_lock_close(struct write_lock *lock);

/* Records that there is a database: if it is missing later, that is not a first start. */
void write_lock_mark(struct write_lock *lock);

/* Whether the open files still have their names. If not, other processes would lock other files. */
MUST_CHECK bool write_lock_is_in_place(const struct write_lock *lock, const char *database_path);

/* False if the lock is not free by then (monotonic; 0: do not wait). */
MUST_CHECK bool write_lock_acquire(struct write_lock *lock, int64_t deadline_ms);
void write_lock_release(struct write_lock *lock);

/* Whether another process waits for the lock, which the caller holds. */
MUST_CHECK bool write_lock_is_wanted(const struct write_lock *lock);

#endif
