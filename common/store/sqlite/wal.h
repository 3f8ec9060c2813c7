/*
 * The write-ahead log of SQLite: checkpoints, and its bound.
 *
 * A checkpoint copies the log into the database; the next write then starts the log over, unless a reader still reads
 * in it. Short reads that overlap each other without a gap prevent that, so from `large_frames` on the log needs a
 * moment in which this process reads nothing. That does not help against a shell or a backup that keeps a transaction
 * open: it is warned of, and above `max_frames` new messages are refused. Devices and their reports are still
 * written: only a full disk refuses evidence.
 *
 * All functions belong to the writer, under the write lock and outside a transaction.
 */
#ifndef COMMON_STORE_SQLITE_WAL_H
#define COMMON_STORE_SQLITE_WAL_H

#include "common/store/sqlite/statement.h"

struct wal {
    struct handle *handle;
    int64_t frame_bytes; /* a frame is a page in the log */
    int64_t frames;      /* in the log after the last commit; 0 when all are in the database */
    int64_t max_bytes;
    int64_t max_frames;   /* above, new messages are refused */
    int64_t large_frames; /* from here on readers must make room */
    bool refusing;
    bool suspect; /* there may be the frames of a failed commit after its end */
    int64_t next_quiet_frames, next_quiet_ms; /* whichever comes first; monotonic */
    int64_t next_warning_ms;                  /* monotonic */
};

void wal_watch(struct wal *wal, struct handle *handle, int64_t page_bytes, int64_t max_bytes);

/* Copies what a process that has ended left in the log, perhaps in the system's memory alone, into the database. */
void wal_empty(struct wal *wal);

/* After a commit that failed in a way that leaves its frames in doubt: makes sure that no recovery finds them. False
   when that fails too; then nothing may be written. */
MUST_CHECK bool wal_mend(struct wal *wal);

/* False when a checkpoint is due that needs a moment in which this process reads nothing: wal_checkpoint_quietly. */
MUST_CHECK bool wal_checkpoint_when_due(struct wal *wal);
void wal_checkpoint_quietly(struct wal *wal);

MUST_CHECK bool wal_is_full(struct wal *wal);

/* The size of the log's file; any handle. */
int64_t wal_file_bytes(const struct handle *handle);

#endif
