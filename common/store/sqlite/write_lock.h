/*
 * The lock around every write transaction and every checkpoint of every process.
 *
 * SQLite's own busy handler lets two writing processes starve each other for seconds, and before
 * 3.51.3 a checkpoint that overlaps a write of another process can corrupt the database. Two files
 * next to the database make a turnstile: writers queue on the first, and the writer at the front
 * waits for the second, which is the lock itself. So writers alternate, and the kernel releases
 * the locks of a process that died. One thread per lock at a time.
 *
 * A third file says who has the database open: many share it, or one has it alone. It is empty until a
 * database has been there. All are named after the path without links (database_path.h).
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

/* Creates the three files where they are missing. False with errno; EWOULDBLOCK: others have the database
   open, which `sharing` does not allow, until then (monotonic; 0: now). Held until write_lock_close. */
MUST_CHECK bool write_lock_open(struct write_lock *lock, const char *database_path,
                                enum write_lock_sharing sharing, int64_t deadline_ms);
void write_lock_close(struct write_lock *lock);

/* There is a database now. If it is ever missing, that is not taken for a first start. */
void write_lock_mark(struct write_lock *lock);

/* Whether the files that are locked are those at their names: others would lock other ones. */
MUST_CHECK bool write_lock_is_in_place(const struct write_lock *lock, const char *database_path);

/* False when the lock was not to be had by then (monotonic; 0: at once). */
MUST_CHECK bool write_lock_acquire(struct write_lock *lock, int64_t deadline_ms);
void write_lock_release(struct write_lock *lock);

#endif
