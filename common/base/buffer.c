#include "common/base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t max_length)
{
    *buffer = (struct buffer){.max_length = max_length};
}

void buffer_fini(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = buffer->full = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

bool buffer_grow(struct buffer *buffer, size_t more)
{
    if (buffer->failed || more > buffer->max_length - buffer->length) {
        buffer->full |= !buffer->failed;
        buffer->failed = true;
        return false;
    }
    size_t needed = buffer->length + more + 1;
    size_t capacity = MAX(needed, MAX(buffer->capacity * 2, (size_t)64));
    capacity = MIN(capacity - 1, buffer->max_length) + 1;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_append_integer(struct buffer *buffer, int64_t integer)
{
    char digits[24], *first = digits + sizeof(digits);
    uint64_t rest = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    do
        *--first = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (integer < 0)
        *--first = '-';
    buffer_append(buffer, first, (size_t)(digits + sizeof(digits) - first));
}

void buffer_append_format_list(struct buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    char *rest = buffer->data ? buffer->data + buffer->length : NULL;
    size_t room = rest ? buffer->capacity - buffer->length : 0;
    int length = vsnprintf(rest, room, format, arguments);
    char *end = length >= 0 ? buffer_reserve(buffer, (size_t)length) : NULL;
    if (end && (size_t)length >= room) /* the reservation has made room */
        vsnprintf(end, (size_t)length + 1, format, again);
    va_end(again);
    if (end) {
        buffer->length += (size_t)length;
        return;
    }
    buffer->failed = true;
    if (rest)
        *rest = '\0';
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(buffer, format, arguments);
    va_end(arguments);
}

char *buffer_take(struct buffer *buffer)
{
    char *data = buffer->failed ? NULL : buffer->data;
    if (!data)
        free(buffer->data);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    buffer->failed = buffer->full = false;
    return data;
}
