#include "common/store/sqlite/wal.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/store/sqlite/disk.h"
#include "common/store/sqlite/handle.h"

enum {
    CHECKPOINT_FRAMES = 1000, /* 4 MiB */
    LARGE_FRAMES = 16384,     /* 64 MiB; less if the limit is low */
    PATIENCE_MS = 50,         /* for readers of other processes; commits wait meanwhile */
    QUIET_INTERVAL_MS = 1000, /* after a quiet moment that did not help, */
    QUIET_GROWTH = 4,         /* or until the log has grown by a quarter of large_frames */
    WARNING_INTERVAL_MS = 60000,
    FRAME_HEADER_BYTES = 24, /* SQLite's fileformat2, 4.1 */
};

static int remember_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    struct wal *wal = context;
    (void)db, (void)name;
    wal->frames = frames;
    return SQLITE_OK;
}

void wal_watch(struct wal *wal, struct handle *handle, int64_t page_bytes, int64_t max_bytes)
{
    wal->handle = handle;
    wal->frame_bytes = page_bytes + FRAME_HEADER_BYTES;
    wal->max_bytes = max_bytes;
    wal->max_frames = max_bytes > 0 ? max_bytes / wal->frame_bytes : INT64_MAX;
    wal->large_frames = MIN(wal->max_frames / 2, LARGE_FRAMES);
    sqlite3_wal_hook(wal->handle->db, remember_frames, wal);
}

int64_t wal_file_bytes(const struct handle *handle)
{
    return disk_file_bytes(sqlite3_filename_wal(handle_path(handle)));
}

/* ---- Checkpoints ---- */

/* Needs the write lock: before SQLite 3.51.3, a checkpoint that overlaps a write can corrupt the file. False if readers
   prevented it. */
static bool checkpoint(struct wal *wal, int patience_ms)
{
    /* A large log is also truncated, which frees its disk space. */
    bool large = wal_file_bytes(wal->handle) >= wal->large_frames * wal->frame_bytes;
    int mode = large ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int frames = -1, copied = -1;
    sqlite3_busy_timeout(wal->handle->db, patience_ms);
    int code = sqlite3_wal_checkpoint_v2(wal->handle->db, NULL, mode, &frames, &copied);
    FAIL_POINT("store.after_checkpoint");
    if (code == SQLITE_OK && copied >= frames)
        wal->frames = 0;
    else if (frames >= 0)
        wal->frames = frames;
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return code == SQLITE_OK;
    statement_fail(wal->handle, code, "checkpoint");
    return true;
}

bool wal_checkpoint_when_due(struct wal *wal)
{
    if (wal->frames < CHECKPOINT_FRAMES || checkpoint(wal, 0))
        return true;
    return wal->frames < wal->next_quiet_frames && clock_monotonic_ms() < wal->next_quiet_ms;
}

static void warn_of_readers(struct wal *wal, int64_t now_ms)
{
    if (now_ms < wal->next_warning_ms || wal->frames < wal->large_frames)
        return;
    wal->next_warning_ms = now_ms + WARNING_INTERVAL_MS;
    log_warning("a reader holds back the write-ahead log of the database",
                LOG_NUMBER("wal_bytes", wal->frames * wal->frame_bytes),
                LOG_NUMBER("max_wal_bytes", wal->max_bytes));
}

void wal_checkpoint_quietly(struct wal *wal)
{
    if (checkpoint(wal, PATIENCE_MS)) {
        wal->next_quiet_frames = 0;
        return;
    }
    int64_t now_ms = clock_monotonic_ms();
    wal->next_quiet_frames = wal->frames + wal->large_frames / QUIET_GROWTH;
    wal->next_quiet_ms = now_ms + QUIET_INTERVAL_MS;
    warn_of_readers(wal, now_ms);
}

void wal_empty(struct wal *wal)
{
    int frames = -1, copied = -1;
    int code = sqlite3_wal_checkpoint_v2(wal->handle->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
                                         &copied);
    if (code != SQLITE_OK)
        statement_fail(wal->handle, code, "checkpoint");
    wal->frames = copied < frames ? frames : 0;
}

/* ---- A commit that failed ---- */

static enum error write_other_frames(struct wal *wal)
{
    struct handle *handle = wal->handle;
    enum error error = statement_run(handle, statement_get(handle, BEGIN_WRITE));
    if (error == ERROR_NONE)
        error = statement_run(handle, statement_get(handle, WRITE_OTHER));
    if (error == ERROR_NONE)
        error = statement_run(handle, statement_get(handle, COMMIT_WRITE));
    if (error != ERROR_NONE && !sqlite3_get_autocommit(handle->db))
        (void)!statement_run(handle, statement_get(handle, ROLLBACK_WRITE));
    return error;
}

/* Another commit overwrites the frames, or starts the log over. The checksums of frames are chained, so whatever follows
   it is no longer valid (SQLite's fileformat2, 4.1). The next commit of any process has the same effect. Until then no
   reader sees the frames, because readers go by the log's index; a recovery might. */
bool wal_mend(struct wal *wal)
{
    if (!wal->suspect)
        return true;
    wal->suspect = write_other_frames(wal) != ERROR_NONE;
    if (wal->suspect)
        log_error("a commit failed, and its frames may be in the log: nothing is written until they"
                  " are overwritten");
    else
        log_warning("a commit failed, and its frames in the log have been overwritten");
    return !wal->suspect;
}

/* ---- The size limit ---- */

bool wal_is_full(struct wal *wal)
{
    if (wal->frames > wal->max_frames)
        checkpoint(wal, 0); /* the reader may be gone by now */
    bool full = wal->frames > wal->max_frames;
    if (full && !wal->refusing)
        log_error("the write-ahead log of the database is full: new messages are refused",
                  LOG_NUMBER("wal_bytes", wal->frames * wal->frame_bytes));
    else if (!full && wal->refusing)
        log_info("the write-ahead log of the database is short again: new messages are accepted");
    wal->refusing = full;
    return full;
}
