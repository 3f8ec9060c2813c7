#include "tests/bench/load/polled.h"

#include "tests/bench/load/event_source.h"
#include "tests/bench/load/loop.h"
#include "tests/bench/load/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { READ_BYTES = 131072, WIRE_ID_BYTES = 48, REQUEST_BYTES = 1024 };

struct report {
    char id[WIRE_ID_BYTES];
    uint32_t number;
    enum { PROCESSED, SENT, DELIVERED } state;
};

struct polled_phone {
    struct peer stream, rest; /* rest.fd is 0 until the first request */
    const char *token;
    struct event_source source;
    bool asked, begun;
    bool fetch_wanted, busy;
    bool fetching; /* what it asked for, while busy */
    char *answer;  /* as much of it as came; NULL: nothing */
    size_t answer_length;
    struct report *reports; /* a ring, of a power of two */
    size_t capacity, first, count;
};

struct polled_results polled_results;
static struct polled_load load;
static struct polled_phone *phones;
static int started;
static int64_t start_ns;

/* ---- Reports ---- */

static void add_report(struct polled_phone *phone, const char *id, size_t length, uint32_t number,
                       int state)
{
    if (phone->count == phone->capacity) {
        size_t capacity = MAX(16, phone->capacity * 2);
        struct report *reports = malloc(capacity * sizeof(*reports));
        if (!reports)
            fail("no memory");
        for (size_t i = 0; i < phone->count; i++)
            reports[i] = phone->reports[(phone->first + i) % phone->capacity];
        free(phone->reports);
        phone->reports = reports;
        phone->capacity = capacity;
        phone->first = 0;
    }
    struct report *report = &phone->reports[(phone->first + phone->count++) % phone->capacity];
    *report = (struct report){.number = number};
    report->state = state;
    memcpy(report->id, id, MIN(length, WIRE_ID_BYTES - 1));
}

static int write_report(const struct polled_phone *phone, char *body, size_t size)
{
    static const char *const states[] = {"Processed", "Sent", "Delivered"};
    static const char at[] = "2026-11-28T13:00:02.114+01:00";
    const struct report *report = &phone->reports[phone->first];
    const char *state = states[report->state];
    int length = snprintf(body, size,
                          "[{\"id\":\"%s\",\"state\":\"%s\",\"recipients\":[{\"phoneNumber\":"
                          "\"+4915112345678\",\"state\":\"%s\"}],\"states\":{\"Pending\":\"%s\"",
                          report->id, state, state, at);
    for (int i = 0; i <= (int)report->state; i++)
        length += snprintf(body + length, size - (size_t)length, ",\"%s\":\"%s\"", states[i], at);
    return length + snprintf(body + length, size - (size_t)length, "}}]");
}

/* ---- Requests ---- */

static void rest_ready(struct peer *peer, uint32_t events);

