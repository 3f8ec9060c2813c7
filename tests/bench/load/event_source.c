#include "tests/bench/load/event_source.h"

#include "tests/bench/load/loop.h"

#include <string.h>

static void take_data(struct event_source *source, const char *bytes, size_t length,
                      void (*take_line)(struct event_source *source))
{
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t part = end ? (size_t)(end - bytes) : length;
        size_t kept = MIN(part, EVENT_SOURCE_LINE - 1 - source->line_length);
        memcpy(source->line + source->line_length, bytes, kept);
        source->line_length += kept;
        if (!end)
            return;
        source->line[source->line_length] = '\0';
        take_line(source);
        source->line_length = 0;
        bytes += part + 1;
        length -= part + 1;
    }
}

/* ---- HTTP: the head, then chunks ---- */

static void begin_size(struct event_source *source)
{
    source->state = SOURCE_SIZE;
    source->chunk_left = 0;
}

/* A line of the head; its end is an empty one. */
static void take_head_byte(struct event_source *source, char byte)
{
    if (byte != '\n') {
        if (byte != '\r' && source->line_length < EVENT_SOURCE_LINE - 1)
            source->line[source->line_length++] = byte;
        return;
    }
    source->line[source->line_length] = '\0';
    if (strncmp(source->line, "HTTP/1.1 ", 9) == 0 && strncmp(source->line + 9, "200", 3) != 0)
        fail("a stream was refused: %s", source->line);
    if (source->line_length == 0)
        begin_size(source);
    source->line_length = 0;
}

static void take_size_byte(struct event_source *source, char byte)
{
    if (byte == '\r')
        return;
    if (byte == '\n')
        source->state = SOURCE_DATA;
    else
        source->chunk_left = source->chunk_left * 16 +
                             (size_t)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
}

void event_source_take(struct event_source *source, const char *bytes, size_t length,
                       void (*take_line)(struct event_source *source))
{
    for (size_t i = 0; i < length;) {
        size_t part = 1;
        switch (source->state) {
        case SOURCE_HEAD:
            take_head_byte(source, bytes[i]);
            break;
        case SOURCE_SIZE:
            take_size_byte(source, bytes[i]);
            break;
        case SOURCE_DATA:
            part = MIN(source->chunk_left, length - i);
            take_data(source, bytes + i, part, take_line);
            source->chunk_left -= part;
            if (source->chunk_left == 0)
                source->state = SOURCE_DATA_END;
            break;
        case SOURCE_DATA_END:
            if (bytes[i] == '\n')
                begin_size(source);
            break;
        }
        i += part;
    }
}
