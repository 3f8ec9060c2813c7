/*
 * What a stream of events sends over HTTP/1.1, line by line: the head of its answer, then chunks (RFC 9112, 7.1). A long line is cut
 * to its beginning.
 */
#ifndef TESTS_BENCH_LOAD_EVENT_SOURCE_H
#define TESTS_BENCH_LOAD_EVENT_SOURCE_H

#include "common/base/base.h"

enum { EVENT_SOURCE_LINE = 128 };

struct event_source {
    enum { SOURCE_HEAD, SOURCE_SIZE, SOURCE_DATA, SOURCE_DATA_END } state;
    size_t chunk_left; /* SOURCE_DATA: of the chunk; SOURCE_SIZE: what was read of its size */
    size_t line_length;
    char line
        [EVENT_SOURCE_LINE]; /* the beginning of a line that is not whole yet, and of the head */
};

/* Calls `take_line` with the beginning of each whole line of the body in source->line, and its length there. Ends the program where
   the stream was refused. */
void event_source_take(struct event_source *source, const char *bytes, size_t length,
                       void (*take_line)(struct event_source *source));

#endif
