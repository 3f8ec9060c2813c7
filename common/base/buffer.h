/*
 * A growing byte string with a maximum length.
 *
 * Appending past the maximum, or without memory, marks the buffer as failed. Later appends then do nothing, so a writer
 * checks once, at the end. `data` always ends in a NUL that `length` does not count. One thread at a time.
 */
#ifndef COMMON_BASE_BUFFER_H
#define COMMON_BASE_BUFFER_H

#include "common/base/base.h"

#include <stdarg.h>
#include <string.h>

struct buffer {
    char *data; /* NULL until the first append */
    size_t length;
    size_t capacity;
    size_t max_length;
    bool failed;
    bool full; /* failed at the maximum length, not for lack of memory */
};

void buffer_init(struct buffer *buffer, size_t max_length);
void buffer_fini(struct buffer *buffer);

/* Empties it and forgets a failure; keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* The slow path of buffer_reserve. */
bool buffer_grow(struct buffer *buffer, size_t more);

/* The place for `more` bytes and the NUL. NULL if there is no room; the buffer has then failed. */
static inline char *buffer_reserve(struct buffer *buffer, size_t more)
{
    /* The capacity never exceeds the maximum length. */
    bool fits = !buffer->failed && more < buffer->capacity - buffer->length;
    return fits || buffer_grow(buffer, more) ? buffer->data + buffer->length : NULL;
}

static inline void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *end = buffer_reserve(buffer, length);
    if (!end)
        return;
    if (length > 0)
        memcpy(end, bytes, length);
    end[length] = '\0';
    buffer->length += length;
}

static inline void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_integer(struct buffer *buffer, int64_t integer); /* in decimal */
void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_FORMAT(2, 3);
void buffer_append_format_list(struct buffer *buffer, const char *format, va_list arguments)
    PRINTF_FORMAT(2, 0);

/* Moves the bytes to the caller, who frees them; NULL after a failure or when nothing was
   appended. The buffer is empty afterwards. */
MUST_CHECK char *buffer_take(struct buffer *buffer);

#endif
