/*
 * Preloaded: from ALLOCATION_FAIL=N on, the Nth allocation after the first write to
 * ALLOCATION_START (a file that then exists) fails, and with ALLOCATION_COUNT=M so do the M - 1
 * that follow it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static atomic_bool started;
static atomic_long allocations;
static long first, last;
static const char *start_path;

__attribute__((constructor)) static void read_environment(void)
{
    const char *number = getenv("ALLOCATION_FAIL"), *count = getenv("ALLOCATION_COUNT");
    start_path = getenv("ALLOCATION_START");
    first = number ? atol(number) : 0;
    last = first + (count ? atol(count) : 1) - 1;
}

static bool fails(void)
{
    if (first == 0)
        return false;
    if (!atomic_load(&started)) {
        int saved_errno = errno;
        bool exists = access(start_path, F_OK) == 0;
        errno = saved_errno;
        if (!exists)
            return false;
        atomic_store(&started, true);
    }
    long number = atomic_fetch_add(&allocations, 1) + 1;
    if (number < first || number > last)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
