#include "common/store/sqlite/database_swap.h"

#include "common/base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Files that SQLite keeps next to a database, and would apply to another database at the same path. */
static const char *const logs[] = {"-wal", "-journal"};

bool database_swap_sync(const char *path, int open_flags)
{
    int fd = open(path, open_flags | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int saved_errno = errno;
    if (fd >= 0)
        close(fd);
    errno = saved_errno;
    return good;
}

bool database_swap_sync_folder(const char *path)
{
    char folder[DATABASE_PATH_SIZE];
    return database_path_beside(path, "", folder) &&
           database_swap_sync(dirname(folder), O_RDONLY | O_DIRECTORY);
}

/* Moves the existing logs from one name of a database to another. */
static bool move_logs(const char *from, const char *to)
{
    for (size_t i = 0; i < ARRAY_LENGTH(logs); i++) {
        char old[DATABASE_PATH_SIZE], new[DATABASE_PATH_SIZE];
        if (!database_path_beside(from, logs[i], old) || !database_path_beside(to, logs[i], new))
            return false;
        if (rename(old, new) < 0 && errno != ENOENT)
            return false;
    }
    return true;
}

/* Removes the index of the log that was moved; SQLite rebuilds it. */
static bool remove_index(const char *path)
{
    char index[DATABASE_PATH_SIZE];
    return database_path_beside(path, "-shm", index) && (unlink(index) == 0 || errno == ENOENT);
}

bool database_swap_name(const char *path, const char *suffix, char name[DATABASE_PATH_SIZE])
{
    char stamp[32], whole[96];
    struct tm time;
    int64_t now_ms = clock_wall_ms();
    time_t now = (time_t)(now_ms / 1000);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&now, &time));
    snprintf(whole, sizeof(whole), "%.40s%s.%03dZ", suffix, stamp, (int)(now_ms % 1000));
    return database_path_beside(path, whole, name);
}

/* Gives the old file its second name, and moves its logs there. An empty file is not kept. */
static bool set_aside(const char *path, const char *kept, bool *there)
{
    struct stat status;
    *there = lstat(path, &status) == 0 && status.st_size > 0;
    if (*there && link(path, kept) < 0) {
        *there = false;
        return false;
    }
    if (!database_swap_sync_folder(path))
        return false;
    return move_logs(path, kept) && remove_index(path) && database_swap_sync_folder(path);
}

bool database_swap(const char *copy, const char *path, char kept[DATABASE_PATH_SIZE])
{
    bool there = false;
    if (!database_swap_name(path, DATABASE_REPLACED, kept)) {
        snprintf(kept, DATABASE_PATH_SIZE, "%s", path);
        return false;
    }
    bool good = set_aside(path, kept, &there);
    if (!good || rename(copy, path) < 0) {
        int saved_errno = errno;
        (void)!(there ? database_swap_undo(path) : move_logs(kept, path));
        errno = saved_errno;
        return false;
    }
    if (!database_swap_sync_folder(path))
        return false;
    if (!there)
        kept[0] = '\0';
    return true;
}

/* ---- An interrupted swap ---- */

/* Finds the second name of the file at `path` that a swap gave it. */
static bool find_second_name(const char *path, char second[DATABASE_PATH_SIZE])
{
    char folder[DATABASE_PATH_SIZE], name[DATABASE_PATH_SIZE];
    struct stat own, other;
    if (stat(path, &own) < 0 || own.st_nlink < 2 || !database_path_beside(path, "", folder) ||
        !database_path_beside(strrchr(path, '/') + 1, DATABASE_REPLACED, name))
        return false;
    DIR *entries = opendir(dirname(folder));
    if (!entries)
        return false;
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(entries));) {
        if (strncmp(entry->d_name, name, strlen(name)) != 0 ||
            snprintf(second, DATABASE_PATH_SIZE, "%s/%s", folder, entry->d_name) >=
                DATABASE_PATH_SIZE)
            continue;
        found = lstat(second, &other) == 0 && other.st_ino == own.st_ino &&
                other.st_dev == own.st_dev;
    }
    closedir(entries);
    return found;
}

bool database_swap_is_unfinished(const char *path)
{
    char second[DATABASE_PATH_SIZE];
    return find_second_name(path, second);
}

bool database_swap_undo(const char *path)
{
    char second[DATABASE_PATH_SIZE];
    if (!find_second_name(path, second))
        return true;
    /* The logs first: while the file has two names, the swap still counts as interrupted. */
    return move_logs(second, path) && database_swap_sync_folder(path) && unlink(second) == 0 &&
           database_swap_sync_folder(path);
}
