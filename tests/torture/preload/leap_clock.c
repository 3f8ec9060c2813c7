/*
 * Preloaded: the clocks of a program are ahead of the machine's by the milliseconds in the file LEAP_CLOCK, 8 bytes of this
 * machine's order. The test may write others at any moment; what the program waits for in the kernel is not hurried.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

static const volatile int64_t *ahead_ms;

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("LEAP_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *bytes = fd >= 0 ? mmap(NULL, sizeof(*ahead_ms), PROT_READ, MAP_SHARED, fd, 0)
                          : MAP_FAILED;
    if (bytes != MAP_FAILED)
        ahead_ms = bytes;
    if (fd >= 0)
        close(fd);
}

static void add(struct timespec *time, int64_t ms)
{
    int64_t ns = time->tv_nsec + ms % MS_PER_S * NS_PER_MS;
    time->tv_sec += ms / MS_PER_S;
    if (ns < 0 || ns >= (int64_t)MS_PER_S * NS_PER_MS) {
        time->tv_sec += ns < 0 ? -1 : 1;
        ns += (int64_t)MS_PER_S * NS_PER_MS * (ns < 0 ? 1 : -1);
    }
    time->tv_nsec = ns;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    long result = syscall(SYS_clock_gettime, id, time);
    if (result == 0 && ahead_ms && id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID)
        add(time, *ahead_ms);
    return (int)result;
}

/* libcurl dates what it has looked up by it. */
time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

/* PostgreSQL's. */
int gettimeofday(struct timeval *time, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                           const struct timespec *end)
{
    typedef int wait_function(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec of_kernel = *end;
    wait_function *real = (wait_function *)dlvsym(RTLD_NEXT, "pthread_cond_timedwait",
                                                  "GLIBC_2.3.2");
    if (!real) /* another kind of processor */
        real = (wait_function *)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    if (ahead_ms)
        add(&of_kernel, -*ahead_ms);
    return real(condition, lock, &of_kernel);
}
