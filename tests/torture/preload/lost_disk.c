/*
 * Preloaded: while there is a file LOST_DISK, fdatasync fails, and from then on nothing is written to a
 * write-ahead log any more, as on a disk that went away while it was synced: what was written before
 * the sync is whole all the same.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_bool lost;

static bool is_away(void)
{
    const char *path = getenv("LOST_DISK");
    if (path && access(path, F_OK) == 0)
        return true;
    atomic_store(&lost, false);
    return false;
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (!is_away())
        return real(fd);
    atomic_store(&lost, true);
    errno = EIO;
    return -1;
}

static bool write_fails(int fd)
{
    char link[64], path[4096];
    if (!atomic_load(&lost) || !is_away())
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    errno = EIO;
    return length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

typedef ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset);

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    write_at *real = (write_at *)dlsym(RTLD_NEXT, "pwrite");
    return write_fails(fd) ? -1 : real(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    write_at *real = (write_at *)dlsym(RTLD_NEXT, "pwrite64");
    return write_fails(fd) ? -1 : real(fd, bytes, length, offset);
}
