/*
 * A fuzz target: a function that takes any bytes, and ends the program when a promise is broken.
 *
 * `make fuzz` links each fuzz_*.c, and its companions if it has any, with libFuzzer; `make test`
 * links it with replay.c, which gives it the files of tests/fuzz/corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "common/base/base.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Before the first input, if a target has it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define CHECK(promise)                                                                             \
    do {                                                                                           \
        if (!(promise)) {                                                                          \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* No line at all: what is logged of a million inputs helps nobody. */
static inline void log_nothing(void)
{
    log_init("fuzz", (enum log_level)(LOG_LEVEL_ERROR + 1), LOG_FORMAT_LOGFMT);
}

/* The bytes as a C string in memory of just its size, so that a sanitizer sees one read too many.
   It ends at the first NUL. */
static inline char *text_of(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    CHECK(text);
    return text;
}

/* The same with every byte, and a NUL behind. */
static inline char *bytes_of(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    CHECK(bytes);
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    return bytes;
}

/* An input that a target eats up byte by byte, as the choices it makes. */
struct choices {
    const uint8_t *data;
    size_t size;
};

static inline unsigned choose(struct choices *choices, unsigned count)
{
    if (choices->size == 0)
        return 0;
    choices->size--;
    return *choices->data++ % count;
}

/* At most `most` bytes: a byte says how many. */
static inline struct choices choose_bytes(struct choices *choices, unsigned most)
{
    size_t length = choose(choices, most + 1);
    struct choices bytes = {choices->data, MIN(length, choices->size)};
    choices->data += bytes.size;
    choices->size -= bytes.size;
    return bytes;
}

#endif
