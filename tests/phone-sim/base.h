/* The few words of C every file of the simulated phone may assume. */
#ifndef TESTS_PHONE_SIM_BASE_H
#define TESTS_PHONE_SIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PRINTF_FORMAT(text, args) __attribute__((format(printf, text, args)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* The structure of `type` whose `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Memory that is there and zero, or the end of the program: it has nothing to lose. */
static inline void *must_allocate(size_t count, size_t size)
{
    void *memory = calloc(MAX(count, (size_t)1), size);
    if (!memory) {
        fputs("phone-sim: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static inline char *must_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(must_allocate(size, 1), text, size);
}

static inline int64_t clock_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
