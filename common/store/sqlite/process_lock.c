#include "common/store/sqlite/process_lock.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/sqlite/database_path.h"
#include "common/store/sqlite/database_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A supervisor may start the next process while the previous one drains; if that takes longer, it restarts it. */
enum { PATIENCE_MS = 3000, RETRY_MS = 20, HOLDER_SIZE = PROCESS_LOCK_HOLDER_SIZE, HOST_SIZE = 65 };

/* ---- The holder ---- */

static void read_host(char host[HOST_SIZE])
{
    if (gethostname(host, HOST_SIZE) < 0)
        strcpy(host, "?");
    host[HOST_SIZE - 1] = '\0';
}

/* "process 17 (ws-broker, RUNTIME_DIR /srv/run, host alpha)" */
static void write_holder(int fd, const char *program, const char *runtime_dir)
{
    char text[HOLDER_SIZE], folder[PATH_MAX], host[HOST_SIZE];
    read_host(host);
    if (!realpath(runtime_dir, folder))
        snprintf(folder, sizeof(folder), "%s", runtime_dir);
    int length = snprintf(text, sizeof(text), "process %d (%s, RUNTIME_DIR %.250s, host %s)\n",
                          (int)getpid(), program, folder, host);
    length = MIN(length, (int)sizeof(text) - 1);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) != length)
        log_debug("cannot write the holder into the lock file", LOG_ERRNO);
}

static void read_holder(int fd, char text[HOLDER_SIZE])
{
    ssize_t length = pread(fd, text, HOLDER_SIZE - 1, 0);
    text[MAX(length, 0)] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (!*text)
        strcpy(text, "another process");
}

/* ---- The lock ---- */

static bool lock(int fd)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    char holder[HOLDER_SIZE];
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return false;
    read_holder(fd, holder);
    log_info("waiting for another process to release the database", LOG_TEXT("holder", holder));
    while (clock_monotonic_ms() < deadline_ms) {
        nanosleep(&pause, NULL);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
    }
    errno = EWOULDBLOCK;
    return false;
}

static void explain(int fd, const char *path, const char *program, char problem[STORE_ERROR_SIZE])
{
    char holder[HOLDER_SIZE];
    int reason = errno;
    if (fd >= 0 && reason == EWOULDBLOCK) {
        read_holder(fd, holder);
        snprintf(problem, STORE_ERROR_SIZE,
                 "%.150s: %.250s uses it, and a database has only one %s: stop that process, or set"
                 " another DATABASE_PATH",
                 path, holder, program);
    } else {
        snprintf(problem, STORE_ERROR_SIZE, "%.240s: its lock file: %s", path, strerror(reason));
    }
}

bool process_lock_take(const char *path, const char *role, const char *runtime_dir,
                       char problem[STORE_ERROR_SIZE])
{
    char lock_path[DATABASE_PATH_SIZE], suffix[64];
    enum database_path_state state;
    if (!database_path_check(path, &state, problem) && !database_swap_is_unfinished(path))
        return false;
    snprintf(suffix, sizeof(suffix), "-%s.lock", role);
    int fd = -1;
    if (database_path_beside(path, suffix, lock_path))
        fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && lock(fd)) {
        write_holder(fd, role, runtime_dir);
        return true; /* the descriptor stays open, and holds the lock until this process ends */
    }
    explain(fd, path, role, problem);
    if (fd >= 0)
        close(fd);
    return false;
}

bool process_lock_find_holder(const char *path, char holder[PROCESS_LOCK_HOLDER_SIZE])
{
    static const char *const roles[] = {"api-fcgi", "ws-broker", "webhook-sender"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LENGTH(roles) && !found; i++) {
        char lock_path[DATABASE_PATH_SIZE], suffix[64];
        snprintf(suffix, sizeof(suffix), "-%s.lock", roles[i]);
        int fd = database_path_beside(path, suffix, lock_path)
                     ? open(lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                     : -1;
        if (fd < 0)
            continue;
        found = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        if (found)
            read_holder(fd, holder);
        close(fd);
    }
    return found;
}
