/*
 * Preloaded: keeps in the folder POWER_CUT_MIRROR what of the database and its log would survive a
 * power cut: each file as it was when it was last synced. What was written since may be there too,
 * or parts of it; that is for whoever cuts the power.
 *
 * The gateway syncs these files only under its write lock, so that no two mirrors are made at once.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static void copy(int from, int to)
{
    char piece[65536];
    off_t at = 0;
    ssize_t length;
    while ((length = pread(from, piece, sizeof(piece), at)) > 0) {
        if (write(to, piece, (size_t)length) != length)
            abort();
        at += length;
    }
}

static void mirror(int fd)
{
    const char *folder = getenv("POWER_CUT_MIRROR");
    char link[64], path[PATH_MAX], copy_path[PATH_MAX + 64], new_path[PATH_MAX + 96];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (!folder || length < 0)
        return;
    path[length] = '\0';
    if (!ends_with(path, ".db") && !ends_with(path, ".db-wal"))
        return;
    snprintf(copy_path, sizeof(copy_path), "%s%s", folder, strrchr(path, '/'));
    snprintf(new_path, sizeof(new_path), "%s.%d", copy_path, (int)getpid());
    /* Not through fd: closing another descriptor of the file would drop SQLite's locks. */
    int to = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        abort();
    copy(fd, to);
    close(to);
    if (rename(new_path, copy_path) < 0)
        abort();
}

static int sync_with(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int saved_errno, result = real(fd);
    saved_errno = errno;
    if (result == 0)
        mirror(fd);
    errno = saved_errno;
    return result;
}

int fsync(int fd)
{
    return sync_with("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_with("fdatasync", fd);
}
