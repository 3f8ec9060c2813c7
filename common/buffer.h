/*
 * A growing byte string with a ceiling.
 *
 * Appending past the ceiling, or without memory, marks the buffer as failed; later appends do
 * nothing, so a writer checks once, at the end. `data` always ends in a NUL that `length` does not
 * count. One thread at a time.
 */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include "base.h"

#include <stdarg.h>

struct buffer {
    char *data; /* NULL until the first append */
    size_t length;
    size_t capacity;
    size_t max_length;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t max_length);
void buffer_fini(struct buffer *buffer);

/* Empties it and forgets a failure; keeps the memory. */
void buffer_clear(struct buffer *buffer);

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_append_integer(struct buffer *buffer, int64_t integer); /* in decimal */
void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_FORMAT(2, 3);
void buffer_append_format_list(struct buffer *buffer, const char *format, va_list arguments)
    PRINTF_FORMAT(2, 0);

/* Moves the bytes to the caller, who frees them; NULL after a failure or when nothing was
   appended. The buffer is empty afterwards. */
MUST_CHECK char *buffer_take(struct buffer *buffer);

#endif
