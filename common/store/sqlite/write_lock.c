#include "common/store/sqlite/write_lock.h"

#include "common/base/clock.h"
#include "common/store/sqlite/database_path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* flock(2) has no timeout: a timer interrupts the waiting thread. */
#define INTERRUPT_SIGNAL (SIGRTMIN + 1)
enum { INTERRUPT_AGAIN_MS = 20 }; /* repeatedly: the first may come just before the wait begins */

static void do_nothing(int number)
{
    (void)number;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART: flock gives EINTR */
    sigaction(INTERRUPT_SIGNAL, &action, NULL);
}

static const char *const suffixes[] = {"-queue.lock", "-write.lock", "-open.lock"};

static int open_file(const char *database_path, const char *suffix)
{
    char path[DATABASE_PATH_SIZE];
    return database_path_beside(database_path, suffix, path)
               ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
               : -1;
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void write_lock_close(struct write_lock *lock)
{
    close_file(&lock->queue_fd);
    close_file(&lock->lock_fd);
    close_file(&lock->open_fd);
}

static bool lock_patiently(int fd, int mode, int64_t deadline_ms)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = INTERRUPT_SIGNAL};
    event._sigev_un._tid = gettid();
    timer_t timer;
    if (timer_create(CLOCK_BOOTTIME, &event, &timer) < 0)
        return false;
    struct itimerspec times = {
        .it_value = {deadline_ms / 1000, deadline_ms % 1000 * 1000000},
        .it_interval = {0, INTERRUPT_AGAIN_MS * 1000000},
    };
    timer_settime(timer, TIMER_ABSTIME, &times, NULL);
    bool locked = false, interrupted = true;
    while (!locked && interrupted && clock_monotonic_ms() < deadline_ms) {
        locked = flock(fd, mode) == 0;
        interrupted = !locked && errno == EINTR;
    }
    timer_delete(timer);
    return locked;
}

/* False with errno; EWOULDBLOCK if the lock is not free by then. */
static bool lock_file(int fd, int mode, int64_t deadline_ms)
{
    if (flock(fd, mode | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK || deadline_ms <= 0)
        return false;
    bool locked = lock_patiently(fd, mode, deadline_ms);
    errno = EWOULDBLOCK;
    return locked;
}

bool write_lock_open(struct write_lock *lock, const char *database_path,
                     enum write_lock_sharing sharing, int64_t deadline_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_handler);
    lock->queue_fd = open_file(database_path, suffixes[0]);
    lock->lock_fd = open_file(database_path, suffixes[1]);
    lock->open_fd = open_file(database_path, suffixes[2]);
    int mode = sharing == WRITE_LOCK_ALONE ? LOCK_EX : LOCK_SH;
    if (lock->queue_fd >= 0 && lock->lock_fd >= 0 && lock->open_fd >= 0 &&
        lock_file(lock->open_fd, mode, deadline_ms))
        return true;
    int saved_errno = errno;
    write_lock_close(lock);
    errno = saved_errno;
    return false;
}

void write_lock_mark(struct write_lock *lock)
{
    static const char text[] = "There is a database beside this file, or there was one.\n";
    struct stat status;
    if (fstat(lock->open_fd, &status) == 0 && status.st_size == 0)
        (void)!pwrite(lock->open_fd, text, strlen(text),
                      0); /* if it fails, the next opening tries again */
}

bool write_lock_is_in_place(const struct write_lock *lock, const char *database_path)
{
    const int fds[ARRAY_LENGTH(suffixes)] = {lock->queue_fd, lock->lock_fd, lock->open_fd};
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        char path[DATABASE_PATH_SIZE];
        struct stat own, named;
        if (!database_path_beside(database_path, suffixes[i], path) || fstat(fds[i], &own) < 0 ||
            lstat(path, &named) < 0 || own.st_ino != named.st_ino || own.st_dev != named.st_dev)
            return false;
    }
    return true;
}

bool write_lock_acquire(struct write_lock *lock, int64_t deadline_ms)
{
    if (!lock_file(lock->queue_fd, LOCK_EX, deadline_ms))
        return false;
    bool locked = lock_file(lock->lock_fd, LOCK_EX, deadline_ms);
    flock(lock->queue_fd, LOCK_UN);
    return locked;
}

void write_lock_release(struct write_lock *lock)
{
    flock(lock->lock_fd, LOCK_UN);
}

bool write_lock_is_wanted(const struct write_lock *lock)
{
    if (flock(lock->queue_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    flock(lock->queue_fd, LOCK_UN);
    return false;
}
