#include "common/store/sqlite/disk.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/sql/queries.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/wal.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

enum { CHECK_INTERVAL_MS = 1000 };

bool disk_is_full(struct disk *disk, const char *path)
{
    int64_t now_ms = clock_monotonic_ms();
    struct statvfs status;
    if (disk->min_free_bytes == 0 || now_ms < disk->next_check_ms)
        return disk->full;
    disk->next_check_ms = now_ms + CHECK_INTERVAL_MS;
    if (statvfs(path, &status) < 0)
        return disk->full; /* a broken disk shows in the writes */
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

/* By its name: to open and close the file would release SQLite's locks on it. */
int64_t disk_file_bytes(const char *path)
{
    struct stat status;
    return path && stat(path, &status) == 0 ? status.st_size : 0;
}

void handle_read_space(struct handle *handle, struct store_statistics *statistics)
{
    struct statvfs disk;
    statistics->durability = STORE_DURABILITY_SINGLE;
    statistics->wal_bytes = wal_file_bytes(handle);
    statistics->database_bytes = disk_file_bytes(handle_path(handle));
    if (statvfs(handle_path(handle), &disk) == 0) {
        statistics->disk_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
        statistics->disk_size_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    }
}
