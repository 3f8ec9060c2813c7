/*
 * Room on the disk. New messages are refused while some is left, so that what phones report about those
 * there are can still be written.
 */
#include "common/store/sqlite/sqlite.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <sys/statvfs.h>

enum { LOOK_INTERVAL_MS = 1000 };

bool sqlite_disk_is_full(struct store_connection *connection)
{
    struct disk *disk = &connection->disk;
    int64_t now_ms = clock_monotonic_ms();
    struct statvfs status;
    if (disk->min_free_bytes == 0 || now_ms < disk->look_at_ms)
        return disk->full;
    disk->look_at_ms = now_ms + LOOK_INTERVAL_MS;
    if (statvfs(sqlite3_db_filename(connection->db, "main"), &status) < 0)
        return disk->full; /* a disk that is broken shows in what is written */
    int64_t free_bytes = (int64_t)(status.f_bavail * status.f_frsize);
    bool full = free_bytes < disk->min_free_bytes;
    if (full && !disk->full)
        log_error("the disk of the database is almost full: new messages are refused",
                  LOG_NUMBER("free_bytes", free_bytes),
                  LOG_NUMBER("min_free_disk_bytes", disk->min_free_bytes));
    else if (!full && disk->full)
        log_info("the disk of the database has room again: new messages are accepted");
    return disk->full = full;
}
