#include "tests/bench/load/streams.h"

#include "tests/bench/load/event_source.h"
#include "tests/bench/load/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { READ_BYTES = 65536, SECOND_LENGTH = 19 };

struct stream {
    struct peer peer;
    struct event_source source;
    bool asked, begun;
};

struct streams_results streams_results;
static struct streams_load load;
static struct stream *streams;
static int started;
static int64_t start_ns;
static int64_t read_at_wall_ns; /* what is being taken */

/* ---- Events ---- */

/* "2026-01-31T12:00:00.123Z" in milliseconds. Most events come within the second of the one before. */
static int64_t read_time_ms(const char *text)
{
    static char second[SECOND_LENGTH];
    static int64_t second_ms;
    if (memcmp(text, second, SECOND_LENGTH) != 0) {
        struct tm tm = {0};
        if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
            fail("not the time of an event: %.24s", text);
        memcpy(second, text, SECOND_LENGTH);
        second_ms = timegm(&tm) * 1000;
    }
    return second_ms + atoi(text + SECOND_LENGTH + 1);
}

static int64_t wall_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* The beginning of a line, which may be all of it. */
static void take_line(struct event_source *source)
{
    struct stream *stream = CONTAINER_OF(source, struct stream, source);
    static const char before_time[] = "\"timestamp\":\"";
    const char *line = source->line;
    if (!stream->begun && strncmp(line, "event: start", 12) == 0) {
        stream->begun = true;
        if (++streams_results.connected == (uint64_t)load.count)
            streams_results.all_connected_ns = now_ns();
    }
    if (line[0] != 'd' || strncmp(line, "data: {\"id\":", 12) != 0)
        return;
    const char *time = memmem(line, source->line_length, before_time, sizeof(before_time) - 1);
    if (!time || line + source->line_length - time < (ptrdiff_t)sizeof(before_time) + 24)
        fail("an event without a time: %s", line);
    streams_results.events++;
    if (streams_results.measuring)
        histogram_add(&streams_results.latency,
                      read_at_wall_ns - read_time_ms(time + sizeof(before_time) - 1) * 1000000);
}

/* ---- Sockets ---- */

static void lost(struct stream *stream)
{
    streams_results.lost++;
    streams_results.connected -= stream->begun;
    loop_forget(&stream->peer);
}

static void send_request(struct stream *stream)
{
    char request[512];
    size_t number = (size_t)(stream - streams);
    int length = load.key_count > 0
                     ? snprintf(request, sizeof(request),
                                "GET /api/events HTTP/1.1\r\nHost: localhost\r\n"
                                "Authorization: Bearer %s\r\n\r\n",
                                load.keys[number % load.key_count])
                     : snprintf(request, sizeof(request),
                                "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_want_output(&stream->peer, false);
    stream->asked = true;
    if (send(stream->peer.fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        lost(stream);
}

static void stream_ready(struct peer *peer, uint32_t events)
{
    static char bytes[READ_BYTES];
    struct stream *stream = CONTAINER_OF(peer, struct stream, peer);
    if (events & EPOLLOUT && !stream->asked)
        send_request(stream);
    if (peer->fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t length = recv(peer->fd, bytes, sizeof(bytes), 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        lost(stream);
        return;
    }
    streams_results.bytes += (uint64_t)length;
    streams_results.reads++;
    read_at_wall_ns = wall_ns();
    event_source_take(&stream->source, bytes, (size_t)length, take_line);
}

void streams_start(const struct streams_load *wanted)
{
    load = *wanted;
    start_ns = now_ns();
    streams = calloc((size_t)MAX(load.count, 1), sizeof(*streams));
    if (!streams)
        fail("no memory");
}

int64_t streams_due(int64_t now)
{
    while (started < load.count) {
        int64_t connect_ns = start_ns + (int64_t)((double)started * 1e9 / load.connect_rate);
        if (connect_ns > now)
            return connect_ns;
        struct stream *stream = &streams[started++];
        stream->peer = (struct peer){.fd = loop_connect(load.port, false), .ready = stream_ready};
        loop_watch(&stream->peer);
        loop_want_output(&stream->peer, true);
    }
    return INT64_MAX;
}
