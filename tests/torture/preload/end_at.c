/*
 * Preloaded: with END_AT=N the process ends by SIGKILL before the Nth call (from 1) that changes a file or a
 * folder, or syncs one; what goes to the standard output and error is not counted. With WRITES_AS_ONE=M only
 * each Mth write is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void)
{
    static atomic_long calls;
    const char *end = getenv("END_AT");
    if (!end || atomic_fetch_add(&calls, 1) + 1 != atol(end))
        return;
    kill(getpid(), SIGKILL);
    pause();
}

static void count_write(int fd)
{
    static atomic_long writes;
    const char *most = getenv("WRITES_AS_ONE");
    long as_one = most ? atol(most) : 1;
    if (fd > STDERR_FILENO && (atomic_fetch_add(&writes, 1) + 1) % as_one == 0)
        count();
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

#define COUNTED(result, name, parameters, arguments)                                               \
    result name parameters                                                                         \
    {                                                                                              \
        count();                                                                                   \
        return REAL(name) arguments;                                                               \
    }

#define WRITTEN(result, name, parameters, arguments)                                               \
    result name parameters                                                                         \
    {                                                                                              \
        count_write(fd);                                                                           \
        return REAL(name) arguments;                                                               \
    }

WRITTEN(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRITTEN(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITTEN(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at),
        (fd, data, size, at))
WRITTEN(int, ftruncate, (int fd, off_t size), (fd, size))
WRITTEN(int, ftruncate64, (int fd, off64_t size), (fd, size))
COUNTED(int, fsync, (int fd), (fd))
COUNTED(int, fdatasync, (int fd), (fd))
COUNTED(int, rename, (const char *from, const char *to), (from, to))
COUNTED(int, link, (const char *from, const char *to), (from, to))
COUNTED(int, unlink, (const char *path), (path))
COUNTED(int, mkdir, (const char *path, mode_t mode), (path, mode))

#define OPENED(name)                                                                               \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;                           \
        va_end(arguments);                                                                         \
        if (flags & O_CREAT)                                                                       \
            count();                                                                               \
        return REAL(name)(path, flags, mode);                                                      \
    }

OPENED(open)
OPENED(open64)
