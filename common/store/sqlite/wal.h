/*
 * The write-ahead log of SQLite: checkpoints, and its size limit.
 *
 * A checkpoint copies the log into the database; the next write then starts the log over, unless a reader still uses it.
 * Short reads that overlap without a gap prevent that, so from `large_frames` on a checkpoint needs a moment in which
 * this process reads nothing. A shell or a backup with an open transaction still prevents it: a warning is logged, and
 * above `max_frames` new messages are refused. Reports and the state of devices are still written; only a full disk
 * stops those.
 *
 * All functions belong to the writer, under the write lock and outside a transaction.
 */
#ifndef COMMON_STORE_SQLITE_WAL_H
#define COMMON_STORE_SQLITE_WAL_H

#include "common/store/sqlite/statement.h"

struct wal {
    struct handle *handle;
    int64_t frame_bytes; /* a frame is a page in the log */
    int64_t frames; /* in the log after the last commit; 0 if all of them are in the database */
    int64_t max_bytes;
    int64_t max_frames;   /* above, new messages are refused */
    int64_t large_frames; /* from here on readers must wait for a checkpoint */
    bool refusing;
    bool suspect; /* the log may end with the frames of a failed commit */
    int64_t next_quiet_frames, next_quiet_ms; /* whichever comes first; monotonic */
    int64_t next_warning_ms;                  /* monotonic */
};

void wal_watch(struct wal *wal, struct handle *handle, int64_t page_bytes, int64_t max_bytes);

/* At opening: copies into the database what an earlier process left in the log, which may not be on disk yet. */
void wal_empty(struct wal *wal);

/* After a failed commit whose frames may be in the log: makes sure that no recovery finds them. False if that fails too;
   then nothing may be written. */
MUST_CHECK bool wal_mend(struct wal *wal);

/* False if the checkpoint needs a moment in which this process reads nothing: call wal_checkpoint_quietly then. */
MUST_CHECK bool wal_checkpoint_when_due(struct wal *wal);
void wal_checkpoint_quietly(struct wal *wal);

MUST_CHECK bool wal_is_full(struct wal *wal);

/* The size of the log file; works with any handle. */
int64_t wal_file_bytes(const struct handle *handle);

#endif
