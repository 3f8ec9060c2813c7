/*
 * The write-ahead log of SQLite: checkpoints, and its bound.
 *
 * A checkpoint copies the log into the database; the next write then starts the log over, if nobody
 * reads in it. Enough short reads, one always beginning before another ends, keep it from that, so
 * from `large_frames` on it asks for a moment in which this process reads nothing. That does not help
 * against a shell or a backup that keeps a transaction open. It is warned of; and above `max_frames`
 * there are no new messages, but phones and what they report are still written: only a full disk
 * refuses evidence.
 */
#include "common/store/sqlite/sqlite.h"

#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"

#include <sys/stat.h>

enum {
    CHECKPOINT_FRAMES = 1000, /* 4 MiB */
    LARGE_FRAMES = 16384,     /* 64 MiB, or less where the bound is low */
    PATIENCE_MS = 50,         /* with others' readers; commits wait meanwhile */
    QUIET_INTERVAL_MS = 1000, /* between one quiet moment that did not help and the next, */
    QUIET_GROWTH = 4,         /* unless the log has grown by this part of large_frames */
    WARNING_INTERVAL_MS = 60000,
    FRAME_HEADER_BYTES = 24, /* SQLite's fileformat2, 4.1 */
};

static int remember_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    struct store_connection *connection = context;
    (void)db, (void)name;
    connection->wal.frames = frames;
    return SQLITE_OK;
}

void sqlite_watch_wal(struct store_connection *connection, int64_t page_bytes, int64_t max_bytes)
{
    struct write_ahead_log *wal = &connection->wal;
    wal->frame_bytes = page_bytes + FRAME_HEADER_BYTES;
    wal->max_bytes = max_bytes;
    wal->max_frames = max_bytes > 0 ? max_bytes / wal->frame_bytes : INT64_MAX;
    wal->large_frames = MIN(wal->max_frames / 2, LARGE_FRAMES);
    sqlite3_wal_hook(connection->db, remember_frames, connection);
}

/* Only its name is asked for: closing the file would lose SQLite's locks on it. */
int64_t sqlite_file_bytes(const char *path)
{
    struct stat status;
    return path && stat(path, &status) == 0 ? status.st_size : 0;
}

int64_t sqlite_wal_bytes(struct store_connection *connection)
{
    return sqlite_file_bytes(sqlite3_filename_wal(sqlite3_db_filename(connection->db, "main")));
}

int64_t sqlite_database_bytes(struct store_connection *connection)
{
    return sqlite_file_bytes(sqlite3_db_filename(connection->db, "main"));
}

/* ---- Checkpoints: under the write lock ---- */

/* No process can be writing meanwhile: on SQLite before 3.51.3 a checkpoint that meets a writer can
   corrupt the file. False when readers were in its way. */
static bool checkpoint(struct store_connection *connection, int patience_ms)
{
    struct write_ahead_log *wal = &connection->wal;
    /* A large file is also cut, which gives its place on the disk back. */
    bool large = sqlite_wal_bytes(connection) >= wal->large_frames * wal->frame_bytes;
    int mode = large ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int frames = -1, copied = -1;
    sqlite3_busy_timeout(connection->db, patience_ms);
    int code = sqlite3_wal_checkpoint_v2(connection->db, NULL, mode, &frames, &copied);
    FAIL_POINT("store.after_checkpoint");
    if (code == SQLITE_OK && copied >= frames)
        wal->frames = 0;
    else if (frames >= 0)
        wal->frames = frames;
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return code == SQLITE_OK;
    sqlite_error(connection, code, "checkpoint");
    return true;
}

bool sqlite_checkpoint_when_due(struct store_connection *connection)
{
    struct write_ahead_log *wal = &connection->wal;
    if (wal->frames < CHECKPOINT_FRAMES || checkpoint(connection, 0))
        return true;
    return wal->frames < wal->next_quiet_frames && clock_monotonic_ms() < wal->next_quiet_ms;
}

static void warn_of_readers(struct write_ahead_log *wal, int64_t now_ms)
{
    if (now_ms < wal->next_warning_ms || wal->frames < wal->large_frames)
        return;
    wal->next_warning_ms = now_ms + WARNING_INTERVAL_MS;
    log_warning("a reader holds back the write-ahead log of the database",
                LOG_NUMBER("wal_bytes", wal->frames * wal->frame_bytes),
                LOG_NUMBER("max_wal_bytes", wal->max_bytes));
}

void sqlite_checkpoint_quietly(struct store_connection *connection)
{
    struct write_ahead_log *wal = &connection->wal;
    if (checkpoint(connection, PATIENCE_MS)) {
        wal->next_quiet_frames = 0;
        return;
    }
    int64_t now_ms = clock_monotonic_ms();
    wal->next_quiet_frames = wal->frames + wal->large_frames / QUIET_GROWTH;
    wal->next_quiet_ms = now_ms + QUIET_INTERVAL_MS;
    warn_of_readers(wal, now_ms);
}

void sqlite_empty_wal(struct store_connection *connection)
{
    struct write_ahead_log *wal = &connection->wal;
    int frames = -1, copied = -1;
    int code = sqlite3_wal_checkpoint_v2(connection->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
                                         &copied);
    if (code != SQLITE_OK)
        sqlite_error(connection, code, "checkpoint");
    wal->frames = copied < frames ? frames : 0;
}

/* ---- A commit that failed ---- */

static enum error write_other_frames(struct store_connection *connection)
{
    enum error error = run(connection, statement(connection, BEGIN_WRITE));
    if (error == ERROR_NONE)
        error = run(connection, statement(connection, WRITE_OTHER));
    if (error == ERROR_NONE)
        error = run(connection, statement(connection, COMMIT_WRITE));
    if (error != ERROR_NONE && !sqlite3_get_autocommit(connection->db))
        (void)!run(connection, statement(connection, ROLLBACK_WRITE));
    return error;
}

/* Another commit goes to the same place of the log, or into a log that starts over. Checksums of frames
   are chained, so from there on nothing that was before is valid (SQLite's fileformat2, 4.1). Whichever
   process commits next does the same, knowingly or not; until it has, or all have ended, nobody sees the
   frames, because readers go by the log's index. */
bool sqlite_mend_wal(struct store_connection *connection)
{
    struct write_ahead_log *wal = &connection->wal;
    if (!wal->doubtful)
        return true;
    wal->doubtful = write_other_frames(connection) != ERROR_NONE;
    if (wal->doubtful)
        log_error("a commit failed, and it is not known whether it is in the log: nothing is"
                  " written until that is mended");
    else
        log_warning("a commit failed, and the log has been mended: nothing of it is left");
    return !wal->doubtful;
}

/* ---- The bound ---- */

bool sqlite_wal_is_full(struct store_connection *connection)
{
    struct write_ahead_log *wal = &connection->wal;
    if (wal->frames > wal->max_frames)
        checkpoint(connection, 0); /* its reader may have ended, or another process seen to it */
    bool full = wal->frames > wal->max_frames;
    if (full && !wal->refusing)
        log_error("the write-ahead log of the database is full: new messages are refused",
                  LOG_NUMBER("wal_bytes", wal->frames * wal->frame_bytes));
    else if (!full && wal->refusing)
        log_info("the write-ahead log of the database is short again: new messages are accepted");
    wal->refusing = full;
    return full;
}