static void ask(struct polled_phone *phone)
{
    char request[2 * REQUEST_BYTES], body[REQUEST_BYTES] = "";
    if (phone->busy || (!phone->fetch_wanted && phone->count == 0))
        return;
    if (phone->rest.fd <= 0) {
        phone->rest = (struct peer){.fd = loop_connect(load.port, true), .ready = rest_ready};
        loop_watch(&phone->rest);
    }
    phone->busy = true;
    phone->fetching = phone->fetch_wanted;
    phone->fetch_wanted = false;
    int body_length = phone->fetching ? 0 : write_report(phone, body, sizeof(body));
    int length = snprintf(request, sizeof(request),
                          "%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                          "User-Agent: me.capcom.smsgateway/1.75.0\r\n"
                          "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                          phone->fetching ? "GET /api/mobile/v1/message?order=fifo"
                                          : "PATCH /api/mobile/v1/message",
                          phone->token, body_length, body);
    if (send(phone->rest.fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        fail("a request was not sent: %s", strerror(errno));
}

/* ---- Answers ---- */

static void take_list(struct polled_phone *phone, const char *list, int64_t now)
{
    static const char before_id[] = "{\"id\":\"", at_end[] = "\"createdAt\"";
    const char *element = list;
    polled_results.fetches++;
    polled_results.empty += !strstr(list, before_id);
    while ((element = strstr(element, before_id))) {
        uint32_t number;
        const char *id = element + sizeof(before_id) - 1;
        bool is_new = message_read(id, &number) && message_received(number, now);
        for (int state = PROCESSED; is_new && state <= DELIVERED; state++)
            add_report(phone, id, strcspn(id, "\""), number, state);
        element = strstr(id, at_end);
        if (!element)
            fail("a message without its end");
    }
}

static void take_answer(struct polled_phone *phone, const char *body)
{
    int status = atoi(phone->answer + 9);
    phone->busy = false;
    if (status < 200 || status >= 300) {
        polled_results.refused++;
        phone->fetch_wanted |= phone->fetching;
        return;
    }
    if (phone->fetching) {
        take_list(phone, body, now_ns());
        return;
    }
    polled_results.reports++;
    messages.delivered += phone->reports[phone->first].state == DELIVERED;
    phone->first = (phone->first + 1) % phone->capacity;
    phone->count--;
}

/* Where the body begins once the answer is whole; NULL: it is not. */
static const char *find_body(const struct polled_phone *phone)
{
    const char *end = strstr(phone->answer, "\r\n\r\n");
    if (!end)
        return NULL;
    const char *length = strcasestr(phone->answer, "\r\nContent-Length:");
    size_t wanted = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    size_t there = phone->answer_length - (size_t)(end + 4 - phone->answer);
    return there >= wanted ? end + 4 : NULL;
}

static void rest_ready(struct peer *peer, uint32_t events)
{
    static char bytes[READ_BYTES];
    struct polled_phone *phone = CONTAINER_OF(peer, struct polled_phone, rest);
    (void)events;
    ssize_t length = recv(peer->fd, bytes, sizeof(bytes), 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) { /* nginx ends it after many requests */
        polled_results.lost += phone->busy;
        phone->fetch_wanted |= phone->busy && phone->fetching;
        phone->busy = false;
        loop_forget(peer);
        ask(phone);
        return;
    }
    phone->answer = realloc(phone->answer, phone->answer_length + (size_t)length + 1);
    if (!phone->answer)
        fail("no memory");
    memcpy(phone->answer + phone->answer_length, bytes, (size_t)length);
    phone->answer_length += (size_t)length;
    phone->answer[phone->answer_length] = '\0';
    const char *body = find_body(phone);
    if (!body)
        return;
    take_answer(phone, body);
    free(phone->answer);
    phone->answer = NULL;
    phone->answer_length = 0;
    ask(phone);
}

/* ---- Streams ---- */

static void take_line(struct event_source *source)
{
    struct polled_phone *phone = CONTAINER_OF(source, struct polled_phone, source);
    if (!phone->begun) {
        phone->begun = true;
        if (++polled_results.connected == (uint64_t)load.count)
            polled_results.all_connected_ns = now_ns();
    }
    if (strcmp(source->line, "event: MessageEnqueued") != 0)
        return;
    polled_results.events++;
    phone->fetch_wanted = true;
    ask(phone);
}

static void send_head(struct polled_phone *phone)
{
    char request[512];
    int length = snprintf(request, sizeof(request),
                          "GET /api/mobile/v1/events HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer %s\r\n\r\n",
                          phone->token);
    loop_want_output(&phone->stream, false);
    phone->asked = true;
    if (send(phone->stream.fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        fail("a stream was not asked for: %s", strerror(errno));
}

static void stream_ready(struct peer *peer, uint32_t events)
{
    static char bytes[READ_BYTES];
    struct polled_phone *phone = CONTAINER_OF(peer, struct polled_phone, stream);
    if (events & EPOLLOUT && !phone->asked)
        send_head(phone);
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t length = recv(peer->fd, bytes, sizeof(bytes), 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        polled_results.lost++;
        polled_results.connected -= phone->begun;
        loop_forget(peer);
        return;
    }
    event_source_take(&phone->source, bytes, (size_t)length, take_line);
}

void polled_start(const struct polled_load *wanted)
{
    load = *wanted;
    start_ns = now_ns();
    phones = calloc((size_t)MAX(load.count, 1), sizeof(*phones));
    if (!phones)
        fail("no memory");
}

int64_t polled_due(int64_t now)
{
    while (started < load.count) {
        int64_t connect_ns = start_ns + (int64_t)((double)started * 1e9 / load.connect_rate);
        if (connect_ns > now)
            return connect_ns;
        struct polled_phone *phone = &phones[started];
        phone->token = load.tokens[started++];
        phone->stream = (struct peer){.fd = loop_connect(load.port, false), .ready = stream_ready};
        loop_watch(&phone->stream);
        loop_want_output(&phone->stream, true);
    }
    return INT64_MAX;
}
