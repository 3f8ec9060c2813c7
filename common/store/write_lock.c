#include "write_lock.h"

#include "../clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* flock(2) has no time limit, so a timer of the waiting thread interrupts it. */
#define INTERRUPT_SIGNAL (SIGRTMIN + 1)
enum { INTERRUPT_AGAIN_MS = 20 }; /* the first may come between the check and the wait */

static void do_nothing(int number)
{
    (void)number;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART: flock gives EINTR */
    sigaction(INTERRUPT_SIGNAL, &action, NULL);
}

static int open_file(const char *database_path, const char *suffix)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s%s", database_path, suffix) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

bool write_lock_open(struct write_lock *lock, const char *database_path,
                     enum write_lock_sharing sharing)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_handler);
    lock->queue_fd = open_file(database_path, "-queue.lock");
    lock->lock_fd = open_file(database_path, "-write.lock");
    lock->open_fd = open_file(database_path, "-open.lock");
    int mode = sharing == WRITE_LOCK_ALONE ? LOCK_EX : LOCK_SH;
    if (lock->queue_fd >= 0 && lock->lock_fd >= 0 && lock->open_fd >= 0 &&
        flock(lock->open_fd, mode | LOCK_NB) == 0)
        return true;
    int saved_errno = errno;
    write_lock_close(lock);
    errno = saved_errno;
    return false;
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

/* Waits with a timer that interrupts this thread once the time is up. */
static bool lock_patiently(int fd, int64_t deadline_ms)
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
        locked = flock(fd, LOCK_EX) == 0;
        interrupted = !locked && errno == EINTR;
    }
    timer_delete(timer);
    return locked;
}

static bool lock_file(int fd, int64_t deadline_ms)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ||
           (deadline_ms > 0 && lock_patiently(fd, deadline_ms));
}

bool write_lock_acquire(struct write_lock *lock, int64_t deadline_ms)
{
    if (!lock_file(lock->queue_fd, deadline_ms))
        return false;
    bool locked = lock_file(lock->lock_fd, deadline_ms);
    flock(lock->queue_fd, LOCK_UN);
    return locked;
}

void write_lock_release(struct write_lock *lock)
{
    flock(lock->lock_fd, LOCK_UN);
}
