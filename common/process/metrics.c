/* The counters, and the file through which another process reads them. */
#include "common/process/metrics.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    STALE_MS = 5000, /* a process whose loop has not turned for longer counts as dead */
    COUNT_FILES_MS =
        15000,          /* between two counts of open files, if the kernel does not count them, */
    COUNT_FILE_MS = 15, /* or this per open file, if that is longer */
    PATH_SIZE = 4096,
};

/* ---- Counting ---- */

#define MS(number) (UINT64_C(1000) * (number))
#define S(number)  (UINT64_C(1000000) * (number))

const uint64_t *metrics_bounds_of(enum metrics_bounds bounds)
{
    static const uint64_t all[][METRICS_MOST_BOUNDS] = {
        [METRICS_SHORT_TIMES] = {100, 250, 500, MS(1), 2500, MS(5), MS(10), MS(25), MS(50), MS(100),
                                 MS(250), MS(500), S(1), MS(2500), S(5), S(10)},
        [METRICS_LONG_TIMES] = {MS(10), MS(50), MS(100), MS(250), MS(500), S(1), MS(2500), S(5),
                                S(10), S(30), S(60), S(300), S(900), S(3600), S(21600), S(86400)},
        [METRICS_SIZES] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, METRICS_NO_BOUND,
                           METRICS_NO_BOUND, METRICS_NO_BOUND, METRICS_NO_BOUND, METRICS_NO_BOUND,
                           METRICS_NO_BOUND},
    };
    return all[bounds];
}

void metrics_observe(struct metrics_histogram *histogram, enum metrics_bounds bounds,
                     uint64_t value)
{
    const uint64_t *bound = metrics_bounds_of(bounds);
    size_t bucket = 0;
    while (bucket < METRICS_MOST_BOUNDS && value > bound[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

static void move_number(metrics_number *to, metrics_number *from)
{
    uint64_t number = atomic_load_explicit(from, memory_order_relaxed);
    if (number == 0)
        return;
    atomic_store_explicit(from, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(to, number, memory_order_relaxed);
}

void metrics_move(struct metrics_histogram *to, struct metrics_histogram *from)
{
    for (size_t i = 0; i <= METRICS_MOST_BOUNDS; i++)
        move_number(&to->buckets[i], &from->buckets[i]);
    move_number(&to->sum, &from->sum);
}

/* ---- The process itself ---- */

static uint64_t processor_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%*s %llu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Linux 6.2 and later report the number. Older kernels make us count, so the interval grows with the number. */
static uint64_t open_files(uint64_t before)
{
    static _Thread_local int64_t counted_at_ms;
    struct stat status;
    if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
        return (uint64_t)status.st_size;
    int64_t now_ms = clock_monotonic_ms();
    if (before > 0 &&
        now_ms - counted_at_ms < MAX((int64_t)COUNT_FILES_MS, (int64_t)before * COUNT_FILE_MS))
        return before;
    counted_at_ms = now_ms;
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint64_t count = 0;
    while (folder && (entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return count > 0 ? count - 1 : 0; /* the descriptor of the folder itself */
}

void metrics_start(struct metrics *metrics)
{
    metrics->layout = metrics_layout();
    snprintf(metrics->version, sizeof(metrics->version), "%s", GATEWAY_VERSION);
    METRICS_SET(metrics, process_start_time_seconds, clock_wall_ms() * 1000);
    metrics_turn(metrics);
}

void metrics_turn(struct metrics *metrics)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    uint64_t files = atomic_load_explicit(&metrics->process_open_fds[0], memory_order_relaxed);
    METRICS_SET(metrics, process_cpu_seconds_total, processor_us());
    uint64_t resident = resident_bytes();
    if (resident > 0) /* 0: no descriptor was left to read it */
        METRICS_SET(metrics, process_resident_memory_bytes, resident);
    METRICS_SET(metrics, process_open_fds, open_files(files));
    METRICS_SET(metrics, process_max_fds, limit.rlim_cur);
    atomic_store(&metrics->turned_at_ms, clock_monotonic_ms());
}

void metrics_end(struct metrics *metrics)
{
    atomic_store(&metrics->turned_at_ms, 0);
}

/* ---- The file ---- */

struct metrics *metrics_create(void)
{
    void *memory = mmap(NULL, sizeof(struct metrics), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    metrics_start(memory);
    return memory;
}

/* Puts the file in the place of the memory, with what was counted until now. The disk space is allocated first: writing to
   a page without space would kill the process. */
static int move_into_file(struct metrics *metrics, int fd)
{
    int error = posix_fallocate(fd, 0, sizeof(*metrics));
    if (error != 0)
        return error;
    if (pwrite(fd, metrics, sizeof(*metrics), 0) != (ssize_t)sizeof(*metrics))
        return EIO;
    void *memory = mmap(metrics, sizeof(*metrics), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        fd, 0);
    return memory == MAP_FAILED ? errno : 0;
}

static int publish(struct metrics *metrics, const char *path)
{
    char new_path[PATH_SIZE];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    unlink(new_path); /* of a process that was killed here */
    int fd = open(new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = move_into_file(metrics, fd);
    close(fd);
    if (error == 0 && rename(new_path, path) < 0)
        error = errno;
    if (error != 0)
        unlink(new_path);
    return error;
}

void metrics_publish(struct metrics *metrics, const char *path)
{
    errno = publish(metrics, path);
    if (errno != 0)
        log_warning("cannot publish the metrics of this process", LOG_TEXT("path", path),
                    LOG_ERRNO);
}

static bool is_alive(const struct metrics *metrics)
{
    int64_t age_ms = clock_monotonic_ms() - atomic_load(&metrics->turned_at_ms);
    return metrics->layout == metrics_layout() && age_ms >= 0 && age_ms < STALE_MS &&
           memchr(metrics->version, '\0', sizeof(metrics->version));
}

const struct metrics *metrics_open(const char *path)
{
    struct stat status;
    void *memory = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && status.st_size == sizeof(struct metrics))
        memory = mmap(NULL, sizeof(struct metrics), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return NULL;
    if (is_alive(memory))
        return memory;
    metrics_close(memory);
    return NULL;
}

void metrics_close(const struct metrics *metrics)
{
    if (metrics)
        munmap((void *)metrics, sizeof(*metrics));
}
