/*
 * bench-fanout SOCKETS BYTES SECONDS: the ceiling of the event stream. One process writes so many bytes to each of so many unix
 * sockets, in turn, as fast as another reads them, with nothing around. It prints writes per second, and the processor seconds
 * of the writer, as JSON.
 */
#include "common/base/base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench-fanout: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Until the writer has closed all. */
static _Noreturn void read_all(const int *sockets, int count)
{
    static char bytes[65536];
    struct epoll_event ready[256];
    int epoll_fd = epoll_create1(0), open = count;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets[i]};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, sockets[i], &event) < 0)
            fail("no epoll");
    }
    while (open > 0) {
        int number = epoll_wait(epoll_fd, ready, ARRAY_LENGTH(ready), -1);
        for (int i = 0; i < number; i++) {
            if (recv(ready[i].data.fd, bytes, sizeof(bytes), 0) > 0)
                continue;
            close(ready[i].data.fd);
            open--;
        }
    }
    _exit(0);
}

static void write_one(int fd, const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t part = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (part < 0 && errno != EAGAIN)
            fail("a write failed");
        if (part < 0)
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        sent += (size_t)MAX(part, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-fanout SOCKETS BYTES SECONDS\n");
        return 2;
    }
    int count = atoi(argv[1]);
    size_t length = (size_t)atoi(argv[2]);
    char *bytes = calloc(1, length);
    int *ours = calloc((size_t)count, sizeof(*ours)),
        *theirs = calloc((size_t)count, sizeof(*theirs));
    if (!bytes || !ours || !theirs)
        fail("no memory");
    for (int i = 0; i < count; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            fail("no sockets");
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    pid_t reader = fork();
    for (int i = 0; i < count; i++)
        close(reader == 0 ? ours[i] : theirs[i]);
    if (reader == 0)
        read_all(theirs, count);
    uint64_t writes = 0;
    double start = seconds_of(CLOCK_MONOTONIC), now = start;
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (; now - start < atof(argv[3]); now = seconds_of(CLOCK_MONOTONIC)) {
        for (int i = 0; i < count; i++)
            write_one(ours[i], bytes, length);
        writes += (uint64_t)count;
    }
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (int i = 0; i < count; i++)
        close(ours[i]);
    waitpid(reader, NULL, 0);
    printf("{\"writes_per_second\": %.1f, \"cpu_seconds\": %.6f}\n", (double)writes / (now - start),
           cpu);
    return 0;
}
